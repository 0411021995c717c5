"""Runs one library through every scenario, in a database of its own."""

from __future__ import annotations

import math
import statistics
from collections.abc import AsyncIterator
from typing import Literal

from benchmarks.peers import NotOffered, Peer, PeerResult

Scenario = Literal["enqueue_one", "enqueue_concurrent", "enqueue_many", "drain", "latency"]
SCENARIOS: tuple[Scenario, ...] = ("enqueue_one", "enqueue_concurrent", "enqueue_many", "drain", "latency")


async def measure(
    peer: Peer, *, jobs: int, tasks: int = 50, latency_jobs: int = 100
) -> AsyncIterator[tuple[Scenario, PeerResult | NotOffered]]:
    """Yield each scenario's figure as it comes, or what the library lacks for it.

    The peer must be prepared. Rates are jobs per second; latency is the median, with the 95th and 99th
    percentile and the maximum in `extra`.
    """
    for scenario in SCENARIOS:
        try:
            yield scenario, await _run(peer, scenario, jobs, tasks, latency_jobs)
        except NotOffered as missing:
            yield scenario, missing


async def _run(peer: Peer, scenario: Scenario, jobs: int, tasks: int, latency_jobs: int) -> PeerResult:
    match scenario:
        case "enqueue_one":
            value = await peer.enqueue_one(jobs)
        case "enqueue_concurrent":
            value = await peer.enqueue_concurrent(jobs, tasks)
        case "enqueue_many":
            value = await peer.enqueue_many(jobs)
        case "drain":
            value = await peer.drain(jobs)
        case "latency":
            return _summary(await peer.latency(latency_jobs))
    return PeerResult(value, "jobs/s", {"jobs": jobs})


def _summary(latencies: list[float]) -> PeerResult:
    ordered = sorted(latencies)

    def percentile(part: float) -> float:
        return ordered[math.ceil(part * len(ordered)) - 1]

    return PeerResult(
        statistics.median(ordered),
        "ms",
        {"jobs": len(ordered), "p95": percentile(0.95), "p99": percentile(0.99), "max": ordered[-1]},
    )
