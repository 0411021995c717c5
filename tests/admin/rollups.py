"""What nodes would have counted, written straight into the roll-ups."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.repository.rollups import MINUTE, Rollup, Sums
from tests.conformance.raw import Raw


def raw_of(url: str) -> Raw:
    """The database past the library."""
    scheme = urlsplit(url).scheme.partition("+")[0]
    return Raw({"postgresql": "postgres", "mariadb": "mysql", "mssql": "sqlserver"}.get(scheme, scheme), url)


async def put(
    jobs: Jobs, age: int, *, command: str, queue: str = "default", worker: str = "", completed: int = 0, failed: int = 0
) -> None:  # fmt: skip
    """This many jobs that ended this long ago."""
    db = jobs._client.db
    starts = (int(await repository.read_clock(db)) - age) // MINUTE * MINUTE
    count = completed + failed
    sums = Sums(completed=completed, failed=failed, run_ms=count * 64.0, run={24: count})
    await repository.write_rollups(db, [Rollup(MINUTE, starts, 7, (queue, command, worker), sums)])
    raw = raw_of(jobs.url)
    zone = {"sqlite": ".000", "postgres": "+00"}.get(raw.dialect, "")
    await raw.rows(
        "INSERT INTO dbjobs.job_stat (minute, queue, command, counter, completed, failed) "
        f"VALUES ('{datetime.fromtimestamp(starts, UTC):%Y-%m-%d %H:%M:%S}{zone}', '{queue}', '{command}', 7, "
        f"{completed}, {failed})"
    )
