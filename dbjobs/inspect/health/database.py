"""Checks of the server and the tables."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from dbjobs.errors import SchemaTooNew, SchemaTooOld
from dbjobs.inspect.health.finding import Examined, Finding, fine, wrong
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.transactions import migrate
from dbjobs.store.transactions.partitions import month_after
from dbjobs.wording import lasting

# The clocks of synchronized machines differ by less than this.
SKEW_SECONDS = 5.0
# If an old snapshot keeps dead rows of this many transactions, every look at the live tables gets slower.
HELD_BACK = 1_000_000


async def check_server(db: Database) -> Finding:
    """The database answers."""
    began = time.monotonic()
    version = await repository.server_version(db)
    took = (time.monotonic() - began) * 1000
    return fine("database", f"{version} answers in {took:.0f} ms")


async def check_schema(db: Database) -> Finding:
    """The tables have the version that this release needs."""
    try:
        await migrate.check(db)
    except (SchemaTooOld, SchemaTooNew) as error:
        return Finding(check="schema", ok=False, message=str(error))
    return fine("schema", f"the tables in schema {db.schema!r} have version {migrate.LATEST_VERSION}")


async def check_durability(examined: Examined) -> AsyncIterator[Finding]:
    """Commits survive a crash of the server's machine."""
    risks = await repository.find_risks(examined.db)
    for risk in risks:
        yield wrong(
            "durability",
            f"{risk.setting} is {risk.value}: jobs that were enqueued may be lost when the server's machine crashes",
            f"set it to {risk.wanted}, unless you can do without these jobs",
        )
    if not risks:
        yield fine("durability", "a commit that has returned is on the disk")


async def check_history(examined: Examined) -> AsyncIterator[Finding]:
    """History has a place for this month and the next."""
    month = await repository.current_month(examined.db)
    months = await repository.list_partitions(examined.db)
    missing = [wanted for wanted in (month, month_after(month)) if wanted not in months]
    if missing:
        yield wrong(
            "history",
            f"there is no partition for {', '.join(map(_month, missing))}",
            "start a worker (it makes them within a few minutes) and see that its role may create tables",
        )
    else:
        yield fine("history", f"partitions from {_month(months[0])} to {_month(months[-1])}")


async def check_clock(examined: Examined) -> AsyncIterator[Finding]:
    """This machine's clock and the database's agree; the engine does not depend on that, but people read both."""
    before = datetime.now(UTC)
    theirs = await repository.database_time(examined.db)
    after = datetime.now(UTC)
    ahead = max((before - theirs).total_seconds(), -(after - theirs).total_seconds(), 0.0)
    if ahead > SKEW_SECONDS:
        which = "ahead of" if before > theirs else "behind"
        yield wrong(
            "clock",
            f"this machine's clock is {lasting(ahead)} {which} the database's",
            "keep both in step (NTP); jobs are timed by the database's clock alone, logs by the machines'",
        )
    else:
        yield fine("clock", "this machine's clock agrees with the database's")


async def check_dead_rows(examined: Examined) -> AsyncIterator[Finding]:
    """No old snapshot prevents the removal of dead rows from the live tables."""
    facts = await repository.may_vacuum(examined.db)
    if facts is None:
        return
    if facts.held_back > HELD_BACK:
        yield wrong(
            "dead_rows",
            f"an old transaction keeps the dead rows of {facts.held_back:,} later ones",
            "end it: see pg_stat_activity (oldest backend_xmin), pg_replication_slots and pg_prepared_xacts",
        )
    else:
        yield fine("dead_rows", "no old transaction keeps dead rows")


def _month(month: str) -> str:
    return f"{month[:4]}-{month[4:]}"
