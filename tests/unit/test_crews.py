"""How much room a kind of handler has, and when that is enough for a claim."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dbjobs.engine import pace
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.crews import Crew, DeliveryCrew

SLOTS = 100


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """``monotonic`` answers ``now``, which only the test moves."""
    clock = SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(pace, "time", clock)
    return clock


def ends(crew: Crew, clock: SimpleNamespace, jobs: int) -> int:
    """Jobs end within a tenth of a second; how many are claimed ahead after it."""
    for _ in range(jobs):
        crew.pace.ended(0.0, lane=False)
    clock.now += 0.1
    return crew.pace.ahead()


def waiting(crew: Crew, jobs: int) -> int:
    """Jobs wait for a place; the free slots that are left, negative if more wait."""
    crew.ready.clear()
    crew.ready.extend(Attempt.__new__(Attempt) for _ in range(jobs))
    return SLOTS - jobs


def test_slow_jobs_are_claimed_for_each_free_place(clock: SimpleNamespace) -> None:
    crew = Crew("loop", SLOTS)
    assert ends(crew, clock, 1) == 0
    assert crew.room(waiting(crew, SLOTS - 1)) == 1 > crew.spare


def test_quick_jobs_are_claimed_ahead_in_portions(clock: SimpleNamespace) -> None:
    crew = Crew("loop", SLOTS)
    ahead = ends(crew, clock, 2_000)
    assert ahead > SLOTS
    assert crew.room(waiting(crew, SLOTS + ahead)) == 0
    assert crew.room(waiting(crew, SLOTS + ahead - crew.spare)) == crew.spare > 0, "a little room waits for more"
    assert crew.room(waiting(crew, SLOTS + ahead - crew.spare - 1)) > crew.spare


def test_places_that_are_idle_are_always_worth_a_claim(clock: SimpleNamespace) -> None:
    for jobs in (0, 10, 100, 1_000, 100_000):
        crew = Crew("loop", 1)
        ends(crew, clock, jobs)
        assert crew.room(waiting(crew, 0)) > crew.spare


def test_each_free_place_for_a_delivery_is_worth_a_claim(clock: SimpleNamespace) -> None:
    crew = DeliveryCrew(10)
    ends(crew, clock, 100_000)
    assert crew.room(waiting(crew, 9)) == 1 > crew.spare
