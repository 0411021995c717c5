"""The job tables on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from benchmarks.tables.job_tables import LARGEST_BATCH, NOOP

_LIVE = "dbjobs.background_job"
_TABLES = (
    "background_job", "completed_job", "failed_job", "job_log", "job_worker", "job_dependency", "job_batch",
    "job_ref", "ended_parent", "job_stat", "job_node", "job_queue",
)  # fmt: skip
_OF_ONE_JOB = {"id", "created_at", "request_body"}
_FILL = f"""
INSERT INTO {_LIVE} (
    worker, queue, command, request, request_body, retry_limit, timeout_seconds, state, run_after
)
SELECT {{worker}}, 'default', {{command}}, 'int', to_json(n), 2, 600, {{state}}, {{run_after}}
FROM generate_series(1, $1::integer) AS n {{lanes}}
"""

# The largest pause between two rows is the end of a batch: look for it in the rows behind the position, up to
# the size of a batch, but well before the end.
_COMPLETION = """
SELECT number, extract(epoch FROM completed_at)
FROM (
    SELECT row_number() OVER in_time AS number, count(*) OVER () AS total,
        completed_at, lead(completed_at) OVER in_time AS following
    FROM dbjobs.completed_job
    WINDOW in_time AS (ORDER BY completed_at)
) AS numbered
WHERE number BETWEEN $1 AND $1 + least($2, (total - $1) / 2)
ORDER BY following - completed_at DESC NULLS LAST, number
LIMIT 1
"""


class PostgresTables:
    """The job tables of one PostgreSQL database, through asyncpg."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self) -> None:
        self._connection: Any = await asyncpg.connect(self.url, command_timeout=600)

    async def close(self) -> None:
        await self._connection.close()

    async def version(self) -> str:
        return f"PostgreSQL {await self._connection.fetchval('SHOW server_version')}".split(" (")[0]

    async def reset(self) -> None:
        await self._connection.execute(f"TRUNCATE {', '.join(f'dbjobs.{table}' for table in _TABLES)}")
        await self._connection.execute("CHECKPOINT")

    async def fill(self, jobs: int, *, command: str = NOOP) -> None:
        await self._fill(jobs, command=f"'{command}'")

    async def fill_lanes(self, lanes: int, jobs: int, *, head: str = NOOP) -> None:
        # Job by job over all lanes, as they would come in; the first of each lane gets the smallest id.
        await self._fill(
            jobs,
            lanes,
            worker="'worker-' || lane",
            command=f"CASE n WHEN 1 THEN '{head}' ELSE '{NOOP}' END",
            lanes="CROSS JOIN generate_series(1, $2::integer) AS lane ORDER BY n, lane",
        )

    async def fill_scheduled(self, jobs: int) -> None:
        await self._fill(jobs, state="'scheduled'", run_after="now() + interval '1 year'")

    async def analyze(self) -> None:
        # As the table is some time later: filled is not the same as on disk, and a million fresh rows would be written
        # out, and vacuumed, in the middle of what is timed.
        await self._connection.execute(f"VACUUM (ANALYZE) {_LIVE}")
        await self._connection.execute("CHECKPOINT")

    async def now(self) -> float:
        return float(await self._connection.fetchval("SELECT extract(epoch FROM clock_timestamp())"))

    async def moving(self) -> bool:
        held: bool = await self._connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {_LIVE} WHERE node_id IS NOT NULL AND worker IS NULL)"
        )
        return held

    async def left(self) -> int:
        return int(await self._connection.fetchval(f"SELECT count(*) FROM {_LIVE}"))

    async def completed(self) -> int:
        return int(await self._connection.fetchval("SELECT count(*) FROM dbjobs.completed_job"))

    async def completion(self, position: int) -> tuple[int, float]:
        row = await self._connection.fetchrow(_COMPLETION, position, LARGEST_BATCH)
        return int(row[0]), float(row[1])

    async def shape(self) -> list[dict[str, object]]:
        rows = await self._connection.fetch(f"SELECT * FROM {_LIVE} ORDER BY id")
        return [{name: value for name, value in row.items() if name not in _OF_ONE_JOB} for row in rows]

    async def uncleaned(self) -> int:
        connection: Any = await asyncpg.connect(self.url)  # while the other one is in use
        try:
            text = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = $1::text::regclass"
            return int(await connection.fetchval(text, _LIVE))
        finally:
            await connection.close()

    @asynccontextmanager
    async def pin(self) -> AsyncIterator[None]:
        connection: Any = await asyncpg.connect(self.url)
        try:
            async with connection.transaction(isolation="repeatable_read"):
                await connection.fetchval(f"SELECT max(id) FROM {_LIVE}")
                yield
        finally:
            await connection.close()

    async def commits(self) -> int:
        """Transactions committed in this database so far; waits until only this connection is left.

        A server process adds its counts when it ends.
        """
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while await self._connection.fetchval(others):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await self._connection.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        return int(
            await self._connection.fetchval(
                "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            )
        )

    async def _fill(
        self,
        *counts: int,
        worker: str = "NULL",
        command: str = f"'{NOOP}'",
        state: str = "'queued'",
        run_after: str = "NULL::timestamptz",
        lanes: str = "",
    ) -> None:
        text = _FILL.format(worker=worker, command=command, state=state, run_after=run_after, lanes=lanes)
        await self._connection.execute(text, *counts)
        # What the library does when it sees a queue for the first time.
        await self._connection.execute("INSERT INTO dbjobs.job_queue (queue) VALUES ('default') ON CONFLICT DO NOTHING")
