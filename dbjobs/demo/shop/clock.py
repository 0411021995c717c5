"""When things happen in a shop: little at night, most at noon and in the evening, less on Sundays."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

# Share of a day's work in each hour of the day.
_HOURS = (
    2, 1, 1, 1, 1, 2, 3, 5, 7, 9, 10, 11, 11, 10, 9, 9, 9, 10, 11, 12, 11, 8, 5, 3,
)  # fmt: skip
_DAYS = (10, 9, 9, 10, 11, 8, 6)


def moments(count: int, since: datetime, until: datetime, dice: random.Random) -> Iterator[datetime]:
    """Moments in a shop's rhythm, in order.

    Args:
        count: how many; each hour's share is exact to within one.
        since, until: between these.
    """
    hours = max(int((until - since) / timedelta(hours=1)), 1)
    starts = [since + timedelta(hours=number) for number in range(hours)]
    weights = [_HOURS[start.hour] * _DAYS[start.weekday()] for start in starts]
    per_weight, owed = count / sum(weights), 0.0
    for start, weight in zip(starts, weights, strict=True):
        owed += weight * per_weight
        due = int(owed + 1e-6)
        owed -= due
        length = min(3600.0, (until - start).total_seconds())
        for offset in sorted(dice.random() for _ in range(due)):
            yield start + timedelta(seconds=offset * length)
