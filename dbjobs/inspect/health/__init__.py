"""Is everything in order, and if not, what helps? Each check is one function that yields findings.

The command line's doctor runs all of them, the admin page only those that are quick at any size (``QUICK``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from dbjobs.inspect.health import database, work
from dbjobs.inspect.health.finding import Examined, Finding

__all__ = ["ALL", "QUICK", "Check", "Examined", "Finding", "examine"]
Check = Callable[[Examined], AsyncIterator[Finding]]

# Each reads a bounded number of rows along an index.
QUICK: tuple[Check, ...] = (
    work.check_waiting_time,
    work.check_lanes,
    work.check_commands,
    work.check_nodes,
    work.check_queues,
    work.check_tasks,
    work.check_holders,
    database.check_history,
    database.check_clock,
    database.check_dead_rows,
    database.check_durability,
)
ALL: tuple[Check, ...] = (
    database.check_durability,
    database.check_history,
    database.check_clock,
    database.check_dead_rows,
    work.check_nodes,
    work.check_queues,
    work.check_jobs,
    work.check_waiting_time,
    work.check_lanes,
    work.check_waiting_jobs,
    work.check_holders,
    work.check_commands,
    work.check_tasks,
)


async def examine(examined: Examined, checks: tuple[Check, ...] = ALL) -> AsyncIterator[Finding]:
    """All findings, in order; only the first few if the tables are missing or have another version."""
    yield await database.check_server(examined.db)
    schema = await database.check_schema(examined.db)
    yield schema
    if not schema.ok:
        return
    for check in checks:
        async for finding in check(examined):
            yield finding
