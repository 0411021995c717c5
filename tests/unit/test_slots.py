"""Slots share the event loop: handlers that never wait leave the other tasks their turns, and nothing stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from dbjobs.engine import slots as slots_module
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.crews import Crew
from dbjobs.engine.slots import TURN_SECONDS, Slots
from dbjobs.engine.steps import Seat

SLOTS = 50
JOB_SECONDS = TURN_SECONDS / 4


class Work:
    """Jobs that use up time on a clock of their own, in slots."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, run: Callable[[Work], Awaitable[None]]) -> None:
        self.now = 1000.0
        self.done = 0
        self._run = run
        monkeypatch.setattr(slots_module, "time", SimpleNamespace(monotonic=lambda: self.now))
        self._crew = Crew("loop", SLOTS)
        self.slots = Slots(SLOTS, [self._crew], self._attempt, lambda: None, self._died)

    async def _attempt(self, attempt: Attempt, seat: Seat) -> bool:
        self.now += JOB_SECONDS
        await self._run(self)
        self.done += 1
        return True

    def _died(self, error: BaseException) -> None:
        raise AssertionError("a slot ended") from error

    def add(self, jobs: int) -> None:
        """Let this many jobs wait for slots."""
        self._crew.ready.extend(cast(Any, [object()] * jobs))
        self.slots.wake()


async def _until(reached: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not reached():  # noqa: ASYNC110 - each turn of the event loop counts
            await asyncio.sleep(0)


async def _never_waits(work: Work) -> None:
    pass


@pytest.mark.once
async def test_other_tasks_get_their_turn_after_one_turn_of_all_slots_together(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch, _never_waits)
    work.add(2000)
    longest = 0.0
    while work.done < 2000:
        before = work.now
        await asyncio.sleep(0)
        longest = max(longest, work.now - before)
    assert longest <= 2 * TURN_SECONDS + JOB_SECONDS
    await work.slots.close()


@pytest.mark.once
async def test_a_slot_that_waits_after_its_turn_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    free = asyncio.Event()
    begun = 0

    async def uses_up_the_turn_and_waits(work: Work) -> None:
        nonlocal begun
        begun += 1
        work.now += 2 * TURN_SECONDS
        await free.wait()

    work = Work(monkeypatch, uses_up_the_turn_and_waits)
    work.add(SLOTS + 10)
    await _until(lambda: begun == SLOTS)
    assert work.slots.busy == SLOTS
    free.set()
    await _until(lambda: work.done == SLOTS + 10)
    assert work.slots.busy == 0
    await work.slots.close()


@pytest.mark.once
async def test_work_goes_on_when_every_slot_is_cancelled_in_the_middle_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(monkeypatch, _never_waits)
    work.add(1000)
    await _until(lambda: work.done >= 500)
    for task in asyncio.all_tasks():
        if task.get_name() == "dbjobs-slot":
            task.cancel()
    await _until(lambda: work.done == 1000)
    await work.slots.close()
