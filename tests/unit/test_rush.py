"""How often open pages hear of changes while jobs end."""

from __future__ import annotations

import pytest

from dbjobs.admin import rush
from dbjobs.admin.rush import LOOK_SECONDS, SETTLING_SECONDS, Rush

MANY = 1_000_000


class Looks:
    """Looks as far apart as they ask for."""

    def __init__(self) -> None:
        self.rush = Rush()
        self.now = 1000.0
        self.ended = 5_000_000
        self.look(0)

    def look(self, more: int, answering_seconds: float = 0.0) -> tuple[bool, float]:
        """Whether pages hear of it, and the pause after it; ``more`` jobs have ended since the last one."""
        self.ended += more
        tells = self.rush.looked(self.ended, self.now, answering_seconds)
        self.now += self.rush.pause
        return tells, self.rush.pause


@pytest.fixture
def looks() -> Looks:
    return Looks()


def test_the_first_look_compares_with_nothing(looks: Looks) -> None:
    assert looks.rush.pause == LOOK_SECONDS


def test_on_a_calm_node_pages_hear_at_once(looks: Looks) -> None:
    assert [looks.look(40) for _ in range(9)] == [(True, LOOK_SECONDS)] * 9


def test_pages_hear_of_a_short_rush_when_it_is_over(looks: Looks) -> None:
    assert [looks.look(more) for more in (MANY, MANY, 10)] == [
        (False, SETTLING_SECONDS),
        (False, SETTLING_SECONDS),
        (True, LOOK_SECONDS),
    ]


def test_the_last_change_of_a_rush_shows_within_half_a_second() -> None:
    assert SETTLING_SECONDS + LOOK_SECONDS < 0.5
    assert 2 * SETTLING_SECONDS < 0.5  # it ended right after a look, and the next one still saw it


def test_a_rush_that_goes_on_is_told_after_a_while_and_then_seldom(looks: Looks) -> None:
    began = looks.now
    while not looks.look(MANY)[0]:
        assert looks.now - began <= rush.UNTOLD_SECONDS + SETTLING_SECONDS
    assert looks.rush.pause == rush.BUSY_LOOK_SECONDS_MOST / 2


def test_the_more_the_answers_cost_the_less_often_pages_hear(looks: Looks) -> None:
    while not looks.look(MANY)[0]:
        pass
    told = [looks.look(MANY, answering_seconds) for answering_seconds in (0.3, 9.0, 0.01)]
    assert told == [(True, 3.0), (True, rush.BUSY_LOOK_SECONDS_MOST), (True, rush.BUSY_LOOK_SECONDS)]
    assert looks.look(0) == (True, LOOK_SECONDS)
    assert looks.look(MANY) == (False, SETTLING_SECONDS)  # the next rush is a new one
