"""Asynchronous code that is run to its end by hand: what it may wait for, and what not."""

from __future__ import annotations

import asyncio
import time

import pytest

from dbjobs.store.postgres.cutting import cut_off
from dbjobs.store.synchronous import pause, run, seconds_left, shielded, time_limit


def test_the_result_comes_at_once() -> None:
    async def work() -> int:
        await pause(0)
        with shielded():
            return 7

    assert run(work()) == 7


def test_an_error_is_raised_where_it_is_called() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(work())


def test_what_needs_an_event_loop_is_a_fault() -> None:
    ended = False

    async def work() -> None:
        nonlocal ended
        try:
            await asyncio.sleep(0)
        finally:
            ended = True

    with pytest.raises(RuntimeError, match="waits for an event loop"):
        run(work())
    assert ended


def test_a_statement_knows_what_is_left_of_its_limit() -> None:
    async def work() -> float | None:
        async with time_limit(50):
            return seconds_left()

    left = run(work())
    assert left is not None
    assert 40 < left <= 50
    assert seconds_left() is None


async def test_an_event_loop_has_limits_of_its_own() -> None:
    with pytest.raises(TimeoutError):
        async with time_limit(0.01):
            await pause(20)
    async with time_limit(20):
        assert seconds_left() is None


def test_a_call_that_takes_too_long_is_cancelled() -> None:
    class Statement:
        cancelled = False

        def run(self) -> None:
            until = time.monotonic() + 20
            while not self.cancelled and time.monotonic() < until:
                time.sleep(0.001)
            raise ValueError("canceling statement")

        def cancel(self) -> None:
            self.cancelled = True

    statement = Statement()
    with pytest.raises(TimeoutError), cut_off(statement.cancel, 0.01):
        statement.run()
    with cut_off(statement.cancel, None):
        pass
    with pytest.raises(ValueError, match="its own"), cut_off(statement.cancel, 20):
        raise ValueError("its own")
