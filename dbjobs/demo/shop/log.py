"""Writes invented requests and their sums, with the request log's statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dbjobs.demo.shop.visitors import visits
from dbjobs.requestlog.agents import agent_of
from dbjobs.requestlog.rollup import RollUp, Sums, rows_of
from dbjobs.requestlog.row import row_of
from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database
from dbjobs.store.transactions.requests import FOLD_AFTER_HOURS, make_request_months

BATCH = 1_000
# How many sums of a day one statement writes.
SUMS_PER_BATCH = 5_000
_LEAST, _MOST = (3, 7), (4, 8)  # places of minima and maxima among the sums


async def write_requests(db: Database, count: int, since: datetime, until: datetime, *, seed: int = 2) -> int:
    """Write about this many requests between two moments; returns how many.

    Hours that would be folded by now get their sums by day.
    """
    rollup = RollUp()
    sums: Sums = {}
    rows: list[Any] = []
    day, written = "", 0
    for at, seen in visits(count, since, until, seed=seed):
        if f"{at:%Y%m%d}" != day:
            if len(sums) >= SUMS_PER_BATCH or f"{at:%Y%m}" != day[:6]:
                await _write(db, day[:6], rows, sums)
                rows, sums = [], {}
            day = f"{at:%Y%m%d}"
        agent = agent_of(seen.user_agent or "")
        rows.append(row_of(at, seen, agent))
        rollup.add(sums, f"{at:%Y-%m-%d %H}:00:00", seen, agent)
        if len(rows) >= BATCH:
            await _write(db, day[:6], rows, {})
            rows = []
        written += 1
    await _write(db, day[:6], rows, sums)
    return written


async def _write(db: Database, month: str, rows: list[Any], sums: Sums) -> None:
    if not rows and not sums:
        return
    await make_request_months(db, [month])
    stats = rows_of(_folded(sums))
    await repository.insert_requests(db, month, rows, stats[:SUMS_PER_BATCH], client_counter())
    for start in range(SUMS_PER_BATCH, len(stats), SUMS_PER_BATCH):
        await repository.insert_requests(db, month, [], stats[start : start + SUMS_PER_BATCH], client_counter())


def _folded(sums: Sums) -> Sums:
    """Hours that would be folded by now, summed by day."""
    made: Sums = {}
    loose = f"{datetime.now(UTC) - timedelta(hours=FOLD_AFTER_HOURS):%Y-%m-%d}"
    for (kind, other, hour, name, detail), values in sums.items():
        key = (kind, other, hour if hour >= loose else f"{hour[:10]} 00:00:00", name, detail)
        known = made.get(key)
        if known is None:
            made[key] = list(values)
            continue
        for place, value in enumerate(values):
            if place in _LEAST:
                known[place] = min(known[place], value)
            elif place in _MOST:
                known[place] = max(known[place], value)
            else:
                known[place] += value
    return made
