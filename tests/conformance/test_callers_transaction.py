"""An enqueue in the caller's own transaction exists if and only if that commits, whatever holds the transaction.

Every kind of caller commits, rolls back, enqueues one job, several and many, with every option, and finds its
connection as it was. What statements do inside of the transaction is the server's and the driver's doing: those tests
are marked ``of_the_driver``, and do without the kinds that only begin and end their transaction in another way.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import closing
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import Session

from dbjobs import DatabaseError, DatabaseUnavailable, InvalidOption, JobRef, Jobs, JobState, RefIdExists, UnknownJob
from dbjobs.store import repository
from dbjobs.store.records import NewJob
from tests.conformance.callers import CALLERS, Caller, engine_for
from tests.conformance.helpers import whole_list
from tests.conformance.raw import Raw
from tests.servers import Target

AWKWARD = 'tab\t, line\r\n, \\N, \\., "quoted", {a,b}, 100%s, $1, :name, NULL, żółw 🐢'


async def echo(request: Any) -> Any:
    return request


async def test_a_commit_brings_the_job_and_the_caller_s_rows(jobs: Jobs, raw: Raw, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs.start():
        await caller.begin()
        await caller.execute("INSERT INTO note VALUES ('mine')")
        ref = await caller.enqueue(jobs, echo, AWKWARD)
        assert await jobs.get(ref) is None, "visible before the commit"
        await caller.commit()
        assert (await jobs.wait(ref, timeout=10)).response == AWKWARD
    assert await raw.notes() == ["mine"]


async def test_the_job_may_be_all_that_is_committed(jobs: Jobs, caller: Caller) -> None:
    """Nothing but the enqueue tells a driver that begins lazily to begin."""
    jobs.command(echo)
    async with jobs.start():
        for commits in (False, True):
            await caller.begin()
            ref = await caller.enqueue(jobs, echo, commits)
            assert await jobs.get(ref) is None, "visible before the commit"
            await (caller.commit if commits else caller.rollback)()
        assert (await jobs.wait(ref, timeout=10)).response is True
        assert [row.id for row in await whole_list(jobs)] == [ref.id]


@pytest.mark.dialect("postgres", "sqlite")
async def test_a_commit_wakes_the_workers(target: Target, jobs: Jobs, caller: Caller, no_polling: None) -> None:
    if target.is_pooled:
        pytest.skip("no notice comes through a pooler")
    jobs.command(echo)
    async with jobs.start():
        await caller.begin()
        ref = await caller.enqueue(jobs, echo, 5)
        await caller.commit()
        assert (await jobs.wait(ref, timeout=10)).response == 5


async def test_a_rollback_takes_both_away(jobs: Jobs, raw: Raw, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        await caller.begin()
        await caller.execute("INSERT INTO note VALUES ('mine')")
        ref = await caller.enqueue(jobs, echo, 5, ref_id="r", batch_id="b")
        await caller.rollback()
        assert await jobs.get(ref) is None
        assert await jobs.get_by_ref_id("r") is None
        assert await jobs.batch("b") is None
        assert await whole_list(jobs) == []
    assert await raw.notes() == []


@pytest.mark.of_the_driver
@pytest.mark.dialect("postgres", "sqlite", "mysql")
async def test_a_savepoint_takes_only_its_own_jobs_back(jobs: Jobs, raw: Raw, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        await caller.begin()
        await caller.execute("INSERT INTO note VALUES ('mine')")
        kept = await caller.enqueue(jobs, echo, 1)
        await caller.execute("SAVEPOINT mine")
        await caller.enqueue(jobs, echo, 2, ref_id="r")
        await caller.execute("ROLLBACK TO SAVEPOINT mine")
        await caller.commit()
        assert [row.id for row in await whole_list(jobs)] == [kept.id]
    assert await raw.notes() == ["mine"]


@pytest.mark.parametrize("count", [3, 250])
async def test_many_jobs_come_together(jobs: Jobs, caller: Caller, target: Target, count: int) -> None:
    jobs.command(echo)
    tag = "żółw 🐢" if target.is_babelfish else AWKWARD  # its OPENJSON leaves JSON's escapes in
    async with jobs:
        refs = await enqueue_awkward(jobs, caller, count, tag)
        await caller.commit()
        assert len(await whole_list(jobs)) == count
        last = await jobs.get(refs[-1])
    assert last is not None
    assert (last.request, last.tag, last.args, last.meta, last.timeout_seconds, last.state) == (
        f"{count - 1}: {AWKWARD}",
        tag,
        {"a": AWKWARD},
        {"m": 1},
        2.5,
        JobState.QUEUED,
    )


@pytest.mark.of_the_driver
@pytest.mark.parametrize("count", [3, 250])
async def test_many_jobs_go_together(jobs: Jobs, caller: Caller, count: int) -> None:
    jobs.command(echo)
    async with jobs:
        refs = await enqueue_awkward(jobs, caller, count, "tag")
        await caller.rollback()
        assert await whole_list(jobs) == []
        assert await jobs.get(refs[-1]) is None


async def enqueue_awkward(jobs: Jobs, caller: Caller, count: int, tag: str) -> list[JobRef]:
    """Many jobs with values that a careless writer would break, in a transaction that stays open."""
    requests = [f"{number}: {AWKWARD}" for number in range(count)]
    await caller.begin()
    refs = await caller.enqueue_many(jobs, echo, requests, tag=tag, args={"a": AWKWARD}, meta={"m": 1}, timeout=2.5)
    assert len(refs) == count
    assert await whole_list(jobs) == []
    return refs


@pytest.mark.of_the_driver
async def test_many_jobs_of_a_batch_are_counted(jobs: Jobs, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        await caller.begin()
        await caller.enqueue_many(jobs, echo, range(120), batch_id="b", run_after=3600)
        await caller.commit()
        batch = await jobs.batch("b")
    assert batch is not None
    assert batch.total == 120


async def test_every_kind_of_job_takes_part(jobs: Jobs, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        parent = await jobs.enqueue(echo, ref_id="parent")
        await caller.begin()
        child = await caller.enqueue(jobs, echo, depends_on="parent")
        late = await caller.enqueue(jobs, echo, run_after=3600)
        lane = await caller.enqueue(jobs, echo, worker="w", queue="never used")
        same = await caller.enqueue(jobs, echo, ref_id="parent")
        assert (same.id, same.created) == (parent.id, False)
        with pytest.raises(RefIdExists):
            await caller.enqueue(jobs, echo, ref_id="parent", on_conflict="raise")
        with pytest.raises(UnknownJob):
            await caller.enqueue(jobs, echo, depends_on="nobody")
        await caller.commit()
        states = {row.id: row.state for row in await whole_list(jobs)}
    assert states == {
        parent.id: JobState.QUEUED,
        child.id: JobState.WAITING,
        late.id: JobState.SCHEDULED,
        lane.id: JobState.QUEUED,
    }


@pytest.mark.of_the_driver
async def test_a_child_waits_for_its_parent_in_the_same_transaction(jobs: Jobs, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs.start():
        await caller.begin()
        parent = await caller.enqueue(jobs, echo, 1)
        child = await caller.enqueue(jobs, echo, 2, depends_on=parent)
        await caller.commit()
        done = await jobs.wait(child, timeout=10)
    assert (done.state, done.depends_on) == (JobState.COMPLETED, (parent.id,))


@pytest.mark.of_the_driver
async def test_a_child_of_a_cancelled_job_ends_with_the_commit(jobs: Jobs, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        parent = await jobs.enqueue(echo)
        await jobs.cancel(parent)
        await caller.begin()
        child = await caller.enqueue(jobs, echo, depends_on=parent, ref_id="child", batch_id="b")
        assert await jobs.get(child) is None
        await caller.commit()
        async with jobs.start():
            ended = await jobs.wait(child, timeout=10)
        batch = await jobs.batch("b")
        again = await jobs.enqueue(echo, ref_id="child")
    assert ended.state is JobState.CANCELLED
    assert batch is not None
    assert (batch.total, batch.cancelled) == (1, 1)
    assert (again.id, again.created) == (child.id, False)


@pytest.mark.of_the_driver
async def test_every_statement_of_an_enqueue_runs_on_it(jobs: Jobs, caller: Caller) -> None:
    """Also those that only a race brings about."""
    jobs.command(echo)
    async with jobs:
        parents = await jobs.enqueue_many(echo, range(2), batch_id="b")
        waiting = await jobs.enqueue(echo, depends_on=parents[1])
        await caller.begin()
        session = await caller.session(jobs)
        assert session.connection is not None
        ((id, _),) = await repository.insert_jobs(
            session, [NewJob(command="echo", queue="default", ref_id="r", batch_id="b", pending=1)], ["ready"]
        )
        assert await repository.add_refs(session, [("r", id)]) == {"r"}
        assert await repository.add_refs(session, [("r", id)]) == set()
        assert await repository.find_refs(session, ["r", "nobody"]) == {"r": id}
        await repository.add_queues(session, ["new", "default"])
        await repository.add_to_batches(session, {"b": 1})
        assert await repository.find_parents(session, [parents[0].id, 0, 2**40]) == {parents[0].id: None}
        await repository.add_dependencies(session, [(parents[0].id, id)])
        await repository.notify(session, ["ready"])
        ((other, _),) = await repository.insert_jobs(session, [NewJob(command="echo", queue="default")], ())
        await repository.discard_jobs(session, [other])
        await caller.commit()
        batch = await jobs.batch("b")
        assert batch is not None
        assert batch.total == 3
        assert {row.id for row in await whole_list(jobs)} == {*(parent.id for parent in parents), waiting.id, id}


async def test_the_caller_s_connection_is_its_own_again(jobs: Jobs, raw: Raw, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        for number in range(7):  # more often than psycopg takes to prepare a statement
            await caller.begin()
            before = await caller.settings()
            await caller.enqueue(jobs, echo, number, ref_id=str(number))
            assert await caller.settings() == before
            await caller.enqueue_many(jobs, echo, range(100))
            assert await caller.settings() == before
            await caller.execute(f"INSERT INTO note VALUES ('{number}')")
            await caller.commit()
        assert len(await whole_list(jobs)) == 707
    assert await raw.notes() == ["0", "1", "2", "3", "4", "5", "6"]


@pytest.mark.of_the_driver
async def test_a_first_job_of_a_queue_does_not_wait_for_an_open_transaction(jobs: Jobs, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        await caller.begin()
        await caller.enqueue(jobs, echo, queue="new")
        if not jobs._client.db.one_writer:  # else everybody waits for a transaction that has written
            async with asyncio.timeout(5):
                assert (await jobs.enqueue(echo, queue="new")).created
        await caller.rollback()
        async with asyncio.timeout(5):
            assert (await jobs.enqueue(echo, queue="new")).created
        assert "new" in {queue.queue for queue in await jobs.queues.list()}


# --- what is refused -------------------------------------------------------------------------------


async def test_what_is_not_a_connection_of_this_database_is_refused(jobs: Jobs, raw: Raw, target: Target) -> None:
    jobs.command(echo)
    driver = {
        "postgres": "postgresql+psycopg", "sqlite": "sqlite+aiosqlite", "mysql": "mysql+aiomysql",
        "sqlserver": "mssql+aioodbc",
    }[target.dialect]  # fmt: skip
    engine = engine_for(raw, driver)
    async with jobs:
        with Session() as sync_session:
            for wrong in ("postgresql://", 7, engine, engine.sync_engine, sync_session, async_sessionmaker(engine)):
                with pytest.raises(InvalidOption, match=r"connection= must be .* AsyncSession or AsyncConnection"):
                    await jobs.enqueue(echo, connection=wrong)
                with pytest.raises(InvalidOption, match=r"connection= must be .* AsyncSession or AsyncConnection"):
                    await jobs.enqueue_many(echo, [1], connection=wrong)
        assert await whole_list(jobs) == []
    await engine.dispose()


@pytest.mark.dialect("postgres")
async def test_another_database_s_connection_is_refused(jobs: Jobs, raw: Raw, tmp_path: Any) -> None:
    jobs.command(echo)
    other = Raw("sqlite", f"sqlite:///{tmp_path}/other.db")
    async with jobs:
        for kind in CALLERS["sqlite"].values():
            async with kind(other) as caller:
                with pytest.raises(InvalidOption, match=r"must be an asyncpg connection, or psycopg's AsyncConnection"):
                    await jobs.enqueue(echo, connection=caller.given)
        with (
            closing(psycopg.connect(raw.url)) as blocking,
            pytest.raises(InvalidOption, match=r"psycopg's AsyncConnection.*: psycopg\.Connection"),
        ):
            await jobs.enqueue(echo, connection=blocking)
        assert await whole_list(jobs) == []


@pytest.mark.dialect("postgres")
@pytest.mark.parametrize("kind", ["asyncpg", "asyncpg-pool", "psycopg-block"])
async def test_a_connection_that_would_commit_at_once_is_refused(jobs: Jobs, raw: Raw, kind: str) -> None:
    jobs.command(echo)
    async with jobs, CALLERS["postgres"][kind](raw) as caller:
        for _ in range(2):
            with pytest.raises(InvalidOption, match="has no open transaction"):
                await jobs.enqueue(echo, connection=caller.given)
            with pytest.raises(InvalidOption, match="has no open transaction"):
                await jobs.enqueue_many(echo, range(200), connection=caller.given)
            await caller.begin()
            await caller.commit()
        assert await whole_list(jobs) == []


@pytest.mark.dialect("postgres")
async def test_a_pipeline_is_refused(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs, await psycopg.AsyncConnection.connect(raw.url) as connection:
        async with connection.pipeline():
            with pytest.raises(InvalidOption, match="pipeline mode"):
                await jobs.enqueue(echo, connection=connection, ref_id="r")
        await jobs.enqueue(echo, connection=connection, ref_id="r")
        await connection.commit()
        assert len(await whole_list(jobs)) == 1


@pytest.mark.dialect("postgres", "sqlite")
async def test_a_sqlalchemy_engine_in_autocommit_mode_is_refused(jobs: Jobs, raw: Raw, target: Target) -> None:
    jobs.command(echo)
    drivers = {"postgres": ["postgresql+asyncpg", "postgresql+psycopg"], "sqlite": ["sqlite+aiosqlite"]}
    async with jobs:
        for driver in drivers[target.dialect]:
            engine = engine_for(raw, driver, isolation_level="AUTOCOMMIT")
            async with AsyncSession(engine) as session:
                with pytest.raises(InvalidOption, match="open transaction"):
                    await jobs.enqueue(echo, connection=session)
            await engine.dispose()
        assert await whole_list(jobs) == []


@pytest.mark.dialect("postgres", "sqlite")
async def test_a_connection_that_cannot_be_used_is_refused(jobs: Jobs, raw: Raw, target: Target) -> None:
    """Not opened yet, or closed, or bound to nothing: one of our errors, never the driver's."""
    jobs.command(echo)
    drivers = {"postgres": ["postgresql+asyncpg", "postgresql+psycopg"], "sqlite": ["sqlite+aiosqlite"]}
    async with jobs:
        for driver in drivers[target.dialect]:
            engine = engine_for(raw, driver)
            with pytest.raises(InvalidOption, match="cannot be used here"):
                await jobs.enqueue(echo, connection=engine.connect())
            with pytest.raises(InvalidOption, match="cannot be used here"):
                await jobs.enqueue(echo, connection=AsyncSession())
            async with engine.connect() as connection:
                pass
            with pytest.raises(InvalidOption, match="cannot be used here"):
                await jobs.enqueue(echo, connection=connection)
            await engine.dispose()
        for kind in CALLERS[target.dialect].values():
            async with kind(raw) as caller:
                given = caller.given
            if not isinstance(given, AsyncSession):  # that connects anew
                with pytest.raises((InvalidOption, DatabaseUnavailable)):
                    await jobs.enqueue(echo, connection=given)
        assert await whole_list(jobs) == []


@pytest.mark.dialect("postgres")
async def test_a_failed_transaction_stays_failed(jobs: Jobs, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        await caller.begin()
        with pytest.raises(Exception, match="nowhere"):
            await caller.execute("SELECT * FROM nowhere")
        with pytest.raises((DatabaseError, InvalidOption)):
            await caller.enqueue(jobs, echo)
        await caller.rollback()
        await caller.begin()
        await caller.enqueue(jobs, echo)
        await caller.commit()
        assert len(await whole_list(jobs)) == 1


# --- more of SQLAlchemy ----------------------------------------------------------------------------


@pytest.mark.dialect("postgres", "sqlite")
async def test_a_scoped_session_will_do(jobs: Jobs, raw: Raw, target: Target) -> None:
    jobs.command(echo)
    engine = engine_for(raw, {"postgres": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}[target.dialect])
    session = async_scoped_session(async_sessionmaker(engine), scopefunc=asyncio.current_task)
    async with jobs:
        await jobs.enqueue(echo, connection=session)
        await session.rollback()
        ref = await jobs.enqueue(echo, connection=session)
        await session.commit()
        assert [row.id for row in await whole_list(jobs)] == [ref.id]
        await session.remove()
    await engine.dispose()


@pytest.mark.dialect("postgres")
async def test_a_session_s_nested_transaction_takes_its_jobs_back(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    for driver in ("postgresql+asyncpg", "postgresql+psycopg"):
        engine = engine_for(raw, driver)
        async with jobs, AsyncSession(engine) as session:
            before = len(await whole_list(jobs))
            async with session.begin():
                await jobs.enqueue(echo, connection=session)
                nested = await session.begin_nested()
                await jobs.enqueue_many(echo, range(150), connection=session)
                await nested.rollback()
            assert len(await whole_list(jobs)) == before + 1
        await engine.dispose()


def test_nothing_that_only_callers_need_is_imported() -> None:
    code = (
        "import sys, dbjobs, dbjobs.store.postgres.database, dbjobs.store.sqlite.database;"
        "print({'sqlalchemy', 'psycopg', 'aiosqlite'} & sys.modules.keys())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.of_the_driver
async def test_a_ref_id_twice_in_one_transaction_is_one_job(jobs: Jobs, caller: Caller) -> None:
    jobs.command(echo)
    async with jobs:
        await caller.begin()
        first = await caller.enqueue(jobs, echo, ref_id="the same")
        second = await caller.enqueue(jobs, echo, ref_id="the same")
        await caller.commit()
        assert (second.id, first.created, second.created) == (first.id, True, False)
        assert [job.ref_id for job in await whole_list(jobs)] == ["the same"]
