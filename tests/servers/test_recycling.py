"""A database is handed on to the next test if, and only if, nothing but its rows has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dbjobs import Jobs
from tests.conformance.raw import Raw
from tests.servers import Target
from tests.servers.recycling import Recycler

pytestmark = pytest.mark.dialect("postgres", "mysql")


@pytest.fixture
def recycler(target: Target) -> Iterator[Recycler]:
    recycler = Recycler(target)
    yield recycler
    recycler.close()


async def fill(url: str) -> list[int]:
    """Ids of the jobs that are put into a database."""
    jobs = Jobs(url)

    @jobs.command
    async def echo() -> None: ...

    async with jobs:
        refs = [await jobs.enqueue(echo, ref_id="r", batch_id="b"), *await jobs.enqueue_many(echo, [None] * 3)]
    assert all(ref.created for ref in refs)
    return [ref.id for ref in refs]


async def test_rows_go_and_numbers_begin_anew(target: Target, recycler: Recycler) -> None:
    url = recycler.take()
    for _ in range(3):
        assert await fill(url) == [1, 2, 3, 4]
        await Raw(target.dialect, target.direct_url(url)).drop_connections()  # ours too
        recycler.give_back(url)
        assert recycler.take() == url
    target.discard(url)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE dbjobs.job_queue ADD COLUMN mine integer",
        "ALTER TABLE dbjobs.background_job ALTER COLUMN worker SET DEFAULT 'me'",
        "CREATE TABLE mine (id integer)",
        "CREATE VIEW mine AS SELECT 1 AS one",
        "DELETE FROM dbjobs.schema_version WHERE version = 1",
    ],
)
async def test_a_changed_schema_is_not_handed_on(target: Target, recycler: Recycler, change: str) -> None:
    url = recycler.take()
    recycler.give_back(url)
    assert recycler.take() == url
    raw = Raw(target.dialect, target.direct_url(url))
    await raw.rows(change)
    recycler.give_back(url)
    other = recycler.take()
    assert other != url
    target.discard(other)
