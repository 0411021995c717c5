"""The overview: health, what happened in a period, and who did it."""

from __future__ import annotations

import re
import time
from datetime import datetime

import msgspec

from dbjobs.admin import periods
from dbjobs.admin.call import Call
from dbjobs.admin.kept import Kept
from dbjobs.admin.operations import Nothing, Operations
from dbjobs.inspect import health as checking
from dbjobs.inspect import numbers
from dbjobs.inspect.health import Examined, Finding
from dbjobs.inspect.numbers import Stat
from dbjobs.inspect.periods import Bucket, at, series
from dbjobs.inspect.spreads import Spread
from dbjobs.store import repository

OPERATIONS = Operations("overview")
# The command of an API job is its route.
_ROUTE = re.compile(r"[A-Z]+ [/*]")
HEALTH_SECONDS = 4.0
# A longer period changes less from one look to the next.
STATS_SECONDS, LONG_STATS_SECONDS = 1.5, 20.0
# Most rows of each table.
MOST_ROWS = 100
# How many live jobs the checks read.
BOUND = 2_000
BOUND_COMMANDS = 200
LONGEST_WAIT_SECONDS = 300.0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks found.

    Attributes:
        ok: nobody has to act.
        findings: those that somebody should act on come first, then in the order of the checks.
        took_ms: how long the checks took.
        checked_at: by the clock of the page's process; the checks run again after some seconds.
    """

    ok: bool
    findings: list[Finding]
    took_ms: float
    checked_at: datetime


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What one command, route, worker or queue did in the period.

    Attributes:
        total: completed, failed and cancelled together.
        retried: attempts that failed and were retried.
        mean_ms: mean duration of an attempt.
        p95_ms: 95 % of the attempts took no longer than this.
        wait_p95_ms: 95 % of the jobs waited no longer than this for their first start.
    """

    name: str
    total: int
    completed: int
    retried: int
    failed: int
    cancelled: int
    mean_ms: float | None
    p95_ms: float | None
    wait_p95_ms: float | None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The totals.

    Attributes:
        total: completed, failed and cancelled together.
        wait, run: how long jobs waited for their first start, and how long attempts took.
    """

    total: int = 0
    completed: int = 0
    retried: int = 0
    failed: int = 0
    cancelled: int = 0
    wait: Spread = Spread()
    run: Spread = Spread()


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a period.

    Attributes:
        period: its name.
        label: its name in words.
        since, until: its bounds, end excluded.
        step_seconds: length of a bucket.
        buckets: the period, step by step.
        before: as many buckets of the period to compare with; None if there is none, or if the roll-ups no longer have
            it in such fine steps.
        totals: of the period.
        totals_before: of the period before.
        commands, apis, workers, queues: most jobs first, at most 100 of each. Workers count attempts that ended on a
            node, a few seconds late; the others are exact.
    """

    period: str
    label: str
    since: datetime
    until: datetime
    step_seconds: int
    buckets: list[Bucket]
    before: list[Bucket] | None
    totals: Totals
    totals_before: Totals | None
    commands: list[Row]
    apis: list[Row]
    workers: list[Row]
    queues: list[Row]


class OverviewAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which period.

    Attributes:
        period: 1h, today, yesterday, 7d, 4w, 3m, 12m, mtd, qtd, ytd, last_year, all, or range.
        since, until: of a range: dates or moments, UTC unless they say otherwise. A date at the end is included.
    """

    period: str = "today"
    since: str = ""
    until: str = ""


_health: Kept[Health] = Kept()
_overview: Kept[Overview] = Kept()


@OPERATIONS.get("/health")
async def health(call: Call, asked: Nothing) -> Health:
    """Whether all is well, and what to do where it is not.

    It runs those of the doctor's checks that are quick at any size, and keeps the answer for some seconds.
    """
    return await _health.get(call.jobs, "", HEALTH_SECONDS, lambda: _examined(call))


async def _examined(call: Call) -> Health:
    began = time.monotonic()
    known = set(call.jobs.stored_commands)
    for node in await repository.list_nodes(call.db):
        commands = node.info.get("commands") if node.alive else None
        for names in commands.values() if isinstance(commands, dict) else ():
            known.update(name for name in names if isinstance(name, str))
    examined = Examined(
        db=call.db, commands=sorted(known) if known else None, longest_wait_seconds=LONGEST_WAIT_SECONDS, bound=BOUND,
        bound_commands=BOUND_COMMANDS,
    )  # fmt: skip
    found = [finding async for finding in checking.examine(examined, checking.QUICK)]
    return Health(
        ok=all(finding.ok for finding in found), findings=sorted(found, key=lambda finding: finding.ok),
        took_ms=(time.monotonic() - began) * 1000, checked_at=at(time.time()),
    )  # fmt: skip


@OPERATIONS.get("/overview")
async def overview(call: Call, asked: OverviewAsked) -> Overview:
    """What happened in a period: step by step, with the period before, and by command, route, worker and queue.

    Everything comes from roll-ups, so it costs the same however many jobs there are.
    """
    period = await periods.chosen(call, asked.period, asked.since, asked.until)
    key = (period.name, period.time.since, period.time.until)
    keep = STATS_SECONDS if period.time.seconds <= 2 * 86_400 else LONG_STATS_SECONDS
    return await _overview.get(call.jobs, key, keep, lambda: _overview_of(call, period))


async def _overview_of(call: Call, period: periods.Chosen) -> Overview:
    step = period.time.step()
    now = await series(call.db, period.time, step)
    before = period.before
    # The roll-ups may no longer have an older period in such fine steps: then there are sums of it, but no line.
    line = before is not None and before.finest <= step
    earlier = None if before is None else await series(call.db, before, step if line else None)
    names = await numbers.names(call.db, period.time)
    commands = [row_of(stat) for stat in names["command"]]
    return Overview(
        period=period.name, label=period.label, since=now.since, until=now.until, step_seconds=step,
        buckets=list(now.buckets), before=list(earlier.buckets) if earlier is not None and line else None,
        totals=totals_of(now.total), totals_before=None if earlier is None else totals_of(earlier.total),
        commands=[row for row in commands if not is_route(row.name)][:MOST_ROWS],
        apis=[row for row in commands if is_route(row.name)][:MOST_ROWS],
        workers=[row_of(stat) for stat in await numbers.stats(call.db, "worker", period.time)][:MOST_ROWS],
        queues=[row_of(stat) for stat in names["queue"]][:MOST_ROWS],
    )  # fmt: skip


def totals_of(one: Bucket) -> Totals:
    """All buckets together."""
    return Totals(
        total=one.completed + one.failed + one.cancelled, completed=one.completed, retried=one.retried,
        failed=one.failed, cancelled=one.cancelled, wait=one.wait, run=one.run,
    )  # fmt: skip


def is_route(command: str) -> bool:
    """Whether this is a command of API jobs."""
    return _ROUTE.match(command) is not None


def row_of(stat: Stat) -> Row:
    """A line of a table."""
    return Row(
        name=stat.name or "", total=stat.completed + stat.failed + stat.cancelled, completed=stat.completed,
        retried=stat.retried, failed=stat.failed, cancelled=stat.cancelled, mean_ms=stat.run.mean,
        p95_ms=stat.run.p95, wait_p95_ms=stat.wait.p95,
    )  # fmt: skip
