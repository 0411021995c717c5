"""How long claims rest between their looks, on a clock that only the looks move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from dbjobs.engine import claims as module
from dbjobs.engine import pace
from dbjobs.engine.claims import Claims
from dbjobs.store import repository
from dbjobs.store.records import Claimed
from dbjobs.store.repository import Wanted

FIND_SECONDS = 0.005
CLAIM_SECONDS = 0.01
ROOM = 1_000


class World:
    """Ready jobs by queue, and the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.rested = 0.0
        self.jobs: dict[str, list[int]] = {}
        self.claimed: Counter[str] = Counter()
        self._last_id = 0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(pace, "time", clock)
        monkeypatch.setattr(repository, "find_ready_queues", self._find)
        monkeypatch.setattr(repository, "claim_jobs", self._claim)
        self.claims = Claims(
            None,  # type: ignore[arg-type]
            SimpleNamespace(room=lambda _: ROOM, spare=0),  # type: ignore[arg-type]
            SimpleNamespace(room=ROOM, memory=None, push=lambda attempts: None),  # type: ignore[arg-type]
            SimpleNamespace(poll_seconds=1.0),  # type: ignore[arg-type]
            SimpleNamespace(named=None, serves=lambda _: True, limit_of=lambda _: None),  # type: ignore[arg-type]
            lambda node_id, jobs: [],
        )
        self.claims.commands = ("work",)
        self.claims.lanes = False
        self.claims._next_lane_look = float("inf")

    def enqueue(self, queue: str, jobs: int = 1) -> None:
        for _ in range(jobs):
            self._last_id += 1
            self.jobs.setdefault(queue, []).append(self._last_id)

    async def run(self) -> None:
        """Look, and rest for as long as the claims say, until nothing is ready."""
        while any(self.jobs.values()):
            if not await self.claims.look(1):
                until = self.claims.next_look
                assert self.now < until < self.now + 5.0
                self.rested += until - self.now
                self.now = until

    async def _find(self, db: Any, after: str, limit: int) -> list[str]:
        self.now += FIND_SECONDS
        return sorted(queue for queue, ids in self.jobs.items() if ids and queue > after)[:limit]

    async def _claim(
        self, db: Any, node_id: int, wanted: Sequence[Wanted], room: int, commands: Sequence[str]
    ) -> list[Claimed]:
        self.now += CLAIM_SECONDS
        found: list[Claimed] = []
        for queue, slots, _, after_id in wanted:
            ids = [id for id in self.jobs.get(queue, ()) if id > after_id][: min(slots, room - len(found))]
            self.jobs[queue] = [id for id in self.jobs.get(queue, ()) if id not in ids]
            found += [_job(queue, id) for id in ids]
        self.claimed.update(job.queue for job in found)
        return found


def _job(queue: str, id: int) -> Claimed:
    values = dict.fromkeys(Claimed.__struct_fields__)
    return Claimed(**{**values, "id": id, "queue": queue, "priority": 0})  # type: ignore[arg-type]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.mark.parametrize("jobs", [1, 7])
async def test_thousands_of_queues_are_claimed_from_without_a_rest(world: World, jobs: int) -> None:
    for number in range(3_000):
        world.enqueue(f"queue {number:04}", jobs)
    began = world.now
    await world.run()
    assert world.claimed.total() == 3_000 * jobs
    # Looks over the index get half of the time while they find as much as they may.
    assert world.rested < 0.2 * (world.now - began)


async def test_a_claim_that_finds_nothing_is_followed_by_a_rest_only_beside_other_kinds(world: World) -> None:
    """A thread's claim passes over the jobs of the event loop, and must not do so all the time."""
    rested = {}
    for alone in (True, False):
        world.claims.alone = alone
        world.enqueue("a")
        world.claims.behind = True
        await world.run()
        world.claims._hot.news("b", 0, behind=False)
        world.claims.jobs = True
        world.now += 1.0
        assert await world.claims.look(1)  # somebody else was quicker
        world.enqueue("c")
        world.claims.behind = True
        before = world.rested
        await world.run()
        rested[alone] = world.rested - before
    assert rested[True] < 9 * FIND_SECONDS < 9 * CLAIM_SECONDS - FIND_SECONDS < rested[False]


async def test_a_place_in_a_long_queue_is_kept_while_looks_from_its_start_rest(world: World) -> None:
    """A full look may not stop the claims of a backlog until the next look from the start is allowed."""
    world.enqueue("a", 20 * ROOM)
    await world.run()
    assert world.claimed["a"] == 20 * ROOM
    assert world.rested == 0.0
