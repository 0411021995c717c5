"""The pool hands on no connection that is closed or distrusted, and a wait for one ends."""

from __future__ import annotations

import asyncio

import pytest

from dbjobs import DatabaseError, DatabaseUnavailable
from dbjobs.store.pool import Pool


class Connection:
    """A connection that can be seen to end."""

    def __init__(self) -> None:
        self.closed = False
        self.news = False

    def is_closed(self) -> bool:
        return self.closed

    def has_news(self) -> bool:
        return self.news

    def terminate(self) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True


def make_pool(size: int = 2, wait_seconds: float | None = None) -> Pool[Connection]:
    async def connect() -> Connection:
        return Connection()

    return Pool(connect, size, wait_seconds=wait_seconds, has_news=Connection.has_news)


async def test_a_wait_for_a_connection_ends() -> None:
    pool = make_pool(1, wait_seconds=0.05)
    held = await pool.acquire()
    with pytest.raises(DatabaseUnavailable, match=r"all 1 connections were in use for 0.05 s"):
        await pool.acquire()
    pool.release(held)
    assert await pool.acquire() is held


async def test_idle_connections_that_are_distrusted_are_replaced() -> None:
    pool = make_pool()
    first, second = await pool.acquire(), await pool.acquire()
    pool.release(first)
    pool.distrust()
    assert (first.closed, second.closed) == (True, False)
    pool.release(second)
    assert await pool.acquire() is second, "what answered after all is as good as new"
    assert await pool.acquire() is not first


async def test_connections_without_an_answer_are_ended_while_they_are_used() -> None:
    pool = make_pool()
    used = await pool.acquire()
    pool.distrust(unanswered_seconds=0.05)
    answered = await pool.acquire()
    assert not used.closed
    await asyncio.sleep(0.1)
    assert (used.closed, answered.closed) == (True, False)
    pool.distrust(unanswered_seconds=0.0)
    assert answered.closed
    pool.release(used)
    pool.release(answered)
    assert {await pool.acquire(), await pool.acquire()}.isdisjoint({used, answered})


async def test_a_connection_with_news_is_not_used_any_more() -> None:
    pool = make_pool()
    told = await pool.acquire()
    pool.release(told)
    told.news = True
    assert await pool.acquire() is not told
    assert told.closed


async def test_a_connection_that_ends_on_its_way_to_a_waiter_is_not_used() -> None:
    pool = make_pool(1)
    held = await pool.acquire()
    waiter = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    pool.release(held)
    held.terminate()
    assert await waiter is not held


async def test_a_waiter_that_is_cancelled_passes_its_connection_on() -> None:
    pool = make_pool(1)
    held = await pool.acquire()
    first, second = asyncio.create_task(pool.acquire()), asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    pool.release(held)
    first.cancel()
    assert await second is held
    pool.release(held)
    assert await pool.acquire() is held


async def test_what_comes_after_the_end_is_ended() -> None:
    pool = make_pool()
    used = await pool.acquire()
    connecting = asyncio.Event()

    async def slowly() -> Connection:
        await connecting.wait()
        return Connection()

    pool._connect = slowly
    late = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    await pool.close(1.0)
    assert used.closed
    connecting.set()
    with pytest.raises(DatabaseError, match="closed"):
        await late


async def test_the_oldest_idle_connection_is_used_next() -> None:
    pool = make_pool(3)
    first, second, third = [await pool.acquire() for _ in range(3)]
    for connection in (second, first, third):
        pool.release(connection)
    assert [await pool.acquire() for _ in range(3)] == [first, second, third]
    first.terminate()
    for connection in (third, first, second):
        pool.release(connection)
    assert [await pool.acquire(), await pool.acquire()] == [second, third]
    assert await pool.acquire() is not first


async def test_a_statement_keeps_to_the_connection_that_has_its_plan() -> None:
    """Whatever else runs meanwhile, and wherever: a plan is made once, not once for each connection."""
    pool = make_pool(3)
    finishing, claiming = await pool.acquire("finish"), await pool.acquire("claim")
    other = await pool.acquire("housekeep")
    pool.release(other)
    assert await pool.acquire("expire") is other
    pool.release(other)
    for order in ((claiming, finishing, other), (other, finishing, claiming), (finishing, other, claiming)):
        if order[0] is claiming:  # all three are idle from here on
            pool.release(finishing)
            pool.release(claiming)
        else:
            for connection in order:
                pool.release(connection)
        assert await pool.acquire("rescue") is other, "what comes for the first time leaves the busy ones alone"
        assert await pool.acquire("claim") is claiming
        assert await pool.acquire("finish") is finishing


async def test_of_several_that_have_a_plan_the_oldest_is_used() -> None:
    pool = make_pool(3)
    connections = [await pool.acquire("insert") for _ in range(3)]
    for connection in reversed(connections):
        pool.release(connection)
    assert [await pool.acquire("insert") for _ in range(3)] == connections


async def test_a_connection_that_is_gone_is_forgotten_with_what_it_knew() -> None:
    pool = make_pool(2)
    first = await pool.acquire("claim")
    first.terminate()
    pool.release(first)
    second = await pool.acquire("claim")
    assert second is not first
    pool.release(second)
    assert await pool.acquire("claim") is second
