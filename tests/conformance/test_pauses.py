"""A process that is suspended between any two of its round trips to the database stops nobody else.

Each operation is run again and again, paused before its first, second, third ... round trip (its COMMIT is one, too),
and each time everybody else does all they want to do beside it, with the same rows, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from dbjobs import JobRef, Jobs, JobState
from dbjobs.errors import LockTimeout
from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database, Session, make_database
from dbjobs.store.records import Claimed, NewJob, Outcome, OutcomeKind
from dbjobs.store.transactions.cancelling import cancel
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.enqueueing import insert_one
from dbjobs.store.transactions.rescue import bury, take_over
from dbjobs.store.transactions.retrying import in_transaction
from dbjobs.store.transactions.settlement import Settling, settle, settle_in
from tests.conformance.helpers import START, Gate, eventually, wait_all
from tests.conformance.raw import Raw
from tests.servers import Target

Operation = Callable[[Database, "Stage"], Coroutine[Any, Any, None]]
PATIENCE_SECONDS = 20.0
# An engine's connections wait for a lock for a part of it.
LEASE_SECONDS = 6.0
MOST_ROUND_TRIPS = 40


async def echo(request: Any = None) -> Any:
    return request


class Pause:
    """Stops what uses a database before one of its round trips, until it is told to go on."""

    def __init__(self, db: Database, *, transactions: bool) -> None:
        self.at = 0
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self._trips = 0
        real_fetch, real_transaction = db.fetch, db.transaction

        async def fetch(statement: str, /, **parameters: Any) -> Any:
            await self._trip()
            return await real_fetch(statement, **parameters)

        @asynccontextmanager
        async def transaction() -> AsyncIterator[Session]:
            async with real_transaction() as session:
                fetch_in = session.fetch

                async def fetch(statement: str, /, **parameters: Any) -> Any:
                    await self._trip()
                    return await fetch_in(statement, **parameters)

                setattr(session, "fetch", fetch)  # noqa: B010
                yield session
                await self._trip()  # COMMIT

        setattr(db, "fetch", fetch)  # noqa: B010
        if transactions:
            setattr(db, "transaction", transaction)  # noqa: B010

    def before(self, number: int) -> None:
        """Stop before this round trip, counted from 1 and from now."""
        self.at, self._trips = number, 0
        self.reached.clear()
        self.go_on.clear()

    async def _trip(self) -> None:
        self._trips += 1
        if self._trips == self.at:
            self.reached.set()
            await self.go_on.wait()


@dataclass
class Stage:
    """What an operation and everybody else find.

    Attributes:
        node: holds ``held``: in this order a parent, a job in a batch, one to be retried, one in a lane.
        dead: a node whose lease is over; it holds ``lost``.
        root: waits for its time, with a child.
        failed: with a child that was cancelled because of it.
    """

    node: int
    held: list[Claimed]
    dead: int
    lost: list[Claimed]
    root: JobRef
    failed: JobRef
    cancelled: JobRef
    number: int

    @property
    def parent(self) -> int:
        return self.held[0].id

    def outcomes(self) -> list[Outcome]:
        kinds: Sequence[OutcomeKind] = ("completed", "failed", "retry", "hand_back")
        return [
            Outcome(id=job.id, attempt=job.attempt, kind=kind, release_worker=job.worker is not None)
            for job, kind in zip(self.held, kinds, strict=True)
        ]


async def set_stage(db: Database, jobs: Jobs, number: int) -> Stage:
    def name(what: str) -> str:
        return f"{what} {number}"

    dead = await repository.register_node(db, "dead", 3600, "{}")
    node = await repository.register_node(db, "node", 3600, "{}")
    await jobs.enqueue(echo, batch_id=name("b"), retry_limit=2)
    await jobs.enqueue(echo, batch_id=name("b"), retry_limit=0)
    lost = await claim(db, dead)
    assert await repository.heartbeat(db, dead, -1.0, "{}")
    parent = await jobs.enqueue(echo)
    await jobs.enqueue(echo, depends_on=parent, batch_id=name("b"))
    await jobs.enqueue(echo, batch_id=name("b"))
    await jobs.enqueue(echo, batch_id=name("b"))
    held = await claim(db, node)
    await jobs.enqueue(echo, worker=name("lane"))
    await jobs.enqueue(echo, worker=name("lane"))
    in_lane, _ = await repository.claim_lanes(
        db, node, after_worker="", lanes=1, run_length=1, scan_limit=10, queues=["default"], commands=["echo"]
    )
    root = await jobs.enqueue(echo, run_after=3600, batch_id=name("b"))
    await jobs.enqueue(echo, depends_on=root, batch_id=name("b"))
    failed = await jobs.enqueue(echo, run_after=3600)
    cancelled = await jobs.enqueue(echo, depends_on=failed, batch_id=name("b"))
    assert await jobs.cancel(failed)
    return Stage(node, held + in_lane, dead, lost, root, failed, cancelled, number)


async def claim(db: Database, node: int) -> list[Claimed]:
    claimed = await repository.claim_jobs(db, node, [("default", 100, *START)], 100, ["echo"])
    return sorted(claimed, key=lambda job: job.id)


def new_job(**options: Any) -> NewJob:
    return NewJob(queue="default", command="echo", timeout_seconds=60.0, **options)


async def enqueues(db: Database, stage: Stage) -> None:
    job = new_job(ref_id=f"paused {stage.number}", batch_id=f"b {stage.number}", depends_on="[]")
    inserted = await in_transaction(
        db, lambda session: insert_one(session, None, job, [stage.parent, stage.root.id], (), refuse_existing=False)
    )
    await Follower(db, children=[inserted.ref.id]).run()


async def finishes(db: Database, stage: Stage) -> None:
    await settle(db, stage.node, stage.outcomes())


async def cancels(db: Database, stage: Stage) -> None:
    await cancel(db, [stage.root.id, stage.parent, stage.held[2].id], "cancelled", "by the test")


async def requeues(db: Database, stage: Stage) -> None:
    _, waiting = await repository.requeue_jobs(db, [stage.failed.id, stage.cancelled.id], client_counter())
    await Follower(db, children=waiting).run()


async def rescues(db: Database, stage: Stage) -> None:
    await bury(db, stage.dead)
    await take_over(db, stage.dead)


OPERATIONS: Sequence[Operation] = (enqueues, finishes, cancels, requeues, rescues)


async def everybody_else_goes_on(db: Database, jobs: Jobs, stage: Stage) -> None:
    """All that others may want, also with the rows that the paused operation is about."""
    batch = f"b {stage.number}"
    for parent in (stage.parent, stage.root.id):
        await jobs.enqueue(echo, depends_on=parent, batch_id=batch)
    await jobs.enqueue(echo, batch_id=batch, ref_id=f"other {stage.number}")
    await jobs.enqueue(echo, worker=f"other {stage.number}")
    node = await repository.register_node(db, "other", 3600, "{}")
    assert await repository.heartbeat(db, stage.node, 3600, "{}")
    claimed = await claim(db, node)
    in_lanes, _ = await repository.claim_lanes(
        db, node, after_worker="", lanes=9, run_length=2, scan_limit=10, queues=["default"], commands=["echo"]
    )
    outcomes = [
        Outcome(id=job.id, attempt=job.attempt, kind="completed", release_worker=job.worker is not None)
        for job in (*claimed, *in_lanes)
    ]
    assert (await settle(db, node, outcomes)).lost == frozenset()
    for operation in OPERATIONS[1:]:
        await operation(db, stage)
    parents, children = await repository.find_dependency_work(db, 100)
    await Follower(db, parents=parents, children=children).run()
    await repository.promote_jobs(db, 100)
    await repository.fold_batches(db, 1000)
    await repository.fold_stats(db)
    assert await repository.remove_node(db, node)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
async def test_a_pause_between_two_round_trips_stops_nobody(url: str, raw: Raw, operation: Operation) -> None:
    jobs = Jobs(url)
    jobs.command(echo)
    stopped, db = make_database(url), make_database(url)
    async with jobs:
        await stopped.open()
        await db.open()
        # A file has one write lock, which a transaction of several steps holds: only single statements are looked at.
        pause = Pause(stopped, transactions=raw.dialect != "sqlite")
        try:
            for number in range(1, MOST_ROUND_TRIPS):
                stage = await set_stage(db, jobs, number)
                pause.before(number)
                paused = asyncio.create_task(operation(stopped, stage))
                reached = asyncio.create_task(pause.reached.wait())
                await asyncio.wait({paused, reached}, return_when=asyncio.FIRST_COMPLETED)
                ended = paused.done()
                reached.cancel()
                await asyncio.wait_for(everybody_else_goes_on(db, jobs, stage), PATIENCE_SECONDS)
                pause.go_on.set()
                await asyncio.wait_for(paused, PATIENCE_SECONDS)
                await all_is_well(jobs, db, stage)
                if ended:
                    break
            else:
                raise AssertionError("the operation has more round trips than are looked at")
            assert number > 1
        finally:
            pause.go_on.set()
            await stopped.close()
            await db.close()


async def all_is_well(jobs: Jobs, db: Database, stage: Stage) -> None:
    """Whatever the order of events was, every job can end, and is counted once."""
    await settle(db, stage.node, stage.outcomes())
    await jobs.cancel_many(state="scheduled")
    async with jobs.start():
        live = [row for row in await jobs.list(limit=1000) if not row.state.finished]
        await wait_all(jobs, [JobRef(row.id) for row in live], timeout=20)
        progress = await jobs.batch(f"b {stage.number}")
    rows = await jobs.list(batch_id=f"b {stage.number}", limit=1000)
    assert progress is not None
    assert progress.finished
    counts = {state: sum(row.state is state for row in rows) for state in JobState}
    assert progress.total == len(rows)
    assert (progress.completed, progress.failed, progress.cancelled) == (
        counts[JobState.COMPLETED], counts[JobState.FAILED], counts[JobState.CANCELLED],
    )  # fmt: skip
    assert await repository.find_stranded(db, 10) == []
    assert await repository.find_dependency_work(db, 10) == ([], [])
    assert await repository.remove_node(db, stage.node)


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
@pytest.mark.parametrize("commits", [True, False])
async def test_a_handlers_transaction_that_hangs_before_its_commit_holds_up_its_own_job_only(
    url: str, commits: bool, target: Target
) -> None:
    """Neither the other outcomes of its node wait for it, nor the rescue of the other jobs when the node dies."""
    if target.is_pooled:
        pytest.skip("a pooler takes no limits for locks: what waits for one waits for the time limit of its statement")
    jobs = Jobs(url)
    jobs.command(echo)
    db = make_database(url).for_engine(LEASE_SECONDS)
    async with jobs:
        await db.open()
        try:
            node = await repository.register_node(db, "node", 3600, "{}")
            refs = [await jobs.enqueue(echo, retry_limit=2) for _ in range(6)]
            hangs, *_ = held = await claim(db, node)
            async with hanging(commits), db.handler_transaction() as session:
                done = Outcome(id=hangs.id, attempt=hangs.attempt, kind="completed")
                assert (await settle_in(session, node, [done])).lost == frozenset()
                kinds: Sequence[OutcomeKind] = ("retry", "completed", "failed", "retry")
                outcomes = [
                    Outcome(id=job.id, attempt=job.attempt, kind=kind) for job, kind in zip(held, kinds, strict=False)
                ]
                settling = Settling(node, node, outcomes)
                for _ in range(2):
                    with pytest.raises(LockTimeout):
                        await asyncio.wait_for(settling.run(db), 30)
                    assert settling.left() == [hangs.id]
                assert settling.so_far().lost == frozenset()
                assert await repository.heartbeat(db, node, -1.0, "{}")
                assert await asyncio.wait_for(bury(db, node), PATIENCE_SECONDS)
                rescued = await asyncio.wait_for(take_over(db, node), PATIENCE_SECONDS)
                assert (rescued.requeued, rescued.ended) == (2, 0)
                found = await repository.get_jobs(db, [ref.id for ref in refs])
                assert [found[ref.id].state for ref in refs] == [
                    "started", "completed", "failed", "queued", "queued", "queued",
                ]  # fmt: skip
                if not commits:
                    raise ZeroDivisionError
            rescued = await take_over(db, node)
            assert (rescued.requeued, rescued.ended) == (0 if commits else 1, 0)
            assert [other.id for other in await repository.list_nodes(db)] == []
            found = await repository.get_jobs(db, [hangs.id])
            assert found[hangs.id].state is (JobState.COMPLETED if commits else JobState.QUEUED)
        finally:
            await db.close()


@asynccontextmanager
async def hanging(commits: bool) -> AsyncIterator[None]:
    """The block's transaction is rolled back by an error, unless it commits."""
    try:
        yield
    except ZeroDivisionError:
        assert not commits


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_an_outcome_whose_row_is_locked_holds_up_no_other_one_of_its_node(
    url: str, jobs: Jobs, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    """As if its handler's own transaction, on a connection that has died silently, were still open on the server."""
    if target.is_pooled:
        pytest.skip("a pooler takes no limits for locks: what waits for one waits for the time limit of its statement")
    gate = Gate()
    jobs.command(name="slow")(gate)
    jobs.command(echo)
    db = make_database(url)
    await db.open()
    try:
        async with jobs.start(lease_seconds=LEASE_SECONDS) as engine:
            slow = await jobs.enqueue("slow")
            await gate.wait_entered()
            async with db.handler_transaction() as session:
                assert engine.node_id is not None
                done = Outcome(id=slow.id, attempt=1, kind="completed")
                assert (await settle_in(session, engine.node_id, [done])).lost == frozenset()
                gate.open()
                refs = [await jobs.enqueue(echo) for _ in range(20)]
                # One wait for the lock at most (as long as a connection waits for one), and then no more.
                await wait_all(jobs, refs, timeout=60)
                for _ in range(3):
                    await wait_all(jobs, [await jobs.enqueue(echo) for _ in range(20)], timeout=8)
                assert len(engine._finisher) == 1
            assert (await jobs.wait(slow, timeout=10)).attempt == 1
            await eventually(lambda: len(engine._finisher) == 0, "nothing is left to be written", timeout=60)
        assert "could not sign off" not in caplog.text, "nothing kept the node from its end"
    finally:
        await db.close()
