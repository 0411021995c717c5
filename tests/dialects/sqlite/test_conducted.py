"""A transaction of ours goes on without the event loop that has asked for it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.sqlite import transaction


@pytest.mark.parametrize("kind", ["ref_id", "depends_on", "batch"])
async def test_a_loop_that_is_blocked_amid_an_enqueue_keeps_nobody_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(transaction, "PAUSE_SECONDS", 600.0)  # after it, a transaction is rolled back
    path = tmp_path / "jobs.db"
    jobs = Jobs(f"sqlite:///{path}")

    @jobs.command
    async def work(request: int) -> None: ...

    loop = asyncio.get_running_loop()
    written: list[bool] = []
    insert = repository.insert_jobs

    def another_writes() -> None:
        """In the loop's own thread, so the loop does nothing else meanwhile."""
        with closing(sqlite3.connect(path, timeout=20)) as another:
            another.execute("CREATE TABLE another (id INTEGER)")
            another.commit()
        written.append(True)

    async def insert_and_block(*arguments: Any) -> Any:
        rows = await insert(*arguments)
        if not written:
            loop.call_soon_threadsafe(another_writes)
        return rows

    async with jobs:
        parent = await jobs.enqueue(work, 0)
        monkeypatch.setattr(repository, "insert_jobs", insert_and_block)
        if kind == "ref_id":
            await jobs.enqueue(work, 1, ref_id="one")
        elif kind == "depends_on":
            await jobs.enqueue(work, 1, depends_on=parent)
        else:
            await jobs.enqueue(work, 1, batch_id="one")
        await asyncio.sleep(0)
        assert written == [True]
