"""All transient runs of one Jobs object: how they start, wait for their turn, and end."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from itertools import count
from typing import Any

import anyio
import msgspec

from dbjobs.commands.registry import Command, Registry
from dbjobs.context import JobContext, current_job
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.children import Children
from dbjobs.engine.crews import Kind, kind_of
from dbjobs.engine.settings import Settings
from dbjobs.engine.steps import Seat
from dbjobs.engine.transient.claimed import claimed_run
from dbjobs.engine.transient.endings import ending_of, record_of
from dbjobs.engine.transient.execution import RunExecution
from dbjobs.engine.transient.host import Host
from dbjobs.engine.transient.lease import LaneLease
from dbjobs.engine.transient.places import Places
from dbjobs.engine.transient.records import Records
from dbjobs.engine.transient.run import Calls, Run, RunServices
from dbjobs.engine.transient.turns import LaneTurns
from dbjobs.engine.transient.watch import RunWatch, forsake
from dbjobs.errors import InvalidOption, NotRunning, RunCancelled, TooManyRuns, UnknownCommand
from dbjobs.store.own_thread import in_own_thread
from dbjobs.store.records import NewJob, Outcome

log = logging.getLogger("dbjobs")

# The grace and limits of runs when a Jobs object without a node closes: a node's defaults.
_DEFAULTS = Settings()


class Transients:
    """Runs commands now. What belongs to one event loop is made anew in another one.

    Args:
        most: how many may wait and run at the same time.

    Attributes:
        records: of runs that have ended.
        turns: whose turn it is in the lanes of this process.
    """

    def __init__(self, registry: Registry, calls: Calls, *, most: int, max_payload_bytes: int) -> None:
        self._registry = registry
        self._calls = calls
        self._most = most
        self._max_payload_bytes = max_payload_bytes
        self._numbers = count(1)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.records = Records()
        self._begin()

    def _begin(self) -> None:
        self.turns = LaneTurns()
        self._host: Host | None = None
        self._runs: dict[Run[Any], asyncio.Task[None]] = {}
        self._of_host: set[Run[Any]] = set()
        self._left: set[Run[Any]] = set()  # their threads go on without them
        self._quiet = asyncio.Event()
        self._stopping = False
        self._watch = RunWatch(self._attempts)
        self._children: Children | None = None
        self._places: dict[Kind, Places] = {
            "thread": Places(_DEFAULTS.threads),
            "process": Places(os.cpu_count() or 1),
        }

    def enter_loop(self) -> None:
        """Belong to the event loop that runs here."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._begin()
            self._loop = loop

    # --- a node around them ---------------------------------------------------------------------

    def attach(self, host: Host) -> None:
        """A node has started; runs that are submitted from here on end with it."""
        self._host, self._stopping = host, False
        self._places["thread"].limit, self._places["process"].limit = host.threads, host.processes
        if self._watch.deadlines is not None:
            self._watch.start(host.unresponsive_seconds)

    def detach(self, left: list[Attempt]) -> None:
        """The node has ended; these attempts of it still run in threads."""
        self._host, self._stopping = None, False
        self.turns.detach(left)

    @property
    def busy(self) -> int:
        """Runs of this node that have not ended."""
        return len(self._of_host)

    async def quiet(self) -> None:
        """Wait until no run of this node is left."""
        while self._of_host:
            self._quiet.clear()
            await self._quiet.wait()

    def end_all(self, reason: Stop) -> None:
        """Ask every run of this node to end; no more are taken."""
        self._stopping = True
        for run in list(self._of_host):
            run.end(reason)

    def lost(self, node_id: int) -> None:
        """The lease of a node id is over: others may have the lanes that runs hold over all nodes."""
        for run in list(self._of_host):
            if run.exclusive and run._attempt.node_id == node_id:
                run.end(Stop.LOST)

    def forsake(self) -> list[Attempt]:
        """The node ends without these: their handlers run on in threads."""
        left = []
        for run in list(self._of_host):
            if forsake(run._attempt):
                left.append(run._attempt)
        return left

    # --- runs -----------------------------------------------------------------------------------

    def running(self) -> list[Run[Any]]:
        """Those that have not ended, oldest first."""
        return [run for run in self._runs if not run.finished]

    def submit(self, command: Command, row: NewJob, *, exclusive: bool) -> Run[Any]:
        """Start a run, or let it wait for its turn.

        Args:
            row: the job as it would be stored: its request is encoded, its options are in it.

        Raises:
            UnknownCommand: this process has no handler for it. TooManyRuns. InvalidOption.
            NotRunning: the node is stopping, or ``exclusive`` asks for a node and there is none.
        """
        if command.handler is None:
            raise UnknownCommand(
                f"command {command.name!r} is only declared in this process, so it cannot run here; enqueue it"
            )
        if exclusive and row.worker is None:
            raise InvalidOption(f"transient run of {command.name!r}: exclusive=True needs worker=, the lane to take")
        if exclusive and self._host is None:
            raise NotRunning(
                f"transient run of {command.name!r}: exclusive=True takes worker {row.worker!r} over all nodes by the "
                "lease of this one, and no workers run here: use 'async with jobs.start():'"
            )
        if self._stopping:
            raise NotRunning(f"transient run of {command.name!r}: the workers of this process are stopping")
        if len(self._runs) >= self._most:
            raise TooManyRuns(
                f"transient run of {command.name!r}: {self._most} runs wait or run in this process already "
                "(max_transient); enqueue what can wait"
            )
        if self._watch.deadlines is None:
            self._watch.start(_DEFAULTS.unresponsive_seconds if self._host is None else self._host.unresponsive_seconds)
        run = self._run(command, row, exclusive=exclusive)
        self._runs[run] = asyncio.Task(self._live(run), loop=asyncio.get_running_loop(), name="dbjobs-run")
        if self._host is not None:
            self._of_host.add(run)
        return run

    def _run(self, command: Command, row: NewJob, *, exclusive: bool) -> Run[Any]:
        if command.should_retry is not None:
            command = msgspec.structs.replace(command, should_retry=None)  # nothing is retried here
        services = RunServices(self._calls, current_job.get())
        job = claimed_run(row, -next(self._numbers))
        node_id = None if self._host is None else self._host.current_node()
        context = JobContext(job, services, node_id or 0)
        # An exclusive run belongs to a node id from when it has its lane's lease (see LaneLease).
        attempt = Attempt(job, command, 0 if exclusive else node_id or 0, context)
        return Run(attempt, services, exclusive=exclusive)

    async def _live(self, run: Run[Any]) -> None:
        """The task of a run, from its submission until nothing of it is left."""
        attempt, worker, host = run._attempt, run.worker, self._host
        lease = LaneLease(host, worker) if run.exclusive and host is not None and worker is not None else None
        places = self._places.get(kind_of(attempt.command))
        place: asyncio.Future[None] | None = None
        has_asked = False
        call_ended = asyncio.Event()
        execution = self._execution(host if lease is not None else None, attempt, call_ended)
        outcome: Outcome | None = None
        began = time.monotonic()
        try:
            if worker is not None and (turn := self.turns.ask(attempt, worker)) is not None:
                await run.until(turn)
            if lease is not None and attempt.stop is None:
                await lease.take(attempt, lambda seconds: run.until(None, seconds))
            if places is not None and attempt.stop is None:
                place, has_asked = places.ask(), True
                if place is not None:
                    await run.until(place)
            if attempt.stop is None:
                began = time.monotonic()
                run.begin()
                outcome = await self._execute(execution, attempt)
        except asyncio.CancelledError:
            run.end(Stop.SHUTDOWN)  # somebody ends every task of this event loop
            raise
        finally:
            self._conclude(run, execution, outcome, (time.monotonic() - began) * 1000)
            if attempt.still_runs:
                self._leave(run)
                await call_ended.wait()  # its lane and its place are not free before
                self._left.discard(run)
            if lease is not None:
                await lease.give_back()
            if worker is not None:
                self.turns.give_back(attempt, worker)
            if places is not None and has_asked:
                places.give_back(place)
            try:
                await run.tell()
            finally:
                self._runs.pop(run, None)
                self._release(run)

    async def _execute(self, execution: RunExecution, attempt: Attempt) -> Outcome | None:
        seat = Seat()
        try:
            return await execution.run(attempt, seat)
        finally:
            seat.leave(None)

    def _execution(self, host: Host | None, attempt: Attempt, call_ended: asyncio.Event) -> RunExecution:
        """How the run is executed.

        Args:
            host: the node whose lease it needs, if any.
        """
        deadlines = self._watch.deadlines
        assert deadlines is not None
        if self._children is None:
            self._children = Children(self._places["process"].limit)
        return RunExecution(
            self._registry,
            deadlines,
            self._children,
            max_payload_bytes=self._max_payload_bytes,
            lease_ends=(lambda: math.inf) if host is None else host.lease_ends,
            current_node=(lambda: attempt.node_id) if host is None else host.current_node,
            on_call_ended=lambda _: call_ended.set(),
        )

    def _conclude(self, run: Run[Any], execution: RunExecution, outcome: Outcome | None, duration_ms: float) -> None:
        state, error, code = ending_of(run._attempt, execution, outcome)
        response = execution.response if error is None else None
        heard = run.conclude(state, response, error, duration_ms)
        self.records.add(record_of(run, code, outcome))
        if not heard and not (isinstance(error, RunCancelled) and error.reason == "cancel"):
            log.error(
                "transient run %s (%s) %s, and nobody waits for it: %s", run.id, run.command, state, error,
                exc_info=error,
            )  # fmt: skip

    def _leave(self, run: Run[Any]) -> None:
        """Note that a run ended and its thread goes on: nobody waits for it, unless the node holds a lane for it."""
        self._left.add(run)
        if not run.exclusive:
            self._release(run)

    def _release(self, run: Run[Any]) -> None:
        self._of_host.discard(run)
        if not self._of_host:
            self._quiet.set()

    def _attempts(self) -> list[Attempt]:
        return [run._attempt for run in self._runs]

    # --- the end --------------------------------------------------------------------------------

    async def close(self) -> None:
        """The database is about to be closed: runs get the grace that a node gives by default, and are then ended."""
        if self._loop is not asyncio.get_running_loop():
            return
        with anyio.CancelScope(shield=True):
            await self._all_ended(_DEFAULTS.grace_seconds)
            self._stopping = True
            for run in self.running():
                run.end(Stop.SHUTDOWN)
            await self._all_ended(_DEFAULTS.unresponsive_seconds + 1.0)
            for run in self.running():
                if forsake(run._attempt):
                    log.error(
                        "transient run %s (%s) still runs in a thread, which cannot be stopped", run.id, run.command
                    )
            await self._all_ended(1.0)
            self._watch.stop()
            if self._children is not None:
                await in_own_thread(self._children.close)
        self._loop = None

    async def _all_ended(self, seconds: float) -> None:
        """Wait until every run has ended and its callbacks were called."""
        deadline = time.monotonic() + seconds
        while tasks := [task for run, task in self._runs.items() if run not in self._left]:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await asyncio.wait(tasks, timeout=left)
