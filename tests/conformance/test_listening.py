"""A connection that listens for notices lives through silence."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.postgres import database as postgres
from tests.conformance.helpers import eventually, soon
from tests.conformance.raw import Raw

pytestmark = pytest.mark.dialect("postgres")


async def test_a_listener_that_hears_nothing_asks_and_goes_on(
    url: str, jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "pooler=" in url:
        pytest.skip("behind a transaction pooler nobody listens")
    monkeypatch.setattr(postgres, "PING_SECONDS", 0.05)
    ready: list[bool] = []
    heard = asyncio.Event()
    async with jobs, anyio.create_task_group() as tasks:
        db = jobs._client.db
        tasks.start_soon(db.listen, lambda _: heard.set(), ready.append)
        await eventually(
            lambda: raw.rows("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT 1 AS alive%' AND state = 'idle'"),
            "the listener has asked",
        )
        await repository.notify(db, ["queues"])
        await soon(heard, "a notice arrives")
        assert ready == [True]
        tasks.cancel_scope.cancel()
    assert ready == [True, False]


async def test_a_worker_lives_through_silence(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "PING_SECONDS", 0.05)

    @jobs.command
    async def echo(request: int) -> int:
        return request

    async with jobs.start():
        later = await jobs.enqueue(echo, 1, run_after=0.5)
        assert (await jobs.wait(later, timeout=10)).response == 1
        assert len(await jobs.nodes()) == 1
