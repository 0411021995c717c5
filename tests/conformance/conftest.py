"""Fixtures of the conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from dbjobs import Jobs
from dbjobs.engine import queues, timekeeper, waker
from tests.conformance.callers import CALLERS, Caller
from tests.conformance.raw import Raw
from tests.conformance.sync_callers import SYNC_CALLERS
from tests.receiver import Receiver, receiving
from tests.servers import Target


@pytest.fixture
def jobs(url: str) -> Jobs:
    """An application on a fresh database, not opened yet."""
    return Jobs(url)


@pytest.fixture
def raw(target: Target, url: str) -> Raw:
    """The same database past the library (and past a pooler), through the bare driver."""
    return Raw(target.dialect, target.direct_url(url))


@pytest.fixture
def no_nul_in_json(target: Target) -> None:
    """For tests with a NUL in a request or response: where JSON holds none, they are skipped."""
    if target.is_babelfish:
        pytest.skip("Babelfish's JSON is PostgreSQL's jsonb, which holds no NUL")


@pytest.fixture
async def caller(raw: Raw, target: Target, caller_kind: str) -> AsyncIterator[Caller]:
    """An application that holds its own transaction: the test runs once for each kind there is (see ``CALLERS``)."""
    kinds = {**CALLERS[target.dialect], **SYNC_CALLERS[target.dialect]}
    async with kinds[caller_kind](raw) as opened:
        yield opened
    if target.dialect != "sqlite":  # whose files are not handed on
        # Without the table that it has made the database is handed on; it goes if somebody has that locked.
        with anyio.move_on_after(2):
            await raw.rows("DROP TABLE IF EXISTS note")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An HTTP server that takes notifications, and answers as a test tells it to."""
    async with receiving() as opened:
        yield opened


@pytest.fixture
def no_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines started in this test look for work only when something tells them to."""
    for module, name in (
        (waker, "POLL_SECONDS"),
        (waker, "POLL_WITH_NOTICES_SECONDS"),
        (queues, "REFRESH_SECONDS"),
        (timekeeper, "LOOK_SECONDS"),
    ):
        monkeypatch.setattr(module, name, 600.0)
