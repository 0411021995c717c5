"""Everything that a queue is used for, again and again, by callers who take an error as it comes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from dbjobs import (
    Backoff,
    DatabaseError,
    Job,
    JobContext,
    JobRef,
    Jobs,
    JobState,
    NotRunning,
    ReplyTo,
    RetryAfter,
    RunCancelled,
    Schedule,
)
from dbjobs.store import repository
from dbjobs.store.database import Database
from tests.conformance.callers import CALLERS
from tests.conformance.helpers import START, Runs
from tests.conformance.raw import Raw

COMPLETED, FAILED, CANCELLED = JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED
PAUSE_SECONDS = 0.02
FAR_SECONDS = 3600.0
# A caller whose statements do not block this event loop.
CALLER_KIND = {"sqlite": "aiosqlite-statements", "postgres": "asyncpg", "mysql": "aiomysql", "sqlserver": "aioodbc"}
# A client's call has an end, whatever happens to its round trips.
LONGEST_CALL_SECONDS = 30.0


class Traffic:
    """Rounds of calls on a ``Jobs`` object whose round trips may fail.

    Attributes:
        runs: what ran, by lane.
        expected: jobs whose enqueue was answered, and how they may end.
        batches: names of the batches that were used.
        to_be_told: jobs with a ``reply_to`` whose enqueue was answered.
        told: jobs whose end was told.
        hung: calls that did not end.
        surprises: errors of calls that are neither the database's nor the fault's.
    """

    def __init__(self, jobs: Jobs, calm: Database, raw: Raw) -> None:
        self.jobs = jobs
        self.runs = Runs()
        self.expected: dict[int, tuple[JobState, ...]] = {}
        self.batches: set[str] = set()
        self.to_be_told: set[int] = set()
        self.told: set[int] = set()
        self.hung: list[str] = []
        self.surprises: list[str] = []
        self._calm = calm
        self._raw = raw
        self._holding: dict[int, asyncio.Event] = {}
        self._numbers = itertools.count(1)
        self._ended = False
        self._going = asyncio.Event()
        self._going.set()
        register(jobs, self.runs, self._holding)
        jobs.notifier("told", self._tell, retry=Backoff(first_seconds=0.01, max_seconds=0.1))

    async def run(self) -> None:
        """Rounds until ``end``."""
        while not self._ended:
            await self._going.wait()
            await self.round()
            await asyncio.sleep(PAUSE_SECONDS)

    def pause(self) -> None:
        """This round is the last one until ``go_on``: some looks come only when nothing else happens."""
        self._going.clear()

    def go_on(self) -> None:
        """Rounds again."""
        self._going.set()

    def end(self) -> None:
        """This round is the last one."""
        self._ended = True
        self._going.set()

    async def round(self) -> None:
        """Each use once, all at the same time."""
        n = next(self._numbers)
        batch = f"batch {n // 10}"
        self.batches.add(batch)
        uses = [
            self._plain(n, batch), self._plain(n, batch), self._plain(n, batch), self._lane(n), self._ref_id(n, batch),
            self._family(n), self._doomed(n), self._many(n, batch), self._later(n), self._expires(n), self._again(n),
            self._transaction(n), self._callback(n), self._cancel_far(n), self._cancel_running(n), self._cancel_many(n),
            self._requeue(n), self._queue(n), self._callers(n, batch), self._wait(n), self._dead_node(n),
            self._task(n), self._run(n), self._told(n),
        ]  # fmt: skip
        tasks = {asyncio.create_task(use): str(use) for use in uses}
        try:
            done, hanging = await asyncio.wait(tasks, timeout=LONGEST_CALL_SECONDS)
        finally:
            for task in tasks:
                task.cancel()  # nothing, if it is done
        self.hung += [tasks[task] for task in hanging]
        for task in done:
            error = None if task.cancelled() else task.exception()
            # AttributeError is what a broken driver raises.
            if error is not None and not isinstance(error, DatabaseError | AttributeError):
                self.surprises.append(f"{tasks[task]}: {error!r}")

    async def finish(self) -> None:
        """Cancel what would not end by itself."""
        for tag in ("far", "hold", "haunted"):
            await self.jobs.cancel_many(tag=tag)

    async def hold_one(self) -> None:
        """A job that runs until the traffic is finished: a node that stops has to hand it back."""
        n = next(self._numbers)
        started = self._holding[n] = asyncio.Event()
        await self._note(self.jobs.enqueue("hold", n, tag="hold"), CANCELLED)
        await started.wait()

    async def probe(self, batch: str) -> Job:
        """A job enqueued now is completed.

        Raises:
            DatabaseError: the enqueue met a fault.
        """
        ref = await self._note(self.jobs.enqueue("work", 0, batch_id=batch), COMPLETED)
        self.batches.add(batch)
        return await self.jobs.wait(ref, timeout=LONGEST_CALL_SECONDS)

    async def _note(self, enqueue: Coroutine[Any, Any, JobRef], *states: JobState) -> JobRef:
        ref = await enqueue
        self.expected[ref.id] = states
        return ref

    # --- the uses -------------------------------------------------------------------------------

    async def _plain(self, n: int, batch: str) -> None:
        await self._note(self.jobs.enqueue("work", n, queue=f"q{n // 4}", batch_id=batch), COMPLETED)

    async def _lane(self, n: int) -> None:
        for _ in range(2):
            await self._note(self.jobs.enqueue("work", n, worker=f"lane {n % 3}"), COMPLETED)

    async def _ref_id(self, n: int, batch: str) -> None:
        ref = await self._note(self.jobs.enqueue("work", n, ref_id=f"ref {n}", batch_id=batch), COMPLETED)
        again = await self.jobs.enqueue("work", n, ref_id=f"ref {n}", batch_id=batch)
        assert again.id == ref.id
        assert not again.created

    async def _family(self, n: int) -> None:
        parent = await self._note(self.jobs.enqueue("work", n, run_after=0.01), COMPLETED)
        await self._note(self.jobs.enqueue("work", n, depends_on=parent), COMPLETED)

    async def _doomed(self, n: int) -> None:
        parent = await self._note(self.jobs.enqueue("fail", n, run_after=0.01, retry_limit=0), FAILED)
        await self._note(self.jobs.enqueue("work", n, depends_on=parent), CANCELLED)

    async def _many(self, n: int, batch: str) -> None:
        for ref in await self.jobs.enqueue_many("work", [n] * 3, batch_id=batch, queue=f"m{n // 4}"):
            self.expected[ref.id] = (COMPLETED,)

    async def _later(self, n: int) -> None:
        await self._note(self.jobs.enqueue("work", n, run_after=0.03), COMPLETED)

    async def _expires(self, n: int) -> None:
        await self._note(self.jobs.enqueue("nobody's", n, expires_after=0.05), CANCELLED)

    async def _again(self, n: int) -> None:
        await self._note(self.jobs.enqueue("again", n), COMPLETED)

    async def _transaction(self, n: int) -> None:
        await self._note(self.jobs.enqueue("own_transaction", n), COMPLETED)

    async def _callback(self, n: int) -> None:
        await self._note(self.jobs.enqueue("work", n, callback="work"), COMPLETED)

    async def _cancel_far(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("work", n, run_after=FAR_SECONDS, tag="far"), CANCELLED)
        await self.jobs.cancel(ref)

    async def _cancel_running(self, n: int) -> None:
        started = self._holding[n] = asyncio.Event()
        ref = await self._note(self.jobs.enqueue("hold", n, tag="hold"), CANCELLED)
        await started.wait()
        await self.jobs.cancel(ref)

    async def _cancel_many(self, n: int) -> None:
        await self._note(self.jobs.enqueue("work", n, run_after=FAR_SECONDS, tag="far", worker=f"far {n}"), CANCELLED)
        await self.jobs.cancel_many(worker=f"far {n}")

    async def _requeue(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("fail", n, retry_limit=0), FAILED)
        await self.jobs.wait(ref)
        await self.jobs.requeue(ref)

    async def _queue(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("work", n, queue="side"), COMPLETED)
        await self.jobs.queues.limit("side", 1 + n % 2)
        await self.jobs.queues.pause("side")
        try:
            await self.jobs.get(ref)
        finally:
            while True:
                try:
                    await self.jobs.queues.resume("side")
                    break
                except (DatabaseError, AttributeError, asyncio.CancelledError):
                    continue

    async def _callers(self, n: int, batch: str) -> None:
        """A caller's own transaction: rolled back if anything in it fails."""
        dialect = self._raw.dialect
        async with CALLERS[dialect][CALLER_KIND[dialect]](self._raw) as caller:
            await caller.begin()
            try:
                parent = await self.jobs.enqueue("work", n, connection=caller.given, ref_id=f"callers {n}")
                child = await self.jobs.enqueue(
                    "work", n, connection=caller.given, depends_on=parent, batch_id=batch, queue=f"c{n // 4}"
                )
            except BaseException:
                await caller.rollback()
                raise
            await caller.commit()
        self.expected |= {parent.id: (COMPLETED,), child.id: (COMPLETED,)}

    async def _wait(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("work", n), COMPLETED)
        await self.jobs.wait(ref)

    async def _task(self, n: int) -> None:
        """A scheduled task that runs at once; its job is found by the time that the task says it was for."""
        schedules, name = self.jobs.schedules, f"task {n}"
        await schedules.put(name, Schedule.every(FAR_SECONDS), "work", n, run_at_once=True)
        while True:
            if runs := await schedules.runs(name):
                break
            await asyncio.sleep(PAUSE_SECONDS)
        (run,) = runs
        assert run.job_id is not None, f"{name} has a run without a job"
        self.expected[run.job_id] = (COMPLETED,)
        await schedules.pause(name)
        await schedules.remove(name)

    async def _run(self, n: int) -> None:
        """A transient run that takes its lane over all nodes; it ends with its node's stop or lease."""
        with suppress(RunCancelled, NotRunning):
            assert await self.jobs.run("work", n, worker=f"run {n}", exclusive=True) == n

    async def _told(self, n: int) -> None:
        """A job whose end is told, however it ends."""
        ended = FAILED if n % 2 else COMPLETED
        ref = await self._note(
            self.jobs.enqueue("fail" if n % 2 else "work", n, retry_limit=50 * (n % 2 == 0), reply_to=f"told:{n}"),
            ended,
        )
        self.to_be_told.add(ref.id)

    async def _tell(self, job: Job, target: ReplyTo) -> None:
        self.told.add(job.id)

    async def _dead_node(self, n: int) -> None:
        """A node that dies with a job that has a try left, one that has none, and a lane."""
        if n % 3:
            return
        queue = f"haunted {n % 30}"
        options: dict[str, Any] = {"queue": queue, "tag": "haunted"}
        either = (FAILED, CANCELLED)  # a later node may die with the same jobs
        await self._note(self.jobs.enqueue("haunted", n, retry_limit=0, **options), *either)
        await self._note(self.jobs.enqueue("haunted", n, retry_limit=5, **options), *either)
        await self._note(self.jobs.enqueue("haunted", n, retry_limit=5, worker=f"haunted {n}", **options), *either)
        node = await repository.register_node(self._calm, "dead", 60.0, "{}")
        await repository.claim_jobs(self._calm, node, [(queue, 5, *START)], 5, ["haunted"])
        await repository.claim_lanes(
            self._calm, node, after_worker=f"haunted {n}"[:-1], lanes=1, run_length=1, scan_limit=100, queues=[queue],
            commands=["haunted"],
        )  # fmt: skip
        if n % 2:
            await repository.heartbeat(self._calm, node, -1.0, "{}")
        else:  # which should not happen: its row is gone before its jobs
            deleting = self._raw.rows(f"DELETE FROM dbjobs.job_node WHERE id = {node}")
            await asyncio.to_thread(asyncio.run, deleting)  # on SQLite it may wait for the file's lock


def register(jobs: Jobs, runs: Runs, holding: dict[int, asyncio.Event]) -> None:
    """The commands of the traffic."""

    @jobs.command(retry=Backoff(first_seconds=0.01, max_seconds=0.1))
    async def work(request: int, job: JobContext) -> int:
        job.log("at work")
        job.progress(0.5)
        with runs.run(job.id, key=job.worker):
            await asyncio.sleep(0.001)
        return request

    @jobs.command(retry=Backoff(first_seconds=0.01, max_seconds=0.1))
    async def again(request: int, job: JobContext) -> None:
        if job.attempt == 1:
            raise RetryAfter(0.02)

    @jobs.command
    async def fail(request: int) -> None:
        raise ValueError("as it should")

    @jobs.command
    async def hold(request: int) -> None:
        holding[request].set()
        await asyncio.Event().wait()

    @jobs.command(retry=Backoff(first_seconds=0.01, max_seconds=0.1))
    async def own_transaction(request: int, job: JobContext) -> None:
        async with job.transaction():
            job.respond(request)
        job.log("goes on behind its completion")

    jobs.declare("haunted")
    jobs.declare("nobody's")
