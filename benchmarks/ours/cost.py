"""What a job costs the database: statements and commits of a drain."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from benchmarks.ours.contestant import Ours
from benchmarks.ours.counting import counted_calls, counted_sqlite_commits
from benchmarks.tables.site import Site

_CLASSES = {
    "postgres": ("dbjobs.store.postgres.database", "PostgresDatabase", "PostgresSession"),
    "mysql": ("dbjobs.store.mysql.database", "MysqlDatabase", "MysqlSession"),
    "mariadb": ("dbjobs.store.mysql.database", "MysqlDatabase", "MysqlSession"),
    "sqlserver": ("dbjobs.store.sqlserver.database", "SqlServerDatabase", "SqlServerSession"),
    "sqlite": ("dbjobs.store.sqlite.database", "SqliteDatabase", "WriterSession"),
}
_SHOWN = 6


async def drain_cost(site: Site, ours: Ours, jobs: int) -> Mapping[str, float]:
    """Statements and commits for each 100 jobs of a drain, the start and stop of the worker included.

    On PostgreSQL also the commits that the server has counted, which include those of its own statistics
    and of this program's looks at the tables.
    """
    module, database, session = _CLASSES[site.dialect]
    loaded: Any = import_module(module)
    before = await site.tables.commits()
    with (
        counted_calls(getattr(loaded, database), getattr(loaded, session)) as calls,
        counted_sqlite_commits() as sqlite,
    ):
        await ours.drain(jobs)
    after = await site.tables.commits()
    most = ", ".join(f"{name} {count}" for name, count in calls.statements.most_common(_SHOWN))
    print(f"  {jobs:,} jobs: {most}", flush=True)
    commits = sqlite.transactions if site.dialect == "sqlite" else calls.transactions
    cost = {"statements": calls.statements.total() * 100 / jobs, "commits": commits * 100 / jobs}
    if before is not None and after is not None:
        cost["commits by server"] = (after - before) * 100 / jobs
    return cost
