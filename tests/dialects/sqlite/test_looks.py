"""Looks see a job once, wherever it is: in the main file, on its way, or in one of the months."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbjobs import Jobs
from dbjobs.models import JobState
from dbjobs.store import repository
from dbjobs.store.records import LogEntry
from dbjobs.store.sqlite import history as sqlite_history
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions import migrate, partitions, settlement
from tests.dialects.sqlite.rows import NO_END, claim, enqueue, listed, make_node, run_all

pytestmark = pytest.mark.dialect("sqlite")


async def test_a_list_goes_over_months_newest_first(db: SqliteDatabase) -> None:
    ids = await enqueue(db, 12)
    with closing(sqlite3.connect(db.path)) as file:
        for index, id in enumerate(ids):
            file.execute(
                "UPDATE dbjobs_background_job SET created_at = ? WHERE id = ?",
                (f"2025-{index // 4 + 1:02d}-15 00:00:00.000", id),
            )
        file.commit()
    node_id = await make_node(db)
    await settlement.settle(db, node_id, await claim(db, node_id, 10))
    await db.close()
    assert set(sqlite_history.HistoryFiles(db.path, "dbjobs").months()) >= {"202501", "202502", "202503"}
    await db.open()
    before, seen = NO_END, []
    while page := await repository.list_jobs(db, before_id=before, limit=5):
        seen += [row.id for row in page]
        before = page[-1].id
        assert len(page) == 5 or before == ids[0]
    assert seen == ids[::-1]
    assert sorted(await repository.get_jobs(db, ids)) == ids


async def test_logs_are_found_on_their_way_and_in_their_month(db: SqliteDatabase) -> None:
    node_id = await make_node(db)
    (id,) = await enqueue(db)
    outcomes = await claim(db, node_id)
    for turn in range(3):
        lines = [LogEntry(id, 1, 0.0, "info", f"{turn}.{n}") for n in range(2)]
        await repository.insert_logs(db, node_id, lines, 0.0)
        if turn == 1:
            await db.close()  # copied
            await db.open()
    await settlement.settle(db, node_id, outcomes)
    lines_found = await repository.list_logs(db, id, 0, 100)
    assert [line.message for line in lines_found] == ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]
    rest = await repository.list_logs(db, id, lines_found[2].id, 2)
    assert [line.message for line in rest] == ["1.1", "2.0"]


async def test_a_month_dropped_by_another_process_is_gone_here_too(url: str, db: SqliteDatabase) -> None:
    (id,) = await enqueue(db, ref_id="key")
    await run_all(db)
    await db.close()
    await db.open()
    assert await listed(db) == [(id, "completed")]  # the month's file is open now
    other = SqliteDatabase(url)
    await other.open()
    this = await repository.current_month(other)
    async with other.transaction() as session:
        await session.script("drop_partition", month=this, oldest=this)
    assert await repository.forget_refs(other, this, (), 10) == 1
    await other.close()
    assert this not in await repository.list_partitions(db)
    assert await listed(db) == []
    assert await repository.find_refs(db, ["key"]) == {}
    (second,) = await enqueue(db, ref_id="key")
    assert second > id
    assert await run_all(db) == [second]
    await db.close()
    await db.open()
    assert await listed(db) == [(second, "completed")]


async def test_schemas_of_one_file_have_months_of_their_own(url: str, db: SqliteDatabase) -> None:
    mine = SqliteDatabase(url, schema="mine")
    await mine.open()
    await migrate.migrate(mine)
    await enqueue(db)
    await enqueue(mine, 2)
    await run_all(db)
    await run_all(mine)
    await mine.close()
    await mine.open()
    assert len(await partitions.drop_old(mine, -100)) == 3
    assert await listed(mine) == []
    assert len(await listed(db)) == 1
    await mine.close()


async def test_a_job_is_looked_for_in_the_file_of_its_month_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty months of history: neither a job that runs, nor an old one, nor one that never was, opens them all."""
    path = tmp_path / "jobs.db"
    jobs = Jobs(f"sqlite:///{path}")

    @jobs.command
    async def work() -> None: ...

    opened: list[str] = []
    connection = sqlite_history.History.connection

    def counted(self: sqlite_history.History, month: str) -> sqlite3.Connection | None:
        opened.append(month)
        return connection(self, month)

    async with jobs:
        refs = []
        for number in range(40):
            ref = await jobs.enqueue(work)
            refs.append(ref)
            with closing(sqlite3.connect(path)) as raw:
                moment = f"{2020 + number // 12}-{number % 12 + 1:02}-15 12:00:00.000"
                raw.execute("UPDATE dbjobs_background_job SET created_at = ? WHERE id = ?", (moment, ref.id))
                raw.commit()
        async with jobs.start(retention_months=None):
            for ref in refs:
                await jobs.wait(ref, timeout=20)
    async with jobs:
        assert len(sqlite_history.HistoryFiles(path, "dbjobs").months()) >= 40
        live = await jobs.enqueue(work)
        monkeypatch.setattr(sqlite_history.History, "connection", counted)
        assert await repository.find_ends(jobs._client.db, [live.id]) == {}
        assert await jobs.get(10**9) is None
        assert opened == []
        found = await jobs.get(refs[7])
        assert found is not None
        assert found.state is JobState.COMPLETED
        assert opened == ["202008"]
