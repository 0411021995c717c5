"""Work that meets a conflict is repeated by the outermost that repeats at all, and by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dbjobs.errors import LockTimeout, TransactionConflict
from dbjobs.store import retrying
from dbjobs.store.retrying import CONFLICT_RETRIES, repeats_itself, without_conflict


class Busy:
    """Work that meets a conflict each time, or a number of times; it counts its tries."""

    def __init__(self, error: type[Exception] = TransactionConflict, times: float = float("inf")) -> None:
        self.tries = 0
        self._error, self._times = error, times

    async def __call__(self) -> str:
        self.tries += 1
        if self.tries <= self._times:
            raise self._error("somebody else is at it")
        return "done"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_FIRST_DELAY_SECONDS", 0.0)


def nested(work: Callable[[], Awaitable[str]], depth: int) -> Callable[[], Awaitable[str]]:
    return work if depth == 0 else lambda: without_conflict(nested(work, depth - 1))


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_tries_are_not_multiplied(depth: int) -> None:
    busy = Busy()
    with pytest.raises(TransactionConflict):
        await nested(busy, depth)()
    assert busy.tries == CONFLICT_RETRIES + 1


async def test_the_whole_is_repeated_not_its_last_statement() -> None:
    first, second = Busy(times=0), Busy(times=2)

    async def work() -> str:
        await without_conflict(first)
        return await without_conflict(second)

    assert await without_conflict(work) == "done"
    assert (first.tries, second.tries) == (3, 3)


async def test_a_function_that_repeats_itself_meets_each_conflict() -> None:
    busy = Busy()

    @repeats_itself
    async def own_way() -> int:
        with pytest.raises(TransactionConflict):
            await without_conflict(busy)
        return busy.tries

    assert await own_way() == 1
    with pytest.raises(TransactionConflict):
        await without_conflict(busy)
    assert busy.tries == 1 + CONFLICT_RETRIES + 1, "what comes after it is repeated again"


async def test_a_part_whose_fellows_are_committed_is_repeated_by_itself() -> None:
    committed, busy = Busy(times=0), Busy(times=2)

    async def work() -> str:
        await without_conflict(committed, is_part=True)
        return await without_conflict(busy, is_part=True)

    assert await without_conflict(work) == "done"
    assert (committed.tries, busy.tries) == (1, 3)


async def test_work_in_another_task_is_its_own() -> None:
    """Each caller's work is repeated, also beside work of another caller that is being repeated."""
    one, other = Busy(times=3), Busy(times=3)
    assert [*await asyncio.gather(without_conflict(one), without_conflict(other))] == ["done", "done"]
    assert (one.tries, other.tries) == (4, 4)


async def test_a_lock_is_waited_for_within_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "LOCK_SECONDS", 0.0)
    busy = Busy(LockTimeout)
    with pytest.raises(LockTimeout):
        await nested(busy, 3)()
    assert busy.tries == 1
