"""Opens the task group and starts the loops in order."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio
from anyio.abc import TaskGroup

from dbjobs.commands import codec
from dbjobs.commands.registry import Registry
from dbjobs.context import JobContext
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.causes import Causes
from dbjobs.engine.clock_steps import ClockSteps
from dbjobs.engine.crews import Kind, kind_of
from dbjobs.engine.deadlines import Deadlines
from dbjobs.engine.dependencies import Dependencies
from dbjobs.engine.dispatcher import Dispatcher
from dbjobs.engine.drain import Drain
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.janitor import Janitor
from dbjobs.engine.lapse import Lapse
from dbjobs.engine.node import BEATS_PER_LEASE, Listener, Node
from dbjobs.engine.queues import Queues
from dbjobs.engine.reporter import Reporter
from dbjobs.engine.resilience import Outages, every, speak_through, supervised
from dbjobs.engine.runner import UNSTARTED_SECONDS, Runners
from dbjobs.engine.settings import Settings
from dbjobs.engine.shelter import Shelter
from dbjobs.engine.shutdown import Shutdown
from dbjobs.engine.stall import StallWatch
from dbjobs.engine.tally import FLUSH_SECONDS, Tally
from dbjobs.engine.tasks import Tasks
from dbjobs.engine.timekeeper import Timekeeper
from dbjobs.engine.transient.host import Host
from dbjobs.engine.transient.runs import Transients
from dbjobs.engine.vacuum import Vacuum
from dbjobs.engine.waker import Waker
from dbjobs.errors import AttemptLost, DatabaseError, InvalidResponse, WorkersStopped
from dbjobs.models import Job, JobRef
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE
from dbjobs.store.transactions.partitions import make_partitions
from dbjobs.store.transactions.settlement import settle_in
from dbjobs.transaction import Transaction

log = logging.getLogger("dbjobs")

LONGEST_CANCEL_LOOK_SECONDS = 5.0
HEARTBEAT = "heartbeat"
COUNTING = "writing statistics"
LAST_COUNT_SECONDS = 2.0


DRAINING = "draining"


def drain_setting(node_id: int) -> str:
    """The setting by which a node is asked to claim nothing more."""
    return f"drain:{node_id}"


def _version() -> str:
    try:
        return version("dbjobs")
    except PackageNotFoundError:  # a source tree that is not installed
        return "unknown"


class Engine:
    """The workers of this process, from start to stop.

    Attributes:
        left: after the stop, attempts whose plain handlers still run in threads.
    """

    def __init__(
        self,
        db: Database,
        registry: Registry,
        settings: Settings,
        *,
        max_payload_bytes: int,
        enqueue: Callable[..., Awaitable[JobRef]],
        get_many: Callable[..., Awaitable[dict[int, Job]]],
        on_finished: Callable[[Sequence[int]], None],
        on_reconnected: Callable[[float | None], None],
        transients: Transients,
        tasks: Sequence[str] = (),
    ) -> None:
        self._db = db
        self._settings = settings
        self._registry = registry
        self._max_payload_bytes = max_payload_bytes
        self._vacuum = Vacuum(db)

        def ended(ids: Sequence[int]) -> None:
            self._vacuum.ended(len(ids))
            on_finished(ids)

        self._on_finished = ended
        self._began = time.monotonic()
        self._version = _version()  # now: the heartbeat's thread imports nothing
        transients.enter_loop()
        self._transients = transients
        self.enqueue = enqueue
        self.get_many = get_many
        self.waker = Waker(db, lambda id: self._runners.cancel((id,)), lambda: self.dependencies.poke())
        self.dependencies = Dependencies(db, self.waker, on_finished)
        self._scheduled = Tasks(db, registry, self.waker, transients, tasks)
        self.timekeeper = Timekeeper(db, self.waker, self._scheduled)
        self._clock_steps = ClockSteps(db, self.timekeeper)
        self.reports = Reporter(db, self._current_node)
        self._finisher = Finisher(
            db,
            self.reports,
            self.waker,
            ended,
            self.timekeeper.scheduled_in,
            lambda: self._dispatcher.reconcile_soon(),
            self.dependencies.ended,
        )
        self._causes = Causes(db, self._current_node)
        self._tally = Tally(db, self._current_node, self._causes.count)
        self._finisher.count = self._tally.count
        self._deadlines = Deadlines(settings.unresponsive_seconds)
        self._queues = Queues(settings.queues)
        self._runners = Runners(
            settings,
            registry,
            self._finisher,
            self._deadlines,
            self.waker,
            self.reports,
            max_payload_bytes=max_payload_bytes,
            lease_ends=lambda: self._node.lease_ends,
            current_node=self._current_node,
            is_served=self._queues.serves,
            on_death=self._die,
            turns=transients.turns,
        )
        self._dispatcher = Dispatcher(
            db, registry, self._runners, self._finisher, self.waker, self._queues, self, self._current_node
        )
        self._janitor = Janitor(
            db, self.waker, lease_seconds=settings.lease_seconds, retention_months=settings.retention_months
        )
        self._outages = Outages()
        self._on_reconnected = on_reconnected
        self._stall = StallWatch(asyncio.get_running_loop(), settings.stall_seconds)
        self._node = Node(
            db,
            lease_seconds=settings.lease_seconds,
            describe=self._describe,
            listener=Listener(
                registered=self.waker.look_everywhere,
                lost=lambda node_id, why: self._lapse.lost(node_id, why),
                renewed_late=lambda: self._lapse.renewed_late(),
                trouble=lambda error: self._outages.failed(HEARTBEAT, error),
                answered=self._answered,
                reconnected=self._reconnected,
            ),
        )
        self._stop_asked = anyio.Event()
        self._stop_now = anyio.Event()
        self._lapse = Lapse(self._node, self._dispatcher, self._runners, self._finisher, self._janitor, transients)
        self._shutdown = Shutdown(
            db,
            settings,
            self._dispatcher,
            self._runners,
            self._finisher,
            self.reports,
            self._node,
            self._stop_now,
            transients,
        )
        self._tasks: TaskGroup | None = None
        self._asked_to_drain: int | None = None  # the id in whose name that was looked for last
        self._death: BaseException | None = None
        self.left: list[Attempt] = []

    @property
    def node_id(self) -> int | None:
        """The node's id; None while its lease is lost and a new one is being taken."""
        return self._node.id

    def stop(self, *, now: bool = False) -> None:
        """Ask the node to stop: claims end, running handlers get their grace (none with ``now``)."""
        self._stop_asked.set()
        if now:
            self._stop_now.set()

    def drain(self) -> Drain:
        """A run of all that may run now (see Drain)."""
        return Drain(
            self._dispatcher, self._runners.memory, self._finisher, self.timekeeper, self.dependencies, self.reports
        )

    @property
    def stopping(self) -> anyio.Event:
        """Set once a stop was asked for."""
        return self._stop_asked

    def cancel(self, ids: Iterable[int]) -> None:
        """Cancel these jobs if they run here."""
        self._runners.cancel(ids)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Workers run while this block does."""
        raised: Exception | None = None
        try:
            speak_through(self._outages)
            self._stall.start()
            await self._node.start()
            async with anyio.create_task_group() as tasks:
                loops = Shelter(tasks)
                self._tasks = tasks
                loops.start_soon(supervised, "writing outcomes", self._finisher.run, self._current_node)
                loops.start_soon(supervised, "writing reports", self.reports.run)
                loops.start_soon(
                    supervised,
                    "deadlines",
                    self._deadlines.run,
                    self._runners.memory.all,
                    self._runners.abandon,
                    self._lapse.look,
                )
                loops.start_soon(supervised, "listening", self.waker.listen)
                loops.start_soon(every, "looking for cancellations", 0.2, self._look_for_cancellations)
                loops.start_soon(every, "looking whether to drain", 0.2, self.look_for_drain)
                loops.start_soon(every, "promoting due jobs", 0.05, self.timekeeper.promote)
                loops.start_soon(every, "expiring jobs", 0.3, self.timekeeper.expire)
                loops.start_soon(every, "comparing clocks", 0.4, self._clock_steps.look)
                loops.start_soon(every, "telling children of their parents", 0.05, self.dependencies.look)
                loops.start_soon(every, "rescuing dead nodes", 0.1, self._janitor.rescue)
                loops.start_soon(every, "returning jobs", UNSTARTED_SECONDS, self._runners.give_back_stuck)
                loops.start_soon(every, "housekeeping", 0.5, self._janitor.housekeep)
                loops.start_soon(every, "folding batches", 1.0, self._janitor.fold)
                loops.start_soon(every, "vacuuming", 1.0, self._vacuum.look)
                loops.start_soon(every, COUNTING, FLUSH_SECONDS, self._tally.flush)
                loops.start_soon(every, "counting causes", FLUSH_SECONDS, self._causes.flush)
                self._transients.attach(self._host())
                dispatching = anyio.Event()
                loops.start_soon(self._dispatch, dispatching)
                try:
                    yield
                except Exception as error:
                    raised = error  # goes on below as it is, not wrapped in this task group's ExceptionGroup
                finally:
                    # However the block ended, running jobs get their grace and outcomes are written.
                    try:
                        with anyio.CancelScope(shield=True):
                            self.stop()
                            self.left = await self._shutdown.run(dispatching)
                            await self._count_last()
                            await self._runners.close()
                    finally:
                        self._transients.detach(self.left)
                        loops.end()  # shielded as they are, nothing else would end them
        finally:
            with anyio.CancelScope(shield=True):
                await self._node.stop()
                await self._vacuum.close()
            self._stall.stop()
        if raised is not None:
            raise raised
        if tasks.cancel_scope.cancel_called:
            raise WorkersStopped(
                "the workers of this process have ended without having been asked to: "
                + ("somebody has cancelled one of their tasks" if self._death is None else repr(self._death))
            ) from self._death

    @asynccontextmanager
    async def transaction(self, context: JobContext) -> AsyncIterator[Transaction]:
        """The handler's writes and its job's completion in one transaction (see JobContext.transaction)."""
        month = context.created_at.strftime("%Y%m")
        if month != datetime.now(UTC).strftime("%Y%m"):
            await make_partitions(self._db, [month])  # what the handler does cannot be repeated afterwards
        async with self.reports.set_aside(context) as lines, self._db.handler_transaction() as session:
            transaction = Transaction(session)
            yield transaction
            transaction.end()
            response = context.response
            body = codec.encode(
                response,
                what=f"the response of {context.command!r}",
                limit=self._max_payload_bytes,
                invalid=InvalidResponse,
            )
            outcome = Outcome(
                id=context.id,
                attempt=context.attempt,
                kind="executed" if context._callback_pending else "completed",
                response=None if body is None else type(response).__name__,
                response_body=body,
                progress=context.progress_value,
                status=context.status,
            )
            count = len(lines)  # threads may add some
            if count:
                await repository.insert_logs(session, context.node_id, lines[:count], time.monotonic())
            settlement = await settle_in(session, context.node_id, [outcome])
            if settlement.lost:
                raise AttemptLost(f"job {context.id}: this attempt is no longer ours; its transaction is rolled back")
        del lines[:count]
        if context._callback_pending:
            context._executed_body = (body,)
            self.reports.go_on(context)
            return
        context._settled = True
        self._tally.add(context._job, "completed", None, time.monotonic())
        if settlement.parents:
            self.dependencies.ended(settlement.parents)
        self._on_finished([context.id])

    async def _count_last(self) -> None:
        """Write what was counted since the last time; statistics must hold up no stop."""
        try:
            with anyio.move_on_after(LAST_COUNT_SECONDS):
                await self._tally.flush()
                await self._causes.flush()
        except DatabaseError as error:
            log.info("the last statistics of this node are lost: %s", error)

    def _host(self) -> Host:
        """This node, for transient runs."""
        runners = self._runners
        self._transients.turns.attach(runners.memory, runners.undefer)
        return Host(
            db=self._db,
            current_node=self._current_node,
            lease_ends=lambda: self._node.lease_ends,
            lanes_to_write=self._finisher.lanes,
            has_lane=runners.memory.has_lane,
            yield_lane=runners.yield_lane,
            leased=runners.memory.leased,
            leasing=runners.leasing,
            takers=set(),
            look_for_lanes=self.waker.look_for_lanes,
            on_stray_lane=self._dispatcher.reconcile_soon,
            threads=self._settings.threads,
            processes=self._settings.processes,
            unresponsive_seconds=self._settings.unresponsive_seconds,
        )

    async def _dispatch(self, ended: anyio.Event) -> None:
        try:
            await supervised("claiming jobs", self._dispatcher.run)
        finally:
            ended.set()

    def _current_node(self) -> int | None:
        return self._node.id

    def _die(self, error: BaseException) -> None:
        """A task has ended that should live as long as the node."""
        log.critical("the workers of this process end: %r", error)
        self._death = error
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    def _answered(self) -> None:
        self._outages.succeeded(HEARTBEAT)
        self._outages.answered()

    def _reconnected(self, unanswered_seconds: float | None) -> None:
        self._db.distrust(unanswered_seconds)
        self._on_reconnected(unanswered_seconds)

    async def _look_for_cancellations(self) -> float:
        """Ask which of our jobs to cancel, for cancellations without a notice; seconds until the next look."""
        # Not the heartbeat's business: somebody may lock the job table, and that is no reason to lose a lease.
        if self._node.id is not None:
            self._runners.cancel(await repository.find_cancel_requests(self._db, self._node.id))
        return min(self._settings.lease_seconds / BEATS_PER_LEASE, LONGEST_CANCEL_LOOK_SECONDS)

    async def look_for_drain(self) -> float:
        """Stop claiming, or go on, as somebody has asked of this node; seconds until the next look."""
        id = self._node.id
        if id is None:  # its lease is lost: it stays as it is until it is back
            resting = self._dispatcher.resting
        else:
            asked = await repository.get_setting(self._db, drain_setting(id))
            former, self._asked_to_drain = self._asked_to_drain, id
            if asked is None and former is not None and former != id:
                asked = await self._take_drain_along(former, id)
            resting = self._dispatcher.resting if asked is None else asked == DRAINING
        if resting != self._dispatcher.resting:
            log.info("node %s %s", id, "claims nothing more: it is drained" if resting else "claims jobs again")
            self._dispatcher.resting = resting
            self.waker.look_everywhere()
        return min(self._settings.lease_seconds / BEATS_PER_LEASE, LONGEST_CANCEL_LOOK_SECONDS)

    async def _take_drain_along(self, former: int, id: int) -> str | None:
        """What was asked of this process under its former id (a lease was lost since) is asked of the new one."""
        try:
            asked = await repository.get_setting(self._db, drain_setting(former))
            if asked == DRAINING or (asked is None and self._dispatcher.resting):
                await repository.put_setting(self._db, drain_setting(id), DRAINING)
        except BaseException:
            self._asked_to_drain = former  # the next look does it
            raise
        return asked

    def _commands(self) -> dict[Kind, list[str]]:
        names: dict[Kind, list[str]] = {}
        for command in self._registry.runnable_commands():
            names.setdefault(kind_of(command), []).append(command.name)
        if self._registry.built_in:
            names.setdefault("loop", []).extend(self._registry.built_in)
        return names

    def _served(self) -> list[str] | None:
        """Names of the queues that this node serves, that of deliveries included if it makes any; None for all."""
        if self._settings.queues is None:
            return None
        return [*self._settings.queues, *([DELIVERY_QUEUE] if "delivery" in self._runners.crews else [])]

    def _describe(self) -> dict[str, Any]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "concurrency": self._settings.concurrency,
            "running": self._runners.busy,
            "queues": self._served(),
            "limits": {queue: limit for queue, limit in (self._settings.queues or {}).items() if limit is not None},
            "commands": self._commands(),
            "places": {kind: (crew.busy, crew.limit) for kind, crew in self._runners.crews.items()},
            "version": self._version,
            "python": platform.python_version(),
            "loop_lag_ms": round(self._stall.take_lag() * 1000, 1),
            **({"draining": True} if self._dispatcher.resting else {}),
            "uptime_seconds": round(time.monotonic() - self._began, 1),
            **({"tasks": self._scheduled.names} if self._scheduled.names else {}),
        }
