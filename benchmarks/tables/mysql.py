"""The job tables on MySQL or MariaDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomysql

from benchmarks.tables.job_tables import LARGEST_BATCH, NOOP

_LIVE = "dbjobs_background_job"
_HISTORY = ("completed_job", "failed_job", "job_log")
_TABLES = (
    "background_job", *_HISTORY, "job_worker", "job_dependency", "job_batch",
    "job_ref", "ended_parent", "job_stat", "job_node", "job_queue",
)  # fmt: skip
_OF_ONE_JOB = {"id", "created_at", "request_body"}
# What the library sets on its own connections, and room for a sequence of a million numbers.
_SETTINGS = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION time_zone = '+00:00', group_concat_max_len = 4294967295",
    "/*!50799 SET SESSION cte_max_recursion_depth = 10000000 */",
    "/*M!100600 SET SESSION max_recursive_iterations = 10000000 */",
)
_FILL = f"""
INSERT INTO {_LIVE} (
    worker, queue, command, request, request_body, retry_limit, timeout_seconds, state, run_after, line
)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {{jobs}}),
    lanes (lane) AS (SELECT 1 UNION ALL SELECT lane + 1 FROM lanes WHERE lane < {{lanes}})
SELECT {{worker}}, 'default', {{command}}, 'int', n, 2, 600, {{state}}, {{run_after}},
    IF({{state}} = 'scheduled', 'due', COALESCE(CONCAT('w:', {{worker}}), 'q:default'))
FROM numbers CROSS JOIN lanes ORDER BY n, lane
"""
# The largest pause between two rows is the end of a batch: look for it in the rows behind the position, up to
# the size of a batch, but well before the end.
_COMPLETION = """
SELECT number, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', completed_at) / 1e6
FROM (
    SELECT ROW_NUMBER() OVER in_time AS number, COUNT(*) OVER () AS total,
        completed_at, LEAD(completed_at) OVER in_time AS following
    FROM dbjobs_completed_job
    WINDOW in_time AS (ORDER BY completed_at)
) numbered
WHERE number BETWEEN {position} AND {position} + LEAST({batch}, (total - {position}) / 2)
ORDER BY following IS NULL, TIMESTAMPDIFF(MICROSECOND, completed_at, following) DESC, number
LIMIT 1
"""


async def connect(url: str) -> Any:
    """A connection that commits by itself, with the settings that the library's own have."""
    parts = urlsplit(url)
    connection = await aiomysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=unquote(parts.username or ""),
        password=unquote(parts.password or ""), db=parts.path.removeprefix("/"), charset="utf8mb4", autocommit=True,
    )  # fmt: skip
    for setting in _SETTINGS:
        await fetch(connection, setting)
    return connection


async def fetch(connection: Any, text: str) -> list[tuple[Any, ...]]:
    """The rows of a statement, without a look at the server's warnings."""
    await connection.query(text)
    return list(connection._result.rows or ())


class MysqlTables:
    """The job tables of one MySQL or MariaDB database, through aiomysql."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self) -> None:
        self._connection = await connect(self.url)

    async def close(self) -> None:
        await self._connection.ensure_closed()

    async def version(self) -> str:
        text = str(await self._one("SELECT VERSION()"))
        return f"{'MariaDB' if 'MariaDB' in text else 'MySQL'} {text.split('-')[0]}"

    async def reset(self) -> None:
        for table in _TABLES:
            await self._run(f"TRUNCATE TABLE dbjobs_{table}")

    async def fill(self, jobs: int, *, command: str = NOOP) -> None:
        await self._fill(jobs, command=f"'{command}'")

    async def fill_lanes(self, lanes: int, jobs: int, *, head: str = NOOP) -> None:
        # Job by job over all lanes, as they would come in; the first of each lane gets the smallest id.
        await self._fill(
            jobs, lanes, worker="CONCAT('worker-', lane)", command=f"CASE n WHEN 1 THEN '{head}' ELSE '{NOOP}' END"
        )

    async def fill_scheduled(self, jobs: int) -> None:
        await self._fill(jobs, state="'scheduled'", run_after="UTC_TIMESTAMP(6) + INTERVAL 1 YEAR")

    async def analyze(self) -> None:
        await self._run(f"ANALYZE TABLE {_LIVE}")
        # As the table is some time later: on disk, not on its way there in the middle of what is timed.
        await self._run(f"FLUSH TABLES {_LIVE} FOR EXPORT")
        await self._run("UNLOCK TABLES")

    async def now(self) -> float:
        return float(await self._one("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6"))

    async def moving(self) -> bool:
        held = await self._one(
            f"SELECT EXISTS (SELECT 1 FROM {_LIVE} WHERE line >= 'n:' AND line < 'n;' AND worker IS NULL)"
        )
        return bool(held)

    async def left(self) -> int:
        return int(await self._one(f"SELECT COUNT(*) FROM {_LIVE}"))

    async def completed(self) -> int:
        return int(await self._one("SELECT COUNT(*) FROM dbjobs_completed_job"))

    async def completion(self, position: int) -> tuple[int, float]:
        row = (await self._run(_COMPLETION.format(position=position, batch=LARGEST_BATCH)))[0]
        return int(row[0]), float(row[1])

    async def shape(self) -> list[dict[str, object]]:
        rows = await self._run(f"SELECT * FROM {_LIVE} ORDER BY id")
        names = [field.name for field in self._connection._result.fields]
        return [
            {name: value for name, value in zip(names, row, strict=True) if name not in _OF_ONE_JOB} for row in rows
        ]

    async def uncleaned(self) -> int:
        connection = await connect(self.url)  # while the other one is in use
        try:
            text = "SELECT COUNT FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'"
            return int((await fetch(connection, text))[0][0])
        finally:
            await connection.ensure_closed()

    @asynccontextmanager
    async def pin(self) -> AsyncIterator[None]:
        connection = await connect(self.url)
        try:
            await fetch(connection, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await fetch(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
            await fetch(connection, f"SELECT MAX(id) FROM {_LIVE}")
            yield
        finally:
            await connection.ensure_closed()

    async def commits(self) -> None:
        return None

    async def _fill(
        self,
        jobs: int,
        lanes: int = 1,
        *,
        worker: str = "NULL",
        command: str = f"'{NOOP}'",
        state: str = "'queued'",
        run_after: str = "NULL",
    ) -> None:
        await self._run(
            _FILL.format(jobs=jobs, lanes=lanes, worker=worker, command=command, state=state, run_after=run_after)
        )
        # What the library does when it sees a queue for the first time.
        await self._run("INSERT IGNORE INTO dbjobs_job_queue (queue) VALUES ('default')")

    async def _run(self, text: str) -> list[tuple[Any, ...]]:
        return await fetch(self._connection, text)

    async def _one(self, text: str) -> Any:
        return (await self._run(text))[0][0]
