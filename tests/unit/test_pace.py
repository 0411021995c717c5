"""How often to look from the start of a queue."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dbjobs.engine import pace
from dbjobs.engine.pace import FullLooks


class Looks:
    """Looks that take as long as told, on a clock that only they move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.full = FullLooks()

    def take(self, *seconds: float) -> None:
        for each in seconds:
            began = self.now
            self.now += each
            self.full.ended(began)

    @property
    def pause(self) -> float:
        return self.full.allowed_at - self.now


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def test_the_first_is_due_at_once(looks: Looks) -> None:
    assert looks.full.is_due(looks.now, behind=True, jobs=False)
    assert looks.full.is_due(looks.now, behind=False, jobs=True)
    assert not looks.full.is_due(looks.now, behind=False, jobs=False)


def test_slow_looks_get_a_tenth_of_the_time(looks: Looks) -> None:
    looks.take(0.1, 0.1)
    assert looks.pause == pytest.approx(0.9)
    assert not looks.full.is_due(looks.now + 0.89, behind=True, jobs=True)
    assert looks.full.is_due(looks.now + 0.91, behind=True, jobs=False)


def test_a_single_slow_look_holds_nothing_up(looks: Looks) -> None:
    looks.take(0.001, 5.0)
    assert looks.pause == pytest.approx(0.009)
    looks.take(0.001)
    assert looks.pause == pytest.approx(0.009)


def test_the_pause_has_an_end_however_slow_they_are(looks: Looks) -> None:
    looks.take(60.0, 60.0)
    assert looks.pause == pace.LONGEST_PAUSE_SECONDS


def test_without_news_of_work_behind_they_are_rarer(looks: Looks) -> None:
    looks.take(0.001, 0.001)
    soon, later = looks.now + 0.1, looks.now + pace.FULL_LOOK_SECONDS
    assert looks.full.is_due(soon, behind=True, jobs=True)
    assert not looks.full.is_due(soon, behind=False, jobs=True)
    assert looks.full.is_due(later, behind=False, jobs=True)
    assert not looks.full.is_due(later, behind=False, jobs=False)


def test_claims_go_ahead_by_runs_of_lanes_and_not_by_their_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now))
    pace_ = pace.Pace()
    for number in range(3000):
        pace_.ended(0.0001, lane=True, first=number % 3 == 0)
    now += 1.0  # 1,000 runs of three jobs each in a second
    assert pace_.ahead() == 1000 * pace.AHEAD_SECONDS


def test_a_wait_for_a_claim_does_not_halve_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now))
    pace_ = pace.Pace()
    for _ in range(1000):
        pace_.ended(0.0001, lane=False)
    now += 0.1
    busy = pace_.ahead()
    assert busy == pytest.approx(10_000 * pace.AHEAD_SECONDS, abs=1)
    now += 0.05  # nothing ran: a claim was under way
    assert pace_.ahead() > 0.8 * busy
    now += 10.0
    assert pace_.ahead() == 0


def test_looks_that_find_as_much_as_they_may_get_half_of_the_time(looks: Looks) -> None:
    looks.take(0.01, 0.01)
    assert looks.pause == pytest.approx(0.09)
    looks.now += 0.01
    looks.full.ended(looks.now - 0.01, fruitful=True)
    assert looks.pause == pytest.approx(0.01)
