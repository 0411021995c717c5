"""The queues that may have ready jobs: what a claim looks at, however many queues there are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from dbjobs.store.records import Claimed
from dbjobs.store.repository import Wanted

Place = tuple[int, int]  # the (priority, id) of the last job claimed
START: Place = (-(2**31), 0)
# Most queues of one claim: those that should fill the room, and a few more that may.
MOST_QUEUES = 100
MORE_QUEUES = 4
# There may be a queue for each tenant: the places of the queues claimed from longest ago are forgotten.
PLACES_KEPT = 10_000
_WEIGHT = 0.2


class HotQueues:
    """Queues that news named, that a look over the index found, or that the last claim left jobs in.

    They take turns: a claim visits them in their order until there is no room. One that had no more than it was asked
    for leaves; one that was cut off goes to the end; one that was not visited keeps its turn.

    Args:
        free: how many more jobs of a queue may be claimed; None for any number, 0 while it is at its limit.
    """

    def __init__(self, free: Callable[[str], int | None]) -> None:
        self._free = free
        self._hot: dict[str, None] = {}
        self._behind: set[str] = set()
        self._places: dict[str, Place] = {}
        self._per_queue = 1.0

    def news(self, queue: str, priority: int, *, behind: bool) -> None:
        """A job of this queue may run; ``behind``: it is not a new one."""
        self._hot.setdefault(queue)
        place = self._places.get(queue)
        if place is not None and (behind or priority < place[0]):
            self._behind.add(queue)

    def found(self, queues: Iterable[str]) -> None:
        """A look over the index has found jobs in these, wherever they are; and there may be some in all the others.

        One that has no place is looked at from the start in any case.
        """
        self._hot.update(dict.fromkeys(queues))
        self._behind.update(queue for queue in self._hot if queue in self._places)

    def keep(self, served: Callable[[str], bool]) -> None:
        """Forget those that are not served (any more)."""
        self._hot = {queue: None for queue in self._hot if served(queue)}
        self._behind.intersection_update(self._hot)

    @property
    def behind(self) -> bool:
        """There may be jobs behind the place of the last claim."""
        return bool(self._behind)

    @property
    def open(self) -> bool:
        """There is one that is not at its limit."""
        return any(self._free(queue) != 0 for queue in self._hot)

    def wanted(self, room: int, *, restart: bool) -> list[Wanted]:
        """What to ask for in the next claim; ``restart``: from the start where jobs may be behind."""
        most = min(MOST_QUEUES, math.ceil(room / max(self._per_queue, 0.01)) + MORE_QUEUES)
        wanted: list[Wanted] = []
        turns = [queue for queue in self._hot if queue in self._behind] if restart else []
        turns += [queue for queue in self._hot if not restart or queue not in self._behind]
        for queue in turns:
            free = self._free(queue)
            if free == 0:
                continue
            priority, id = self._places.get(queue, START)
            if restart and queue in self._behind:
                priority, id = START
            wanted.append((queue, room if free is None else min(room, free), priority, id))
            if len(wanted) == most:
                break
        return wanted

    def claimed(self, wanted: Sequence[Wanted], jobs: Sequence[Claimed], room: int) -> bool:
        """Take in what a claim for ``wanted`` gave, in the order of (priority, id).

        Returns:
            Whether there may be more, other than behind the places of the last claims.
        """
        counts = Counter([job.queue for job in jobs])
        # They come in order, so what stays of each queue is its last job.
        last: dict[str, Place] = {}
        for queue, job in {job.queue: job for job in jobs}.items():
            last[queue] = (job.priority, job.id)
        no_room = len(jobs) >= room
        end = max((at for at, (queue, *_) in enumerate(wanted) if queue in last), default=-1)
        visited = wanted[: end + 1] if no_room else wanted
        more_follow = False
        for at, (queue, slots, *after) in enumerate(visited):
            cut_off = counts.get(queue, 0) >= slots or (no_room and at == end)
            from_start = tuple(after) == START
            if queue in last:
                before = self._places.pop(queue, START)
                # A look from the start that was cut off ends in the middle: go on from there.
                self._places[queue] = last[queue] if cut_off or not from_start else max(last[queue], before)
            if from_start:
                self._behind.discard(queue)
            self._hot.pop(queue, None)
            if cut_off or queue in self._behind:
                self._hot[queue] = None
            more_follow = more_follow or cut_off
        while len(self._places) > PLACES_KEPT:
            del self._places[next(iter(self._places))]
        if visited:
            self._per_queue += _WEIGHT * (len(jobs) / len(visited) - self._per_queue)
        return more_follow or len(self._hot) > len(self._behind)
