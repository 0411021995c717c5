"""Dead rows of the live tables are removed by count of jobs, on the database that leaves them lying (PostgreSQL)."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest

from dbjobs import Jobs
from dbjobs.engine import vacuum
from dbjobs.engine.vacuum import JOBS_PER_VACUUM, LOOK_SECONDS, Vacuum
from dbjobs.store import repository
from dbjobs.store.database import make_database
from tests.conformance.helpers import eventually, wait_all
from tests.conformance.raw import Raw

# Fresh: the server counts vacuums over the whole life of a table.
pytestmark = [pytest.mark.dialect("postgres"), pytest.mark.fresh]

VACUUMS = "SELECT vacuum_count FROM pg_stat_user_tables WHERE schemaname = 'dbjobs' AND relname = 'background_job'"


async def vacuums(raw: Raw) -> int:
    return int((await raw.rows(VACUUMS))[0][0])


async def work() -> None: ...


async def test_a_node_vacuums_after_so_many_jobs(jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuum, "JOBS_PER_VACUUM", 50)
    monkeypatch.setattr(vacuum, "LOOK_SECONDS", 0.05)
    jobs.command(work)
    async with jobs.start():
        await wait_all(jobs, [await jobs.enqueue(work) for _ in range(60)])
        await eventually(lambda: vacuums(raw), "the table was vacuumed")


async def test_it_waits_while_an_old_snapshot_keeps_what_is_dead(jobs: Jobs, raw: Raw, url: str) -> None:
    async with jobs:
        db = make_database(url)
        await db.open()
        cleaner = Vacuum(db)
        cleaner.ended(JOBS_PER_VACUUM)
        await cleaner.look()
        await eventually(lambda: vacuums(raw), "the first one")
        before = await vacuums(raw)
        reader = await asyncpg.connect(raw.url)
        try:
            await reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            await reader.fetch("SELECT 1 FROM dbjobs.background_job")
            for _ in range(20):  # transactions that its snapshot does not know
                await raw.rows("INSERT INTO dbjobs.job_queue (queue) VALUES ('q') ON CONFLICT DO NOTHING")
                await raw.rows("UPDATE dbjobs.job_queue SET paused = paused")
            cleaner.ended(JOBS_PER_VACUUM)
            assert await cleaner.look() == LOOK_SECONDS
            await raw.rows("SELECT pg_stat_force_next_flush()")
            assert await vacuums(raw) == before
        finally:
            await reader.close()
        await cleaner.look()
        await eventually(lambda: _more(raw, before), "it vacuums when the snapshot is gone")
        await cleaner.close()
        await db.close()


async def test_nobody_waits_for_a_vacuum_that_finds_the_table_locked(jobs: Jobs, raw: Raw, url: str) -> None:
    async with jobs:
        db = make_database(url)
        await db.open()
        cleaner = Vacuum(db)
        other = await asyncpg.connect(raw.url)
        try:
            async with other.transaction():
                await other.execute("LOCK TABLE dbjobs.background_job IN SHARE UPDATE EXCLUSIVE MODE")
                cleaner.ended(JOBS_PER_VACUUM)
                await asyncio.wait_for(cleaner.look(), 10)
        finally:
            await other.close()
        assert await vacuums(raw) == 0
        await cleaner.close()
        await db.close()


async def test_a_role_that_may_not_is_told_once(jobs: Jobs, raw: Raw, caplog: pytest.LogCaptureFixture) -> None:
    name = raw.powerless()
    async with jobs:
        url = await raw.make_user(name, "secret")
        try:
            await raw.let_read(name)
            db = make_database(url)
            await db.open()
            cleaner = Vacuum(db)
            with caplog.at_level(logging.INFO, "dbjobs"):
                for _ in range(2):
                    cleaner.ended(JOBS_PER_VACUUM)
                    await cleaner.look()
            await db.close()
        finally:
            await raw.drop_user(name)
    assert [record.message for record in caplog.records if "may not vacuum" in record.message] != []
    assert sum("may not vacuum" in record.message for record in caplog.records) == 1


async def _more(raw: Raw, before: int) -> bool:
    return await vacuums(raw) > before


async def test_only_one_node_at_a_time_folds_the_counts(jobs: Jobs, raw: Raw) -> None:
    """The other one goes without waiting, and without folding anything twice."""
    async with jobs:
        db = jobs._client.db
        await raw.rows(
            "INSERT INTO dbjobs.job_stat (minute, queue, command, counter, completed) "
            "SELECT date_trunc('hour', now()) - interval '50 hours' + n * interval '1 minute', 'q', 'c', 1, 1 "
            "FROM generate_series(1, 10) n"
        )
        async with db.transaction() as session:
            await repository.fold_stats(session)
            async with asyncio.timeout(10):
                await repository.fold_stats(db)
        assert await raw.rows("SELECT counter, completed FROM dbjobs.job_stat") == [(0, 10)]
