"""How a node stops. The order is here only."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.custody import Custody
from dbjobs.engine.dispatcher import Dispatcher
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.node import Node
from dbjobs.engine.reporter import Reporter
from dbjobs.engine.runner import Runners
from dbjobs.engine.settings import Settings
from dbjobs.engine.transient.runs import Transients
from dbjobs.errors import DatabaseError
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Outcome
from dbjobs.wording import counted

log = logging.getLogger("dbjobs")

# How long the last writes may take when the database is slow or away; then the lease runs out by itself.
LAST_WRITES_SECONDS = 10.0


class Shutdown:
    """Stops the loops and attempts of a node.

    Args:
        now: set when running handlers get no grace.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        dispatcher: Dispatcher,
        runners: Runners,
        finisher: Finisher,
        reports: Reporter,
        node: Node,
        now: anyio.Event,
        transients: Transients,
    ) -> None:
        self._db = db
        self._settings = settings
        self._dispatcher = dispatcher
        self._runners = runners
        self._finisher = finisher
        self._reports = reports
        self._node = node
        self._now = now
        self._transients = transients

    async def run(self, dispatching: anyio.Event) -> list[Attempt]:
        """End claims, then waiting attempts, then running ones, then outcomes, then reports, then the node.

        Args:
            dispatching: set once the dispatcher has ended.

        Returns:
            Attempts whose plain handlers still run in threads.
        """
        self._dispatcher.stop()
        with anyio.move_on_after(LAST_WRITES_SECONDS):
            await dispatching.wait()
        self._runners.give_back_waiting()
        await self._grace()
        self._runners.memory.end_all(Stop.SHUTDOWN, time.monotonic())
        self._transients.end_all(Stop.SHUTDOWN)
        with anyio.move_on_after(self._settings.unresponsive_seconds + 1.0):
            await self._quiet()
        left = self._runners.forsake() + self._transients.forsake()
        if not left:
            with anyio.move_on_after(1.0):
                await self._quiet()  # handlers that had to be closed
        try:
            with anyio.fail_after(LAST_WRITES_SECONDS):
                await self._finisher.flush()
                await self._reports.flush()
            node_id = self._node.id
            if node_id is not None and not left:
                # No beat may find the row gone and register the node once more.
                await self._node.stop()
                with anyio.fail_after(LAST_WRITES_SECONDS):
                    await self._give_back_rest(node_id)
                    await repository.remove_node(self._db, node_id)
        except TimeoutError:
            log.warning(
                "the node could not sign off (no answer within %g s); its lease will run out", LAST_WRITES_SECONDS
            )
        except Exception as error:
            # An error that is not the database's is a fault of ours, or of a driver: its traceback says more.
            place = None if isinstance(error, DatabaseError) else error
            log.warning("the node could not sign off (%s); its lease will run out", error, exc_info=place)
        if left and self._node.id is not None:
            self._leave_in_custody(self._node.id, left)
        return left

    def _leave_in_custody(self, node_id: int, left: list[Attempt]) -> None:
        """Handlers in threads still run: their jobs and lanes stay ours, and the stop need not wait for them."""
        for attempt in left:
            log.error(
                "%s %s (%s) still runs in a thread, which cannot be stopped; it keeps its job%s until it ends (the "
                "lease of node %s is renewed), or until this process does: end it to hand them over within %g s",
                *attempt.name, attempt.job.command,
                f" and the worker {attempt.job.worker!r}" if attempt.job.worker is not None else "",
                node_id, self._settings.lease_seconds,
            )  # fmt: skip
        Custody(self._db, node_id, self._settings.lease_seconds, left).start()

    async def _grace(self) -> None:
        running = len(self._runners.memory.held) + self._transients.busy
        if not running or self._now.is_set():
            return
        log.info("stopping: waiting for %s", counted(running, "running job"))
        with anyio.move_on_after(self._settings.grace_seconds):
            async with anyio.create_task_group() as waits:

                async def wait_for(something: Callable[[], Awaitable[Any]]) -> None:
                    await something()
                    waits.cancel_scope.cancel()

                waits.start_soon(wait_for, self._quiet)
                waits.start_soon(wait_for, self._now.wait)

    async def _quiet(self) -> None:
        """Wait until neither an attempt nor a transient run is left."""
        while self._runners.memory.held or self._transients.busy:
            await self._runners.memory.quiet()
            await self._transients.quiet()

    async def _give_back_rest(self, node_id: int) -> None:
        held = await repository.find_held(self._db, node_id, 100_000)
        if held:
            outcomes = [Outcome(id=job.id, attempt=job.attempt, kind="hand_back") for job in held]
            await repository.hand_back_jobs(self._db, node_id, outcomes)
