"""Connections that die without a word, or in the middle of a statement: callers and loops hear of it in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from dbjobs import DatabaseError, DatabaseUnavailable, Jobs, JobState
from tests.conformance.helpers import SLACK_SECONDS, Gate, eventually
from tests.conformance.raw import Raw
from tests.servers import Target
from tests.servers.proxy import Link, Proxy

pytestmark = [
    pytest.mark.dialect("postgres"),
    # A connection that is cut off is dropped, not closed: its socket may say so when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LIMIT_SECONDS = 2
LEASE_SECONDS = 6.0


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    with Proxy(url) as proxy:
        yield proxy


def through(proxy: Proxy, url: str, *, seconds: int | None = LIMIT_SECONDS) -> str:
    """The database through the proxy, where a statement may take this long."""
    if seconds is None:
        return proxy.url(url)
    mark = "&" if urlsplit(url).query else "?"
    return f"{proxy.url(url)}{mark}command_timeout={seconds}&connect_timeout={seconds}"


@contextmanager
def dead_connections_are_left_alone(proxy: Proxy) -> Iterator[None]:
    """Nothing is asked on a silent connection in this block; a good-bye may be said (Sync, Terminate)."""
    asked: list[bytes] = []

    def note(link: Link, sent: bytes) -> None:
        question = sent.replace(b"S\0\0\0\4", b"").replace(b"X\0\0\0\4", b"")
        if link.is_silent and question:
            asked.append(sent)

    proxy.on_sent = note
    try:
        yield
    finally:
        proxy.on_sent = None
    assert asked == [], "another dead connection was handed on"


def application(url: str) -> tuple[Jobs, Gate]:
    jobs, gate = Jobs(url), Gate()
    gate.open()
    jobs.command(name="work")(gate)
    return jobs, gate


@pytest.mark.parametrize("options", [{}, {"ref_id": "once"}, {"batch_id": "b"}, {"depends_on": "parent"}])
async def test_an_enqueue_on_a_silent_connection_answers_within_its_limit(
    url: str, proxy: Proxy, options: dict[str, str]
) -> None:
    jobs, _ = application(through(proxy, url))
    async with jobs:
        parent = await jobs.enqueue("work")
        given = {name: parent if value == "parent" else value for name, value in options.items()}
        proxy.silence()
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await jobs.enqueue("work", **given)  # type: ignore[call-overload]
        assert time.monotonic() - began < LIMIT_SECONDS + SLACK_SECONDS
        with dead_connections_are_left_alone(proxy):
            assert (await jobs.enqueue("work", **given)).id  # type: ignore[call-overload]


async def test_all_idle_connections_are_dropped_after_one_was_silent(url: str, proxy: Proxy) -> None:
    jobs, _ = application(through(proxy, url))
    async with jobs:
        await asyncio.gather(*(jobs.counts() for _ in range(4)))
        proxy.silence()
        with pytest.raises(DatabaseUnavailable):
            await jobs.counts()
        with dead_connections_are_left_alone(proxy):
            await asyncio.gather(*(jobs.counts() for _ in range(4)))


async def test_connections_ended_while_idle_cost_no_error(url: str, raw: Raw) -> None:
    """The server's good-bye is in the socket, or on its way, and the loop has had no turn yet to read it."""
    jobs, _ = application(url)
    async with jobs:
        for round_ in range(3):
            await asyncio.gather(*(jobs.counts() for _ in range(4)))
            await raw.drop_connections()
            assert (await jobs.enqueue("work", ref_id=str(round_))).created
            await raw.drop_connections()
            assert (await jobs.enqueue("work")).id


async def test_connections_ended_in_use_raise_our_own_errors(url: str, raw: Raw, proxy: Proxy) -> None:
    jobs, _ = application(proxy.url(url))
    errors: list[BaseException] = []

    async def enqueue(number: int) -> None:
        for turn in range(20):
            options = {"ref_id": f"{number} {turn}"} if number % 2 else {}
            try:
                await jobs.enqueue("work", **options)  # type: ignore[call-overload]
            except BaseException as error:
                errors.append(error)

    async with jobs:
        tasks = [asyncio.create_task(enqueue(number)) for number in range(8)]
        for _ in range(10):
            await asyncio.sleep(0.01)
            proxy.cut()
        await asyncio.gather(*tasks)
        assert (await jobs.enqueue("work")).id
    assert [error for error in errors if not isinstance(error, DatabaseError)] == []


async def test_doubt_is_told_only_where_there_is_one(url: str, proxy: Proxy) -> None:
    jobs, _ = application(through(proxy, url))
    async with jobs:
        await jobs.enqueue("work")
        proxy.cut(refuse=True)
        await asyncio.sleep(0.05)
        with pytest.raises(DatabaseUnavailable) as caught:
            await jobs.enqueue("work")
        assert not caught.value.in_doubt, "nothing was sent"
        proxy.restore()

        def cut_the_answer(link: Link, data: bytes) -> None:
            if data != b"":
                link.swallow_answers()

        await jobs.enqueue("work")
        proxy.on_sent = cut_the_answer
        with pytest.raises(DatabaseUnavailable) as caught:
            await jobs.enqueue("work")
        proxy.on_sent = None
        assert caught.value.in_doubt
        assert "may have been carried out" in str(caught.value)


@pytest.mark.parametrize("call", ["enqueue", "start"])
async def test_a_start_on_silent_connections_fails_with_our_own_error(url: str, proxy: Proxy, call: str) -> None:
    jobs, _ = application(through(proxy, url))

    async def start() -> None:
        async with jobs.start(lease_seconds=LEASE_SECONDS):
            pass

    async with jobs:
        await jobs.counts()
        proxy.silence(new=True)
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await (start() if call == "start" else jobs.enqueue("work", ref_id="x"))
        assert time.monotonic() - began < 15
        proxy.restore()
        async with jobs.start(lease_seconds=LEASE_SECONDS):
            assert (await jobs.wait(await jobs.enqueue("work"), timeout=10)).state is JobState.COMPLETED


@pytest.mark.slow
@pytest.mark.parametrize("command_timeout", [None, 60])
async def test_a_node_gets_over_connections_that_died_silently_within_its_lease(
    url: str, proxy: Proxy, target: Target, command_timeout: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    jobs, _ = application(through(proxy, url, seconds=command_timeout))
    stays = Gate()
    jobs.command(name="stays", retry_limit=0)(stays)
    other = Jobs(url)
    other.declare("work")
    async with jobs.start(lease_seconds=LEASE_SECONDS) as engine, other:
        id = engine.node_id
        held = await jobs.enqueue("stays")
        await stays.wait_entered()
        # All connections of the pools have been used: by callers, loops, notices, the heartbeat.
        before = await asyncio.gather(*(jobs.enqueue("work") for _ in range(20)))
        await asyncio.gather(*(jobs.wait(ref, timeout=10) for ref in before))
        proxy.silence()
        began = time.monotonic()
        refs = [await other.enqueue("work") for _ in range(20)]
        for ref in refs:
            await other.wait(ref, timeout=LEASE_SECONDS + target.slowness)
        with suppress(DatabaseUnavailable):  # its connection may have been a dead one, too
            await jobs.enqueue("work")
        assert (await jobs.enqueue("work")).id
        assert time.monotonic() - began < LEASE_SECONDS + target.slowness
        assert engine.node_id == id, "its lease was lost"
        stays.open()
        assert (await other.wait(held, timeout=10)).attempt == 1
    assert "Traceback" not in caplog.text


@pytest.mark.slow
async def test_a_network_that_is_away_for_longer_than_a_lease(
    url: str, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    """What was held arrives after all: late answers to claims, finishes and heartbeats change nothing."""
    lease_seconds = 2.0
    jobs, _ = application(through(proxy, url))
    runs: list[int] = []

    @jobs.command(retry_limit=5)
    async def count(request: int) -> None:
        runs.append(request)

    other = Jobs(url)
    other.declare("count")
    async with other, jobs.start(lease_seconds=lease_seconds) as engine:
        id = engine.node_id
        await jobs.wait(await jobs.enqueue(count, -1), timeout=10)
        proxy.hold()
        refs = await other.enqueue_many("count", range(50))
        await eventually(lambda: engine.node_id is None, "it fences itself")
        proxy.restore()
        await eventually(lambda: engine.node_id not in (None, id), "it is back under a new id")
        ended = [await other.wait(ref, timeout=20) for ref in refs]
        assert {job.state for job in ended} == {JobState.COMPLETED}
        assert set(runs) == {-1, *range(50)}
    away = [record.getMessage() for record in caplog.records if record.getMessage().startswith("no database (")]
    assert len(away) <= 2, away
