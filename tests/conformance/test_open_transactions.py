"""A caller's transaction that stays open stops nobody, whatever was enqueued in it, at every level of isolation.

SQLite has one write lock for a file, so there an open transaction that has written excludes every other writer, by the
nature of a file; what can hold there is tested at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from dbjobs import JobRef, Jobs, JobState, RefIdBusy
from dbjobs.store import repository
from dbjobs.store.transactions import enqueueing
from tests.conformance.helpers import SLACK_SECONDS, Gate, eventually, stop_heartbeat, wait_all
from tests.conformance.raw import CallersConnection, Raw

SERVERS = pytest.mark.dialect("postgres", "mysql", "sqlserver")
LEVELS = {
    "postgres": ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"),
    "mysql": ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"),
    "sqlserver": ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT"),
}
KINDS = ("batch", "ref_id", "running parent", "waiting parent", "parent in a lane", "ended parent")
LEASE_SECONDS = 2.0
GRACE_SECONDS = 3.0


async def echo(request: Any = None) -> Any:
    return request


@asynccontextmanager
async def transaction(raw: Raw, level: str) -> AsyncIterator[CallersConnection]:
    """A caller's connection with an open transaction whose snapshot, if it has one, is of this moment."""
    async with raw.connection() as own:
        if raw.dialect != "postgres":
            await own.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        await own.begin()
        if raw.dialect == "postgres":
            await own.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        await own.execute("SELECT count(*) FROM note")
        try:
            yield own
        finally:
            await own.rollback()


class Scene:
    """Two nodes on one database, of which one dies, and a parent of each kind."""

    def __init__(self, url: str) -> None:
        self.gate = Gate()
        self.jobs, self.dying = Jobs(url), Jobs(url)
        for jobs in (self.jobs, self.dying):
            jobs.command(echo)
            jobs.command(name="slow")(self.gate)
        self.slow: list[JobRef] = []

    async def parent(self, kind: str) -> JobRef | None:
        """What the callers' jobs depend on; held by the node that will die, or waiting for what it holds."""
        jobs = self.jobs
        self.slow = [await jobs.enqueue("slow", worker="lane", batch_id="b"), await jobs.enqueue("slow", batch_id="b")]
        await eventually(lambda: self.gate.inside == 2, "both run on the node that will die")
        match kind:
            case "running parent":
                return self.slow[1]
            case "waiting parent":
                return await jobs.enqueue(echo, depends_on=self.slow[1])
            case "parent in a lane":
                return await jobs.enqueue(echo, worker="lane")
            case "ended parent":
                parent = await jobs.enqueue(echo)
                await jobs.wait(parent, timeout=15)
                return parent
        return None

    async def others(self, parent: JobRef | None) -> list[JobRef]:
        """Jobs of others, of every sort, beside the open transactions."""
        jobs = self.jobs
        refs = list(await asyncio.gather(*(jobs.enqueue(echo, number) for number in range(20))))
        refs += await asyncio.gather(*(jobs.enqueue(echo, number, batch_id="b") for number in range(10)))
        refs += await asyncio.gather(*(jobs.enqueue(echo, number, worker=f"w{number % 3}") for number in range(9)))
        refs += await asyncio.gather(*(jobs.enqueue(echo, number, ref_id=f"other {number}") for number in range(5)))
        refs += await jobs.enqueue_many(echo, range(5), batch_id="b")
        cancelled = await jobs.enqueue(echo, batch_id="b", run_after=3600)
        assert await jobs.cancel(cancelled)
        family = await jobs.enqueue(echo)
        refs += [family, await jobs.enqueue(echo, depends_on=family)]
        return refs


def options_for(kind: str, parent: JobRef | None, number: int) -> dict[str, Any]:
    if kind == "batch":
        return {"batch_id": "b"}
    if kind == "ref_id":
        return {"ref_id": f"new {number}"}
    return {"depends_on": parent}


@SERVERS
@pytest.mark.parametrize("kind", KINDS)
async def test_it_stops_nobody(url: str, raw: Raw, kind: str) -> None:
    scene = Scene(url)
    jobs = scene.jobs
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(jobs)
        stack.callback(scene.gate.open)
        dead = await stack.enter_async_context(scene.dying.start(lease_seconds=LEASE_SECONDS, grace_seconds=0.1))
        # For each level one that will be committed, and one that will not.
        callers = [
            (commits, await stack.enter_async_context(transaction(raw, level)))
            for level in LEVELS[raw.dialect]
            for commits in (True, False)
        ]
        parent = await scene.parent(kind)
        mine = [
            await asyncio.wait_for(
                jobs.enqueue(echo, f"mine {number}", connection=own.driver, **options_for(kind, parent, number)), 15
            )
            for number, (_, own) in enumerate(callers)
        ]
        engine = jobs.start(lease_seconds=LEASE_SECONDS, grace_seconds=GRACE_SECONDS)
        await engine.__aenter__()
        try:
            others = await asyncio.wait_for(scene.others(parent), 15)
            await wait_all(jobs, others, timeout=20)
            await the_dead_node_is_rescued(scene, dead)
            scene.gate.open()
            await wait_all(jobs, scene.slow, timeout=15)
            if parent is not None:
                await jobs.wait(parent, timeout=15)
                child = await asyncio.wait_for(jobs.enqueue(echo, depends_on=parent), 15)
                await jobs.wait(child, timeout=15)
        finally:
            stopping = time.monotonic()
            await engine.__aexit__(None, None, None)
        assert time.monotonic() - stopping < GRACE_SECONDS + SLACK_SECONDS / 2

        for commits, own in callers:
            await (own.commit if commits else own.rollback)()
        await the_outcome_is_right(jobs, kind, [commits for commits, _ in callers], mine)


async def the_dead_node_is_rescued(scene: Scene, dead: Any) -> None:
    stop_heartbeat(dead)
    began = time.monotonic()

    async def runs_again() -> bool:
        found = [await scene.jobs.get(ref) for ref in scene.slow]
        return all(job is not None and job.attempt == 2 and job.state is JobState.STARTED for job in found)

    await eventually(runs_again, "both run again", timeout=3 * LEASE_SECONDS + SLACK_SECONDS)
    assert time.monotonic() - began < 3 * LEASE_SECONDS + SLACK_SECONDS


async def the_outcome_is_right(jobs: Jobs, kind: str, commits: list[bool], mine: list[JobRef]) -> None:
    async with jobs.start():
        kept = [ref for ref, committed in zip(mine, commits, strict=True) if committed]
        assert {job.state for job in await wait_all(jobs, kept, timeout=20)} <= {JobState.COMPLETED}
        for number, (ref, committed) in enumerate(zip(mine, commits, strict=True)):
            job = await jobs.get(ref)  # SQLite gives the number of a job that never was to another one
            assert (job is not None and job.request == f"mine {number}") is committed
            if kind == "ref_id":
                again = await jobs.enqueue(echo, ref_id=f"new {number}")
                assert again.created is not committed
                assert (again.id == ref.id) is committed
        progress = await jobs.batch("b")
    assert progress is not None
    assert progress.total == 18 + (sum(commits) if kind == "batch" else 0)
    assert progress.finished
    assert progress.cancelled == 1
    async with jobs:
        assert await repository.find_stranded(jobs._client.db, 10) == []
        assert await repository.find_dependency_work(jobs._client.db, 10) == ([], [])


@SERVERS
@pytest.mark.parametrize("at", range(4))
async def test_what_has_ended_since_its_snapshot_is_known(url: str, raw: Raw, at: int) -> None:
    """A ref_id in history yields that job, and a job that has ended can be depended on."""
    levels = LEVELS[raw.dialect]
    if at >= len(levels):
        pytest.skip(f"{raw.dialect} has {len(levels)} levels of isolation")
    jobs = Jobs(url)
    jobs.command(echo)
    async with jobs.start(), transaction(raw, levels[at]) as own:
        first = await jobs.enqueue(echo, 1, ref_id="r")
        await jobs.wait(first, timeout=15)
        again = await asyncio.wait_for(jobs.enqueue(echo, 2, ref_id="r", connection=own.driver), 15)
        assert (again.id, again.created) == (first.id, False)
        by_id, by_ref = [
            await asyncio.wait_for(jobs.enqueue(echo, 3, depends_on=parent, connection=own.driver), 15)
            for parent in (first, "r")
        ]
        await own.commit()
        for child in (by_id, by_ref):
            assert (await jobs.wait(child, timeout=15)).depends_on == (first.id,)


@SERVERS
async def test_callers_at_the_strictest_level_do_not_get_into_each_other_s_way(url: str, raw: Raw) -> None:
    """What they enqueue has nothing to do with each other, so neither waits and neither is undone."""
    jobs = Jobs(url)
    jobs.command(echo)
    level = LEVELS[raw.dialect][-1]
    async with jobs.start(), transaction(raw, level) as one, transaction(raw, level) as other:
        parent = await jobs.enqueue(echo, run_after=3600)
        refs = []
        for number, own in enumerate((one, other, one, other)):
            for options in ({"ref_id": f"r {number}"}, {"depends_on": parent}, {"batch_id": "b"}):
                refs.append(await asyncio.wait_for(jobs.enqueue(echo, connection=own.driver, **options), 15))
        await one.commit()
        await other.commit()
        await jobs.cancel(parent)
        ended = await wait_all(jobs, refs, timeout=15)
    assert [job.state for job in ended] == ["completed", "cancelled", "completed"] * 4


@SERVERS
@pytest.mark.parametrize("commits", [True, False])
async def test_a_ref_id_that_nobody_has_decided_on_is_waited_for_with_a_bound(
    url: str, raw: Raw, commits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by more enqueues than there are connections, and the others go on meanwhile."""
    jobs = Jobs(url, pool_size=3)
    jobs.command(echo)
    async with jobs.start(), transaction(raw, LEVELS[raw.dialect][0]) as own:
        first = await jobs.enqueue(echo, ref_id="r", connection=own.driver)
        monkeypatch.setattr(enqueueing, "REF_WAIT_SECONDS", 600.0)
        waiting = [asyncio.create_task(jobs.enqueue(echo, ref_id="r")) for _ in range(6)]
        refs = [await asyncio.wait_for(jobs.enqueue(echo, ref_id=f"other {number}"), 20) for number in range(5)]
        refs += [await asyncio.wait_for(jobs.enqueue(echo), 20) for _ in range(5)]
        await wait_all(jobs, refs, timeout=20)
        assert [task.done() for task in waiting] == [False] * 6
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)

        monkeypatch.setattr(enqueueing, "REF_WAIT_SECONDS", 0.5)
        results = await asyncio.gather(*(jobs.enqueue(echo, ref_id="r") for _ in range(6)), return_exceptions=True)
        assert [type(result) for result in results] == [RefIdBusy] * 6
        assert "'r' is being enqueued in a transaction that is still open" in str(results[0])
        await (own.commit if commits else own.rollback)()
        again = await jobs.enqueue(echo, ref_id="r")
        assert again.created is not commits
        assert (again.id == first.id) is commits


@SERVERS
@pytest.mark.parametrize("commits", [True, False])
async def test_a_ref_id_is_decided_by_the_other_transaction_s_end(url: str, raw: Raw, commits: bool) -> None:
    jobs = Jobs(url)
    jobs.command(echo)
    async with jobs, transaction(raw, LEVELS[raw.dialect][0]) as own:
        first = await jobs.enqueue(echo, ref_id="r", connection=own.driver)
        asking = asyncio.create_task(jobs.enqueue(echo, ref_id="r"))
        await eventually(raw.somebody_waits_for_a_lock, "the second enqueue waits")
        await (own.commit if commits else own.rollback)()
        again = await asyncio.wait_for(asking, 10)
        assert again.created is not commits
        assert (again.id == first.id) is commits


@SERVERS
async def test_a_busy_ref_id_in_a_caller_s_own_transaction_is_waited_for_with_a_bound(
    url: str, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enqueueing, "REF_WAIT_SECONDS", 0.5)
    jobs = Jobs(url)
    jobs.command(echo)
    level = LEVELS[raw.dialect][0]
    async with jobs, transaction(raw, level) as own, raw.connection() as other:
        await jobs.enqueue(echo, ref_id="r", connection=own.driver)
        await other.begin()
        began = time.monotonic()
        with pytest.raises(RefIdBusy):
            await jobs.enqueue(echo, ref_id="r", connection=other.driver)
        assert time.monotonic() - began < 0.5 + SLACK_SECONDS


# --- SQLite ----------------------------------------------------------------------------------------


@pytest.mark.dialect("sqlite")
async def test_a_transaction_that_has_only_read_stops_nobody_on_a_file(url: str, raw: Raw) -> None:
    jobs = Jobs(url)
    jobs.command(echo)
    async with jobs.start(), raw.connection() as own:
        await own.execute("BEGIN")
        await own.execute("SELECT count(*) FROM note")
        refs = list(await asyncio.gather(*(jobs.enqueue(echo, number, batch_id="b") for number in range(50))))
        await wait_all(jobs, refs, timeout=20)
        await own.rollback()


@pytest.mark.dialect("sqlite")
@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("kind", KINDS)
async def test_its_end_decides_on_a_file(url: str, raw: Raw, kind: str, commits: bool) -> None:
    """An open transaction that has written excludes every other writer, so here it is short."""
    scene = Scene(url)
    jobs = scene.jobs
    async with jobs, raw.connection() as own:
        async with scene.dying.start():
            parent = await scene.parent(kind)
            await own.begin()
            mine = await jobs.enqueue(echo, "mine 0", connection=own.driver, **options_for(kind, parent, 0))
            await (own.commit if commits else own.rollback)()
            scene.gate.open()
            await wait_all(jobs, scene.slow, timeout=15)
            await wait_all(jobs, await scene.others(parent), timeout=15)
        await the_outcome_is_right(jobs, kind, [commits], [mine])
