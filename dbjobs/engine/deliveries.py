"""Claims of deliveries: one queue, known by name, that every node with a notifier looks at and nothing else does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from dbjobs.engine.claims import Claims
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE


class DeliveryClaims(Claims):
    """Claims deliveries, whatever queues the node was started for: their queue is never among those.

    It hears of nothing else, so news of other jobs costs it no query; and deliveries have no lanes.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.lanes = False
        self._next_lane_look = math.inf

    def hear(self, news: Mapping[str, tuple[int, bool]]) -> None:
        if self._queues.is_paused(DELIVERY_QUEUE):
            return  # when it is resumed, everybody looks everywhere
        waker = self._waker
        self.behind = self.behind or waker.behind
        is_limited = self._queues.limit_of(DELIVERY_QUEUE) is not None
        self.jobs = self.jobs or waker.behind or DELIVERY_QUEUE in news or (is_limited and waker.jobs)
        told = news.get(DELIVERY_QUEUE)
        if told is not None:
            self._hot.news(DELIVERY_QUEUE, told[0], behind=told[1])

    def keep(self, served: Callable[[str], bool]) -> None:
        self._hot.keep(lambda _: not self._queues.is_paused(DELIVERY_QUEUE))

    async def _find_queues(self) -> bool:
        if not self._queues.is_paused(DELIVERY_QUEUE):
            self._hot.found((DELIVERY_QUEUE,))
        return False
