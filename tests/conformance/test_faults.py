"""Every round trip of every loop is refused, delayed, lost, cancelled or broken once, and all is in order afterwards.

The round trips are not listed here: a calm run finds them. What it must find at least is every statement file.

A course meets each of them with one fault, one after the other, under one stream of traffic: what only a start or a
stop asks for is met by stopping the node, all else by its loops as they come round. A point whose loop has the wrong
name would be waited for in vain, so ``tests/faults/origin.py`` knows every loop, and no calm run may meet an unknown
one.

SQLite, PostgreSQL and MySQL meet REFUSED, LOST and BROKEN, MariaDB meets LOST; DBJOBS_TEST_FAULTS=1 adds DELAYED and
CANCELLED, and all of them on MariaDB. An opening meets them in the last test, on every database.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files

import pytest

from dbjobs import DatabaseError, Jobs, JobState
from dbjobs.engine import (
    causes,
    clock_steps,
    dependencies,
    dispatcher,
    janitor,
    resilience,
    shutdown,
    supervisor,
    tally,
    timekeeper,
    vacuum,
    waker,
)
from dbjobs.store.database import Database, make_database
from dbjobs.store.transactions import queues
from tests.conformance.helpers import eventually, whole_list
from tests.conformance.raw import Raw
from tests.faults.database import faulty_databases
from tests.faults.origin import UNKNOWN
from tests.faults.plan import Fault, Plan, Point
from tests.faults.served import Served
from tests.faults.traffic import LONGEST_CALL_SECONDS, Traffic
from tests.servers import Target

pytestmark = pytest.mark.slow

log = logging.getLogger("tests.faults")

LEASE_SECONDS = 2.0
# Round trips that only errors lead to may not come again; the others come within a second.
PATIENCE_SECONDS = 15.0
RARE_SECONDS = 1.0
CALM_ROUNDS = 8

# What no loop and none of the traffic's calls asks for: people do, and what makes and drops tables.
ASKED_BY_PEOPLE = {
    "count_live", "explain_job", "find_jobs", "find_risks", "find_stranded", "get_batch", "list_batch", "list_causes",
    "list_jobs", "list_logs", "list_queues", "list_rollups", "list_stats", "list_tagged", "list_workers", "mean_runs",
    "oldest_queued", "oldest_stat", "server_version", "sum_stats",
}  # fmt: skip
MAKING_TABLES = {
    "has_schema", "schema_version", "make_schema", "lock_schema", "record_version", "make_partition", "drop_partition",
    "forget_refs", "list_late_ends",
}  # fmt: skip
# Parts of what counts as one round trip here, and what a database's own connections ask.
PARTS = {
    "add_month", "allocate_ids", "archive_month", "auto_increment", "begin", "caller_settings", "check_transaction",
    "commit", "copy_jobs", "count_transactions", "delete_month", "find_own_parents", "find_own_refs",
    "find_unarchived", "forget_archived", "has_unarchived", "hold_ref", "insert_bulk", "kill_connection",
    "limit_idle", "make_nodes", "note_archived", "note_transaction", "open_batch", "open_callers_batch",
    "open_connection", "open_nodes", "ping", "release_locks", "reserve_ref", "rollback", "split_partition",
    "truncate_partition",
}  # fmt: skip
# Only when something has gone wrong before, or there is a backlog.
SELDOM = {"discard_jobs", "skip_lanes", "release_workers", "find_held_workers"}
# Loops that only a start or a stop runs, and round trips that other loops make once after a start, or for a stop.
STOPPING = {"shutdown", "last count", "starting"}
AFTER_A_START = {"OPEN", "register_node", "LISTEN", "hand_back_jobs"}
SETTLED_SECONDS = 3.0
# Looks of a node that has nothing else to do.
WHEN_IDLE = {"find_unknown"}
# The request log's own task asks for these, not a node: tests/unit/test_request_flusher.py has its troubles.
REQUEST_LOG = {
    "add_request_month", "delete_request_month", "drop_request_month", "fold_request_hour", "get_request",
    "insert_requests", "list_request_months", "list_request_stats", "list_requests", "make_request_month",
    "oldest_request_hour", "split_request_month", "truncate_request_month",
}  # fmt: skip
# A transfer asks for these, where no node is alive: tests/conformance/test_transfer.py has its troubles.
TRANSFER = {
    "advance_transfer", "copy_numbered_rows", "copy_requests", "copy_rows", "drop_transfer", "has_transfer",
    "make_transfer", "raise_ids", "read_audit", "read_background_job", "read_completed_job", "read_ended_parent",
    "read_failed_job", "read_job_batch", "read_job_cause", "read_job_dependency", "read_job_log", "read_job_queue",
    "read_job_ref", "read_job_rollup", "read_job_stat", "read_job_worker", "read_late_end", "read_request_log",
    "read_request_stat", "read_scheduled_task", "read_setting", "read_transfer", "remove_version",
    "size_background_job", "size_completed_job", "size_failed_job", "size_job_log", "size_request_log",
    "unmarked_version", "write_transfer",
}  # fmt: skip


# The admin page asks for these.
ADMIN = {
    "drop_audit", "drop_settings", "find_heads", "find_runs", "insert_audit", "keep_setting",
    "list_audit", "put_setting", "count_months", "list_family", "pulse", "pulse_jobs",
    "list_settings", "pulse_requests",
}  # fmt: skip
EXEMPT = ADMIN | ASKED_BY_PEOPLE | MAKING_TABLES | REQUEST_LOG | PARTS | SELDOM | TRANSFER
# Only there.
POSTGRES_ALONE = {"vacuum"}


def statements(dialect: str) -> set[str]:
    """Names of all statement files."""
    folder = files("dbjobs.sql") / dialect
    elsewhere = set() if dialect == "postgres" else POSTGRES_ALONE
    return {file.name.removesuffix(".sql") for file in folder.iterdir() if file.name.endswith(".sql")} - elsewhere


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops come round and come back within tenths of a second."""
    for module, name, value in (
        (resilience, "_FIRST_SECONDS", 0.01),
        (resilience, "_LONGEST_SECONDS", 0.05),
        (timekeeper, "LOOK_SECONDS", 0.1),
        (timekeeper, "EXPIRY_SECONDS", 0.1),
        (clock_steps, "LOOK_SECONDS", 0.2),
        (clock_steps, "STEP_SECONDS", -1e9),  # each look finds a step
        (janitor, "HOUSEKEEPING_SECONDS", 0.2),
        (janitor, "FOLD_SECONDS", 0.2),
        (tally, "FLUSH_SECONDS", 0.2),
        (causes, "FLUSH_SECONDS", 0.2),
        (queues, "UNUSED_SECONDS", 0.0),  # each round forgets all queues without a job
        (dependencies, "LOOK_SECONDS", 0.1),
        (vacuum, "JOBS_PER_VACUUM", 10),
        (vacuum, "LOOK_SECONDS", 0.1),
        (vacuum, "FAILED_SECONDS", 0.1),
        (vacuum, "HELD_SHARE", 1e9),
        (dispatcher, "RECONCILE_SECONDS", 0.2),
        (dispatcher, "UNKNOWN_SECONDS", 0.2),
        (shutdown, "LAST_WRITES_SECONDS", 1.0),
        (waker, "POLL_WITH_NOTICES_SECONDS", 0.2),
    ):
        monkeypatch.setattr(module, name, value)

    async def soon(name: str, first_seconds: float, step: Callable[[], Awaitable[float]]) -> None:
        await resilience.every(name, min(first_seconds, 0.1), step)

    monkeypatch.setattr(supervisor, "every", soon)


class Course:
    """A node under traffic, a second node that nothing happens to, and the plan between the first and the database."""

    def __init__(self, plan: Plan, traffic: Traffic, served: Served, witness: Jobs, calm: Database) -> None:
        self.plan = plan
        self.traffic = traffic
        self.served = served
        self._witness = witness
        self._one_writer = calm.one_writer
        self._statements = statements(calm.dialect) - EXEMPT
        self.unreached: list[Point] = []
        self._probes = 0
        self._stopped = 0  # the start whose node was asked to stop last
        self._next_stop = 0.0

    async def calm(self) -> set[Point]:
        """The round trips without a fault, a stop and a start among them, until every statement was met."""
        for _ in range(CALM_ROUNDS):
            await self.probe()
        await self.traffic.hold_one()
        self.traffic.pause()
        await eventually(lambda: Point("claims", "find_unknown") in self.plan.seen, "the node has nothing else to do")
        self.traffic.go_on()
        self.served.bounce()
        await eventually(lambda: self.served.starts > 1, "the node is started again")
        missing = {"?"}

        def all_met() -> bool:
            missing.clear()
            missing.update(self._statements - {point.what for point in self.plan.seen})
            return not missing

        # A statement that comes later is met by the traffic, or this says that no loop asks for it.
        try:
            await eventually(all_met, "every statement is met")
        except AssertionError:
            raise AssertionError(f"the traffic leads to none of these: {sorted(missing)}") from None
        return self.points()

    def points(self) -> set[Point]:
        """The round trips seen so far, without those of ``async with jobs:`` (see the last test)."""
        return {point for point in self.plan.seen if point.loop != "opening"}

    def came(self, before: Counter[Point], loop: str) -> bool:
        """Whether a loop has made a round trip since then."""
        return any(point.loop == loop and count > before[point] for point, count in self.plan.seen.items())

    async def meet(self, point: Point, fault: Fault, patience: float) -> None:
        """Let one round trip meet a fault, and see that the node works afterwards."""
        log.warning("%s meets: %s", point, fault)
        before = self.plan.seen.copy()
        if point.what == "hand_back_jobs":
            await self.traffic.hold_one()
        self.plan.arm(point, fault)
        self._next_stop = 0.0
        if point.what in WHEN_IDLE:
            self.traffic.pause()
        try:
            await eventually(lambda: self._reached(point), f"{point} is reached", timeout=patience)
        except AssertionError:
            self.unreached.append(point)
            return
        else:
            if fault is Fault.DELAYED:
                await self.hold(point, before)
        finally:
            self.plan.disarm()
            self.traffic.go_on()
        await self.probe()

    def _reached(self, point: Point) -> bool:
        """Whether the fault has happened; for what only a stop or a start asks for, stop one node after the other."""
        if self.plan.met:
            return True
        settled = 0.0 if point.loop in STOPPING else SETTLED_SECONDS
        if (point.loop in STOPPING or point.what in AFTER_A_START) and time.monotonic() >= self._next_stop:
            if self._stopped != self.served.starts:
                self._stopped = self.served.starts
                self.served.bounce()
            self._next_stop = time.monotonic() + settled
        return False

    async def hold(self, point: Point, before: Counter[Point]) -> None:
        """While one round trip does not get through, the other node works, and this one stays alive."""
        if self._one_writer:
            return  # a transaction that stands still keeps the file's only write lock
        await self._witness.wait(await self._witness.enqueue("see"), timeout=LONGEST_CALL_SECONDS)
        if point.loop not in ("starting", "heartbeat", "shutdown"):  # without a node there is no heartbeat
            await eventually(lambda: self.came(before, "heartbeat"), f"a heartbeat passes while {point} stands still")

    async def probe(self) -> None:
        """A job enqueued now completes."""
        self._probes += 1
        await self.traffic.probe(f"probes {self._probes // 50}")


@asynccontextmanager
async def course(url: str, raw: Raw) -> AsyncIterator[Course]:
    """A course on a fresh database; at its end everything that was enqueued has ended as it should."""
    plan = Plan()
    calm = make_database(url)
    with faulty_databases(plan):
        jobs = Jobs(url, retry_limit=50)
    witness = Jobs(url)

    @witness.command
    async def see() -> None:
        pass

    async with witness.start(lease_seconds=10 * LEASE_SECONDS) as other, jobs:
        other._janitor._pause = 3600.0  # dead nodes are for the node under test
        await calm.open()
        traffic = Traffic(jobs, calm, raw)
        served = Served(jobs, lease_seconds=LEASE_SECONDS, grace_seconds=0.2, concurrency=20, unresponsive_seconds=1.0)
        serving, rounds = asyncio.create_task(served.run()), asyncio.create_task(traffic.run())
        run = Course(plan, traffic, served, witness, calm)
        try:
            yield run
            traffic.end()
            await rounds
            await eventually(lambda: finished(run, witness), "every job has ended", timeout=60.0)
        finally:
            plan.disarm()
            traffic.end()
            served.end()
            rounds.cancel()
            await asyncio.wait([serving, rounds], timeout=30)
            await calm.close()
        await in_order(run, witness, raw)


async def finished(run: Course, client: Jobs) -> bool:
    await run.traffic.finish()
    return not await client.counts()


async def in_order(run: Course, client: Jobs, raw: Raw) -> None:
    """What must hold in the end: nothing lost, nothing twice, nothing wrongly failed, nothing left behind."""
    traffic = run.traffic
    assert traffic.hung == [], "calls that did not end"
    assert traffic.surprises == []
    assert run.served.silent == 0, "the node stopped and gave no reason"
    rows = await whole_list(client)
    twice = [id for id, count in Counter(row.id for row in rows).items() if count > 1]
    assert twice == [], "in two places"
    states = {row.id: row.state for row in rows}
    lost = [id for id in traffic.expected if id not in states]
    assert lost == []
    wrong = {
        id: (allowed, await told(client, id)) for id, allowed in traffic.expected.items() if states[id] not in allowed
    }
    assert wrong == {}
    assert {state for state in states.values() if not state.finished} == set()
    assert traffic.to_be_told - traffic.told == set(), "ends that nobody was told of"
    lanes = {lane: most for lane, most in traffic.runs.most.items() if lane is not None and most > 1}
    assert lanes == {}, "lanes that overlapped themselves"
    for batch in traffic.batches:
        found = await client.batch(batch)
        members = Counter([row.state for row in await whole_list(client, batch_id=batch)])
        counts = (found.total, found.completed, found.failed, found.cancelled) if found else (0, 0, 0, 0)
        assert counts == (members.total(), *(members[s] for s in FINAL)), batch
    for table in ("background_job", "job_worker", "job_dependency", "ended_parent"):
        assert await raw.rows(f"SELECT count(*) FROM dbjobs.{table}") == [(0,)], table
    refs = {id for (id,) in await raw.rows("SELECT job_id FROM dbjobs.job_ref")}
    assert refs <= states.keys(), "keys without a job"


FINAL = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


async def told(client: Jobs, id: int) -> str:
    job = await client.get(id)
    return "gone" if job is None else f"{job.command} is {job.state}: {job.error_code} {job.error}"


# Each course takes a minute or two. Those that are about tasks more than about the database are for a run of their own.
ALL = bool(os.environ.get("DBJOBS_TEST_FAULTS"))
LONG = (Fault.DELAYED, Fault.CANCELLED)


@pytest.mark.about_us
@pytest.mark.parametrize("fault", [fault for fault in Fault if ALL or fault not in LONG])
async def test_any_round_trip_may_fail(fault: Fault, target: Target, url: str, raw: Raw, quick: None) -> None:
    if target.name == "mariadb" and fault is not Fault.LOST and not ALL:
        pytest.skip("the same statements meet every fault on MySQL; here they meet the worst one")
    async with course(url, raw) as run:
        known = await run.calm()
        assert [point for point in known if point.loop.startswith(UNKNOWN)] == []
        todo, done = sorted(known), set[Point]()
        while todo:
            for point in todo:
                await run.meet(point, fault, PATIENCE_SECONDS if point in known else RARE_SECONDS)
            done.update(todo)
            # Errors lead to round trips that a calm run has not: they take their turn as well.
            todo = sorted(run.points() - done)
        # A calm run meets some points by chance: a caller's wait asks the database only if no worker was faster.
        for _ in range(2):
            again, run.unreached[:] = [point for point in run.unreached if point in known], []
            for point in again:
                await run.meet(point, fault, PATIENCE_SECONDS)
        missed = [point for point in run.unreached if point in known and point.loop != "wait"]
        assert len(missed) <= len(known) // 20, missed


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.DELAYED])
async def test_an_opening_may_fail_and_is_repeated(fault: Fault, url: str) -> None:
    """On tables that are not there yet: each of its round trips fails once, and the next opening works."""
    plan = Plan()
    with faulty_databases(plan):
        for number in range(100):
            todo = sorted(point for point in plan.seen if point.loop == "opening")
            jobs = Jobs(url, schema=f"tables_{number}")
            jobs.declare("work")
            if number:
                plan.arm(todo[number - 1], fault)
                opening = asyncio.create_task(open_once(jobs))
                await asyncio.wait([opening])
                assert plan.met, todo[number - 1]
                if not opening.cancelled() and (error := opening.exception()):
                    assert isinstance(error, DatabaseError | AttributeError), error
            async with jobs:
                await jobs.enqueue("work")
            if number == len(todo) and number:
                return
    raise AssertionError("an opening has more round trips each time")


@pytest.mark.about_us
@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.BROKEN])
async def test_statistics_that_cannot_be_written_hold_up_no_stop(fault: Fault, url: str) -> None:
    plan = Plan()
    with faulty_databases(plan):
        jobs = Jobs(url)

    @jobs.command
    async def work() -> None:
        pass

    plan.arm(Point("last count", "read_clock"), fault)
    async with jobs.start() as engine:
        await jobs.wait(await jobs.enqueue(work), timeout=20)
    assert plan.met
    assert engine._runners._execution.ending, "slots and processes are left"


async def open_once(jobs: Jobs) -> None:
    async with jobs:
        pass
