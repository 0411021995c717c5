"""All jobs move from one database to another: nothing is lost, nothing is changed, whatever dies on the way."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from dbjobs import Jobs
from dbjobs.errors import JobsMoved, TransferRefused
from dbjobs.moving import Progress, transfer
from dbjobs.store.database import make_database
from tests.conformance.helpers import eventually
from tests.moving_data import fill, register

pytestmark = pytest.mark.fresh


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with jobs of every kind in ``jobs.db``."""
    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(fill(folder / "jobs.db"))
    return folder


@pytest.fixture
def source(filled: Path, tmp_path: Path) -> str:
    """A copy of it, as a URL."""
    shutil.copytree(filled, tmp_path / "source")
    return f"sqlite:///{tmp_path / 'source' / 'jobs.db'}"


async def test_there_and_back_again_every_row_is_as_it_was(source: str, url: str, tmp_path: Path) -> None:
    there = await transfer(source, url)
    back = await transfer(url, f"sqlite:///{tmp_path}/back.db")
    rows = {report.table: report.source_rows for report in there.tables}
    assert rows == {report.table: report.target_rows for report in back.tables}
    assert min(rows.values()) > 0 or not [name for name, count in rows.items() if count == 0], rows
    assert [report.source_checksum for report in there.tables] == [report.target_checksum for report in back.tables]
