"""Statistics for people: what ran, how often it failed, how long it waited and ran. It never counts jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from dbjobs.errors import InvalidOption
from dbjobs.inspect.periods import Period, period
from dbjobs.inspect.spreads import Spread, spread
from dbjobs.models import NodeInfo
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.repository.rollups import Rollup, Sums

By = Literal["queue", "command", "worker"]
_PLACES = {"queue": 0, "command": 1, "worker": 2}
# How many rows each look at the lanes reads.
BOUND = 10_000


class Stat(msgspec.Struct, frozen=True, kw_only=True):
    """What ended in a period, for one queue, command or named worker.

    Attributes:
        name: the queue, command or worker; None for the total.
        completed, failed, cancelled: jobs that ended this way.
        retried: attempts that failed and were retried.
        wait: from when a job was ready to its first start.
        run: how long an attempt took.
    """

    name: str | None
    completed: int
    failed: int
    cancelled: int
    retried: int
    wait: Spread
    run: Spread


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker or node did in a period: ``received`` attempts, and how many of them ended each way."""

    received: int = 0
    completed: int = 0
    retries: int = 0
    failed: int = 0
    cancelled: int = 0


class WorkerStat(msgspec.Struct, frozen=True, kw_only=True):
    """A named worker.

    Attributes:
        worker: its name.
        queued: ready jobs that wait for it, counted up to 10,000 for all workers together.
        together: what all nodes did for it.
        by_node: what each node did, by its id; under None what is older than three hours, all nodes together.
        node_id: the node that holds it now.
        blocked_by: the job whose retry it waits for.
        running_job: the job that runs in it now.
        running_since: when that was claimed.
    """

    worker: str
    queued: int
    together: Counts
    by_node: dict[int | None, Counts]
    node_id: int | None
    blocked_by: int | None
    running_job: int | None
    running_since: datetime | None


class NodeStat(msgspec.Struct, frozen=True, kw_only=True):
    """A node: what it did, with named workers and without."""

    node_id: int
    name: str
    alive: bool
    running: int
    together: Counts


class WorkerStats(msgspec.Struct, frozen=True, kw_only=True):
    """Named workers by name, nodes by id, and what they did together."""

    workers: tuple[WorkerStat, ...]
    nodes: tuple[NodeStat, ...]
    together: Counts


async def stats(db: Database, by: By | None, time: Period) -> list[Stat]:
    """Statistics by queue, command or worker, most attempts first; the total if ``by`` is None.

    Raises:
        InvalidOption: ``by`` is none of these.
    """
    if by is not None and (not isinstance(by, str) or by not in _PLACES):
        raise InvalidOption(f"stats: by={by!r} must be 'queue', 'command' or 'worker'")
    if by == "worker":
        lanes: dict[str | None, Sums] = {}
        for rollup in await repository.list_rollups(db, time.since, time.until, "workers"):
            lanes.setdefault(rollup.key[2], Sums()).add(rollup.sums)
        return _sorted(lanes)
    return _merged(await _names(db, time, apart=by is not None), by)


async def names(db: Database, time: Period) -> dict[By, list[Stat]]:
    """By command and by queue, in one look."""
    sums = await _names(db, time, apart=True)
    return {"command": _merged(sums, "command"), "queue": _merged(sums, "queue")}


async def _names(db: Database, time: Period, *, apart: bool) -> dict[tuple[str, str], Sums]:
    """By queue and command. The counts are written together with the outcomes, so none is missing or late."""
    sums: dict[tuple[str, str], Sums] = {}
    for rollup in await repository.list_rollups(db, time.since, time.until, "names" if apart else "total"):
        sums.setdefault((rollup.key[0], rollup.key[1]) if apart else ("", ""), Sums()).add(rollup.sums)
    for one in sums.values():
        one.completed = one.failed = one.cancelled = one.retried = 0
    for counted in await repository.sum_stats(db, time.since, time.until, time.seconds, apart=apart):
        one = sums.setdefault((counted.queue, counted.command), Sums())
        one.completed += counted.completed
        one.failed += counted.failed
        one.cancelled += counted.cancelled
        one.retried += counted.retried
    return sums


def _merged(sums: dict[tuple[str, str], Sums], by: By | None) -> list[Stat]:
    merged: dict[str | None, Sums] = {}
    for key, one in sums.items():
        merged.setdefault(None if by is None else key[_PLACES[by]], Sums()).add(one)
    return _sorted(merged)


def _sorted(sums: dict[str | None, Sums]) -> list[Stat]:
    found = [_stat(name, one) for name, one in sums.items()]
    return sorted(
        found, key=lambda stat: (-(stat.completed + stat.failed + stat.retried + stat.cancelled), stat.name or "")
    )


def _stat(name: str | None, sums: Sums) -> Stat:
    return Stat(
        name=name, completed=sums.completed, failed=sums.failed, cancelled=sums.cancelled, retried=sums.retried,
        wait=spread(sums.wait, sums.wait_ms), run=spread(sums.run, sums.run_ms),
    )  # fmt: skip


async def workers(db: Database, seconds: float) -> WorkerStats:
    """Named workers and nodes, now and over a period."""
    now = await repository.read_clock(db)
    time = period(now, now - seconds)
    rollups = await repository.list_rollups(db, time.since, time.until, "workers")
    totals = await repository.list_rollups(db, time.since, time.until, "total")
    lanes = await repository.list_workers(db, BOUND)
    nodes = await repository.list_nodes(db)
    by_worker: dict[str, dict[int | None, Sums]] = {}
    for rollup in rollups:
        if rollup.key[2]:
            node = rollup.counter if rollup.counter > 0 else None
            by_worker.setdefault(rollup.key[2], {}).setdefault(node, Sums()).add(rollup.sums)
    found = []
    for worker in sorted({*by_worker, *lanes}):
        lane, sums = lanes.get(worker), by_worker.get(worker, {})
        found.append(
            WorkerStat(
                worker=worker, queued=0 if lane is None else lane.queued,
                together=_counts(sums.values()), by_node={node: _counts([one]) for node, one in sums.items()},
                node_id=None if lane is None else lane.node_id, blocked_by=None if lane is None else lane.blocked_by,
                running_job=None if lane is None else lane.job_id,
                running_since=None if lane is None else lane.started_at,
            )
        )  # fmt: skip
    return WorkerStats(
        workers=tuple(found),
        nodes=tuple(_node(node, totals) for node in nodes),
        together=_counts(rollup.sums for rollup in totals),
    )


def _node(node: NodeInfo, rollups: Iterable[Rollup]) -> NodeStat:
    running = node.info.get("running")
    return NodeStat(
        node_id=node.id, name=node.name, alive=node.alive and not node.buried,
        running=running if isinstance(running, int) else 0,
        together=_counts(rollup.sums for rollup in rollups if rollup.counter == node.id),
    )  # fmt: skip


def _counts(sums: Iterable[Sums]) -> Counts:
    one = Sums()
    for other in sums:
        one.add(other)
    received = one.completed + one.failed + one.cancelled + one.retried
    return Counts(
        received=received, completed=one.completed, retries=one.retried, failed=one.failed, cancelled=one.cancelled
    )
