"""Opens the task group and starts the loops in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from dbjobs.commands.registry import Registry
from dbjobs.context import JobContext
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.cancellations import Cancellations
from dbjobs.engine.causes import Causes
from dbjobs.engine.clock_steps import ClockSteps
from dbjobs.engine.completion import Completion
from dbjobs.engine.deadlines import Deadlines
from dbjobs.engine.dependencies import Dependencies
from dbjobs.engine.description import Description
from dbjobs.engine.dispatcher import Dispatcher
from dbjobs.engine.drain import Drain
from dbjobs.engine.draining import Draining
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
from dbjobs.engine.stacks import Stacks
from dbjobs.engine.stall import StallWatch
from dbjobs.engine.tally import FLUSH_SECONDS, Tally
from dbjobs.engine.tasks import Tasks
from dbjobs.engine.timekeeper import Timekeeper
from dbjobs.engine.transient.host import Host
from dbjobs.engine.transient.runs import Transients
from dbjobs.engine.vacuum import Vacuum
from dbjobs.engine.waker import Waker
from dbjobs.errors import WorkersStopped
from dbjobs.models import Job, JobRef
from dbjobs.store.database import Database
from dbjobs.transaction import Transaction

log = logging.getLogger("dbjobs")

# The longest pause between two looks at what was asked of this node.
LONGEST_LOOK_SECONDS = 5.0
HEARTBEAT = "heartbeat"
COUNTING = "writing statistics"
LAST_COUNT_SECONDS = 2.0


class Engine:
    """The workers of this process, from start to stop.

    Args:
        db: the workers' own database, which ``opening`` opens.
        opening: waited for before anything is asked of it.

    Attributes:
        left: after the stop, attempts whose plain handlers still run in threads.
    """

    def __init__(
        self,
        db: Database,
        opening: Awaitable[None],
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
        self._opening = opening
        self._settings = settings
        self._vacuum = Vacuum(db)

        def ended(ids: Sequence[int]) -> None:
            self._vacuum.ended(len(ids))
            on_finished(ids)

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
        self._completion = Completion(
            db, self.reports, self._tally, self.dependencies.ended, ended, max_payload_bytes=max_payload_bytes
        )
        seconds = min(settings.lease_seconds / BEATS_PER_LEASE, LONGEST_LOOK_SECONDS)
        self._cancellations = Cancellations(db, self._current_node, self._runners.cancel, seconds=seconds)
        self._draining = Draining(db, self._current_node, self._dispatcher, self.waker.look_everywhere, seconds=seconds)
        self._stacks = Stacks(db, self._current_node, self._runners.memory.held, seconds=seconds)
        self._outages = Outages()
        self._on_reconnected = on_reconnected
        self._stall = StallWatch(asyncio.get_running_loop(), settings.stall_seconds)
        self._node = Node(
            db,
            lease_seconds=settings.lease_seconds,
            describe=Description(
                registry, settings, self._runners, self._dispatcher, self._stall, self._scheduled.names
            ).of_node,
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
            try:
                await self._node.start()  # on a connection of its own, beside the opening
                await self._opening
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await self._node.withdraw()
                raise
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
                loops.start_soon(every, "looking for cancellations", 0.2, self._cancellations.look)
                loops.start_soon(every, "checking for a request to drain", 0.2, self._draining.look)
                loops.start_soon(every, "answering requests for stacks", 3.0, self._stacks.look)
                loops.start_soon(every, "promoting due jobs", 0.05, self.timekeeper.promote)
                loops.start_soon(every, "expiring jobs", 0.3, self.timekeeper.expire)
                loops.start_soon(every, "comparing clocks", 0.4, self._clock_steps.look)
                loops.start_soon(every, "telling children how parents ended", 0.05, self.dependencies.look)
                loops.start_soon(every, "rescuing dead nodes", 0.1, self._janitor.rescue)
                loops.start_soon(every, "handing back stuck jobs", UNSTARTED_SECONDS, self._runners.give_back_stuck)
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
                "the workers of this process ended without having been asked to: "
                + ("something cancelled one of their tasks" if self._death is None else repr(self._death))
            ) from self._death

    def transaction(self, context: JobContext) -> AbstractAsyncContextManager[Transaction]:
        """The handler's writes and its job's completion in one transaction (see JobContext.transaction)."""
        return self._completion.opened(context)

    async def look_for_drain(self) -> None:
        """Look at once whether somebody has asked this node to claim nothing more, or to go on.

        If so, a claim that is under way ends before this does, but it is not waited for beyond a lease.
        """
        await self._draining.look()
        if self._dispatcher.resting:
            with anyio.move_on_after(self._settings.lease_seconds):
                await self._dispatcher.until_rested()

    async def _count_last(self) -> None:
        """Write what was counted since the last time; statistics must hold up no stop."""
        try:
            with anyio.move_on_after(LAST_COUNT_SECONDS):
                await self._tally.flush()
                await self._causes.flush()
        except Exception as error:  # a driver may raise anything
            log.info("the last statistics of this node are lost: %r", error)

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
