"""Fixtures of SQLite's own tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dbjobs.store import repository
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.transactions import migrate


@pytest.fixture
async def db(url: str) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(url)
    await database.open()
    await migrate.migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def month(db: SqliteDatabase) -> Path:
    """The file of this month."""
    this = await repository.current_month(db)
    return db.path.with_name(f"jobs-history-{this}.db")
