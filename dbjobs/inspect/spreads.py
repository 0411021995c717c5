"""How long things took: a mean and percentiles, from a histogram."""

from __future__ import annotations

import msgspec

from dbjobs.engine.tally import BUCKETS_PER_DOUBLING


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in milliseconds; a percentile is exact to about a tenth.

    Attributes:
        count: how many were measured: for run times every ended attempt, for wait times a sample of first attempts.
        mean: their mean.
        p50, p95, p99: half, 95 % and 99 % took no longer than this.
    """

    count: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


def spread(histogram: dict[int, int], total_ms: float) -> Spread:
    """The mean and the percentiles of a histogram."""
    count = sum(histogram.values())
    if not count:
        return Spread()
    at = [percentile(histogram, count, share) for share in (0.5, 0.95, 0.99)]
    return Spread(count=count, mean=total_ms / count, p50=at[0], p95=at[1], p99=at[2])


def percentile(histogram: dict[int, int], count: int, share: float) -> float:
    """The middle of the bucket where the count reaches this share of the total."""
    left = share * count
    for bucket in sorted(histogram):
        left -= histogram[bucket]
        if left <= 0:
            break
    return float(2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING))
