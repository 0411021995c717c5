"""A dead node is believed dead within its lease, and a step of the database's clock buries nobody alive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dbjobs.engine.watch import Watch
from dbjobs.models import NodeInfo

LEASE = 30.0
PAUSE = 5.0
BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)


class World:
    """Nodes that renew, a database's clock that steps, and one rescuer that looks every ``PAUSE`` seconds."""

    def __init__(self, nodes: int = 2) -> None:
        self.now = 0.0
        self.offset = 0.0
        self.watch = Watch(PAUSE)
        self.renewed = dict.fromkeys(range(1, nodes + 1), self.database_now)
        self.alive = set(self.renewed)

    @property
    def database_now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.now + self.offset)

    def look(self) -> list[int]:
        return self.watch.look(
            [
                NodeInfo(
                    id=id,
                    name=f"node {id}",
                    started_at=BEGINNING,
                    last_seen_at=renewed,
                    lease_expires_at=renewed + timedelta(seconds=LEASE),
                    alive=renewed + timedelta(seconds=LEASE) > self.database_now,
                    info={},
                )
                for id, renewed in self.renewed.items()
            ],
            self.now,
        )

    def pass_by(self, seconds: float) -> list[int]:
        """Time passes, nodes renew, the rescuer looks; the ids that it found dead."""
        until = self.now + seconds
        dead: list[int] = []
        while self.now < until:
            self.now += PAUSE
            for id in self.alive:
                self.renewed[id] = self.database_now
            dead += self.look()
        return dead


def test_nobody_who_renews_is_dead() -> None:
    world = World()
    world.look()
    assert world.pass_by(600) == []


def test_a_dead_node_is_found_when_its_lease_is_over() -> None:
    world = World()
    world.pass_by(60)
    world.alive = {1}
    assert world.pass_by(LEASE - PAUSE) == []
    assert world.pass_by(2 * PAUSE)[:1] == [2]


def test_a_step_forward_of_the_databases_clock_buries_nobody_alive() -> None:
    for before in range(0, 60, 5):
        world = World()
        world.look()
        world.pass_by(before)
        world.offset += 600
        # Every lease is over now by the database's clock, until its node renews it.
        assert world.look() == []
        assert world.pass_by(600) == []


def test_a_step_back_hides_no_dead_node_for_longer_than_its_lease() -> None:
    world = World()
    world.pass_by(60)
    world.alive = {1}
    world.offset -= 600
    assert world.pass_by(LEASE - PAUSE) == []
    assert world.pass_by(2 * PAUSE)[:1] == [2]


def test_a_rescuer_that_has_just_started_watches_for_a_third_of_the_lease() -> None:
    world = World()
    world.alive = set()
    world.now = 600.0
    assert world.look() == []
    assert world.pass_by(LEASE / 3 - PAUSE) == []
    assert world.pass_by(PAUSE) == [1, 2]


def test_a_rescuer_that_was_suspended_has_not_watched_meanwhile() -> None:
    """It wakes together with the others (a laptop's lid), and they have had no chance to renew yet."""
    world = World()
    world.pass_by(60)
    world.now += 3600
    assert world.look() == []
    assert world.pass_by(60) == []


def test_a_node_that_renews_after_all_is_watched_anew() -> None:
    world = World()
    world.pass_by(60)
    world.alive = {1}
    world.pass_by(LEASE - 2 * PAUSE)
    world.alive = {1, 2}
    assert world.pass_by(PAUSE) == []
    world.alive = {1}
    assert world.pass_by(LEASE - 2 * PAUSE) == []
