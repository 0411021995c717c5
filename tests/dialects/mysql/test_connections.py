"""MySQL and MariaDB: every round trip has a limit, also where a network swallows it; idle connections that are gone."""

from __future__ import annotations

import asyncio
import select
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
import pytest

from dbjobs import DatabaseUnavailable, Jobs, JobState
from dbjobs.store import repository
from dbjobs.store.mysql.database import MysqlDatabase
from dbjobs.store.mysql.errors import translated
from dbjobs.store.mysql.limits import Limits
from tests.conformance.helpers import eventually, wait_all, whole_list
from tests.conformance.raw import Raw
from tests.servers import Target
from tests.servers.proxy import Link, Proxy

# Most of it is about our side of a connection, and runs once: the two servers say the same there.
pytestmark = pytest.mark.dialect("mysql")

# An engine's with such a lease gives a statement up after 2 s, and then the end of its connection after 0.5 s.
LEASE_SECONDS = 3.0
PATIENCE_SECONDS = 5.0


@pytest.fixture
def raw(url: str) -> Raw:
    return Raw("mysql", url)


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    with Proxy(url) as opened:
        yield opened


@pytest.fixture
async def db(url: str, proxy: Proxy) -> AsyncIterator[MysqlDatabase]:
    """An engine's database behind the proxy, with one connection."""
    async with Jobs(url):  # makes the tables
        pass
    opened = MysqlDatabase(proxy.url(url), pool_size=1).for_engine(LEASE_SECONDS)
    await opened.open()
    try:
        yield opened
    finally:
        proxy.on_sent = None
        proxy.restore()
        await opened.close()


@contextmanager
def at_once(seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """The block takes no longer than this."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def swallow(proxy: Proxy, word: bytes, how: str) -> list[Link]:
    """The first time that a client sends this, it or its answer is lost, and so is what follows on that connection."""
    lost: list[Link] = []

    def on_sent(link: Link, sent: bytes) -> None:
        if word in sent and not lost:
            lost.append(link)
            link.silence() if how == "lost" else link.swallow_answers()

    proxy.on_sent = on_sent
    return lost


async def set_paused(db: MysqlDatabase, queue: str) -> None:
    async with db.transaction() as session:
        await repository.set_queue(session, queue, paused=True)


async def fail_inside(db: MysqlDatabase) -> None:
    async with db.transaction() as session:
        await repository.set_queue(session, "q", paused=True)
        raise ZeroDivisionError


def test_the_limits_of_an_engine_follow_its_lease() -> None:
    assert Limits(10.0, 60.0).following(30.0) == Limits(10.0, 10.0, 9.0, 5.0, 30.0)
    assert Limits(10.0, 60.0).following(3.0) == Limits(2.0, 2.0, 1.0, 0.5, 3.0)
    assert Limits(10.0, 5.0).following(3600.0) == Limits(5.0, 5.0, 4.0, 5.0, 3600.0)


@pytest.mark.once
@pytest.mark.parametrize("how", ["lost", "unanswered"])
@pytest.mark.parametrize("word", ["BEGIN", "job_queue", "COMMIT"])
async def test_a_round_trip_that_is_swallowed_ends_and_so_does_its_connection(
    db: MysqlDatabase, raw: Raw, proxy: Proxy, word: str, how: str
) -> None:
    lost = swallow(proxy, word.encode(), how)
    with at_once():
        with pytest.raises(DatabaseUnavailable):
            await set_paused(db, "q")
        assert len(lost) == 1
        # Nobody holds the row, and the next one gets through: the server's side is gone, too.
        await set_paused(db, "q")
    assert await raw.rows("SELECT queue, paused FROM dbjobs.job_queue") == [("q", 1)]
    assert not await raw.somebody_is_in_a_transaction()


@pytest.mark.once
async def test_a_rollback_that_is_swallowed_ends(db: MysqlDatabase, raw: Raw, proxy: Proxy) -> None:
    lost = swallow(proxy, b"ROLLBACK", "lost")
    with at_once():
        with pytest.raises(ZeroDivisionError):
            await fail_inside(db)
        assert len(lost) == 1
        await set_paused(db, "other")
    assert await raw.rows("SELECT queue FROM dbjobs.job_queue") == [("other",)]


@pytest.mark.once
@pytest.mark.parametrize("by", ["task", "scope"])
async def test_a_task_can_be_ended_while_its_commit_is_swallowed(db: MysqlDatabase, proxy: Proxy, by: str) -> None:
    lost = swallow(proxy, b"COMMIT", "lost")
    task = asyncio.create_task(set_paused(db, "q"))
    await eventually(lambda: lost, "the commit is on its way")
    with at_once():
        task.cancel()
        with pytest.raises((asyncio.CancelledError, DatabaseUnavailable)):
            await task


@pytest.mark.once
async def test_a_login_that_is_swallowed_ends(url: str, proxy: Proxy) -> None:
    proxy.silence(new=True)
    database = MysqlDatabase(proxy.url(url)).for_engine(LEASE_SECONDS)
    with at_once(), pytest.raises(DatabaseUnavailable, match="no answer within 2 s"):
        await database.open()


@pytest.mark.once
async def test_a_database_whose_connections_have_died_silently_is_closed(db: MysqlDatabase, proxy: Proxy) -> None:
    await set_paused(db, "q")
    proxy.silence(new=True)
    with at_once():
        await db.close()


@pytest.mark.parametrize("way", ["fetch", "transaction"])
async def test_a_connection_that_the_server_has_closed_while_it_lay_idle_fails_nobody(
    db: MysqlDatabase, raw: Raw, way: str
) -> None:
    """Also where the event loop has not come to hear of it: the loop is blocked while the server closes it."""
    await set_paused(db, "q")
    assert db._pool is not None
    [idle] = db._pool._idle
    assert idle._end._transport is not None
    farewell = select.poll()
    farewell.register(idle._end._transport.get_extra_info("socket").fileno(), select.POLLIN)

    def drop() -> None:
        asyncio.run(raw.drop_connections())
        # The server says that it has closed a connection a little before its farewell arrives here.
        assert farewell.poll(20_000), "no farewell"

    dropping = threading.Thread(target=drop)
    dropping.start()
    dropping.join()
    if way == "fetch":
        assert [queue.queue for queue in await repository.list_queues(db)] == ["q"]
    else:
        await set_paused(db, "q")


@pytest.mark.once
async def test_a_connection_lost_at_its_first_word_is_replaced(db: MysqlDatabase, raw: Raw, proxy: Proxy) -> None:
    def on_sent(link: Link, sent: bytes) -> None:
        if b"BEGIN" in sent:
            proxy.on_sent = None
            link.reset()

    proxy.on_sent = on_sent
    await set_paused(db, "q")
    assert proxy.on_sent is None
    assert await raw.rows("SELECT queue, paused FROM dbjobs.job_queue") == [("q", 1)]


async def test_a_transaction_that_lies_idle_is_ended_where_the_server_can(
    db: MysqlDatabase, raw: Raw, target: Target
) -> None:
    """A process that is suspended, or whose event loop is blocked, in the middle of one."""
    if target.name != "mariadb":
        pytest.skip("MySQL has no limit for an idle transaction")

    async def lie_idle() -> None:
        async with db.transaction() as session:
            await repository.set_queue(session, "q", paused=True)
            with at_once(LEASE_SECONDS + 2.0):
                await eventually(lambda: _ended(raw), "the server has ended it")
            await repository.set_queue(session, "q", paused=False)

    with pytest.raises(DatabaseUnavailable):
        await lie_idle()
    await set_paused(db, "q")


async def _ended(raw: Raw) -> bool:
    return not await raw.somebody_is_in_a_transaction()


@pytest.mark.once
async def test_a_worker_goes_on_after_its_connections_have_died_silently(url: str, proxy: Proxy) -> None:
    """Within a lease or so, and without losing a job."""
    lease_seconds = 4.0
    jobs = Jobs(proxy.url(url))
    ran: list[Any] = []

    @jobs.command
    async def note(request: int) -> int:
        ran.append(request)
        return request

    async with jobs.start(lease_seconds=lease_seconds):
        await jobs.wait(await jobs.enqueue(note, 1), timeout=10)
        proxy.silence()
        async with Jobs(url) as others:
            others.declare("note")
            with at_once(2 * lease_seconds):
                job = await others.wait(await others.enqueue("note", 2), timeout=3 * lease_seconds)
        assert job.state is JobState.COMPLETED
    assert sorted(set(ran)) == [1, 2]


@pytest.mark.once
@pytest.mark.parametrize("how", ["lost", "unanswered"])
async def test_a_swallowed_commit_of_outcomes_stops_neither_them_nor_the_node(url: str, proxy: Proxy, how: str) -> None:
    jobs = Jobs(proxy.url(url))
    ran: list[int] = []

    @jobs.command
    async def note(request: int) -> int:
        ran.append(request)
        return request

    async with jobs.start(lease_seconds=4.0):
        await jobs.wait(await jobs.enqueue(note, -1), timeout=10)
        lost = swallow(proxy, b"completed_job", how)
        with at_once(10.0):
            ended = await wait_all(jobs, [await jobs.enqueue(note, n) for n in range(20)])
        assert lost, "no outcome was swallowed"
        assert {(job.state, job.attempt) for job in ended} == {(JobState.COMPLETED, 1)}
        proxy.on_sent = None
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 10.0
    assert sorted(ran) == list(range(-1, 20))
    async with jobs:
        listed = await whole_list(jobs)
    assert sorted(row.id for row in listed) == sorted({row.id for row in listed})
    assert len(listed) == len(ran)


@pytest.mark.parametrize("number", [1021, 1030, 1041, 1114, 1135, 1206, 1290, 1792, 1836, 1969, 2013])
def test_a_server_in_trouble_is_nobody_s_fault(number: int) -> None:
    with pytest.raises(DatabaseUnavailable), translated("somewhere"):
        raise pymysql.err.OperationalError(number, "it failed")


async def test_a_handler_s_transaction_has_the_client_s_patience(db: MysqlDatabase) -> None:
    """What the lease bounds are the engine's own transactions."""
    async with db.transaction() as session, session.connection.cursor() as cursor:
        await cursor.execute("SELECT @@innodb_lock_wait_timeout")
        assert await cursor.fetchone() == (1,)
    async with db.handler_transaction() as session, session.connection.cursor() as cursor:
        await cursor.execute("SELECT @@innodb_lock_wait_timeout")
        assert await cursor.fetchone() == (10,)
