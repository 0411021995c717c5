"""Processes and event loops share one file: they wait for each other's writes and hear of them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from dbjobs.errors import TransactionConflict
from dbjobs.store import repository
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions import migrate
from tests.conformance.helpers import eventually
from tests.dialects.sqlite.rows import NO_END, enqueue, make_node
from tests.servers.processes import Spawn

pytestmark = pytest.mark.dialect("sqlite")


async def test_a_lock_held_by_another_process_is_waited_for_and_then_reported(url: str) -> None:
    db = SqliteDatabase(f"{url}?busy_timeout=1")
    await db.open()
    await migrate.migrate(db)
    with closing(sqlite3.connect(db.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TransactionConflict, match="write lock"):
            await enqueue(db)
        with pytest.raises(TransactionConflict, match="write lock"):
            async with db.transaction():
                raise AssertionError("not reached")
        waiting = asyncio.ensure_future(enqueue(db))
        await asyncio.sleep(0.1)
        other.execute("COMMIT")
    assert len(await waiting) == 1
    await db.close()


@pytest.mark.process
async def test_two_processes_write_one_file(url: str, db: SqliteDatabase, spawn: Spawn) -> None:
    code = (
        "import asyncio, sys\n"
        "from dbjobs.store.sqlite.database import SqliteDatabase\n"
        "from tests.dialects.sqlite.rows import enqueue\n"
        "async def main():\n"
        f"    db = SqliteDatabase({url!r})\n"
        "    await db.open()\n"
        "    print('open', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    for _ in range(100):\n"
        "        await enqueue(db, 2, tag='child')\n"
        "    await db.close()\n"
        "asyncio.run(main())\n"
    )
    process = spawn("-c", code, cwd=Path(__file__).parents[3])
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    assert process.stdout.readline() == "open\n"
    process.stdin.write("go\n")
    process.stdin.flush()
    ids = [id for _ in range(100) for id in await enqueue(db, 2, tag="parent")]
    assert process.wait(30) == 0
    rows = await repository.list_jobs(db, before_id=NO_END, limit=1000)
    assert len(rows) == 400
    assert {row.id for row in rows if row.tag == "parent"} == set(ids)


async def test_commits_of_others_are_noticed_and_our_own_are_not(url: str, db: SqliteDatabase) -> None:
    notices: list[str] = []
    ready: list[bool] = []
    listening = asyncio.ensure_future(db.listen(notices.append, ready.append))
    await enqueue(db)
    await asyncio.sleep(0.1)
    assert (ready, notices) == ([True], [])
    other = db.another()
    await other.open()
    await other.fetch("add_queues", queues=["new"])
    await eventually(lambda: notices, "it is noticed")
    await other.close()
    listening.cancel()
    await asyncio.wait([listening])
    assert ready == [True, False]


async def test_two_instances_work_in_two_event_loops(url: str, db: SqliteDatabase) -> None:
    found: list[int] = []

    async def heartbeat() -> None:
        other = db.another()
        await other.open()
        node_id = await make_node(other)
        for _ in range(20):
            assert await repository.heartbeat(other, node_id, 10.0, "{}")
            assert await repository.find_cancel_requests(other, node_id) == set()
        found.append(node_id)
        await other.close()

    thread = threading.Thread(target=lambda: asyncio.run(heartbeat()))
    thread.start()
    for _ in range(50):
        await enqueue(db)
    await asyncio.to_thread(thread.join)
    assert [node.id for node in await repository.list_nodes(db)] == found


async def test_two_first_starts_at_the_same_moment_make_the_tables_once(url: str) -> None:
    several = [SqliteDatabase(url) for _ in range(4)]
    await asyncio.gather(*(db.open() for db in several))
    applied = await asyncio.gather(*(migrate.migrate(db) for db in several))
    assert sorted(map(len, applied)) == [0, 0, 0, len([*several[0].statements.migrations()])]
    for db in several:
        await db.close()
