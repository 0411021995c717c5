"""The job tables on SQL Server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pyodbc

from benchmarks.tables.job_tables import LARGEST_BATCH, NOOP
from dbjobs.store.sqlserver.driver import find_driver, is_freetds
from dbjobs.store.sqlserver.url import connection_string, parse
from dbjobs.store.sqlserver.values import sizes_of

CONNECT_TIMEOUT_SECONDS = 30

_TABLES = (
    "background_job", "completed_job", "failed_job", "job_log", "job_worker", "job_dependency", "job_batch",
    "job_stat", "job_node", "job_queue", "job_ref", "ended_parent",
)  # fmt: skip
_OF_ONE_JOB = {"id", "created_at", "request_body"}
# What the library sets on its own connections and in front of its batches.
_SETTINGS = """
SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER, XACT_ABORT ON;
SET NUMERIC_ROUNDABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 30000;
SET NOCOUNT ON
"""
_VERSION = """
SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(40)), CAST(SERVERPROPERTY('BabelfishVersion') AS nvarchar(40))
"""
# The lock on the table is for its memory: locks on rows never become one here, and there may be millions of rows.
# Ids are drawn in the order of the rows. GENERATE_SERIES would be shorter, but only SQL Server 2022 has it.
_FILL = """
DECLARE @jobs bigint = ?, @lanes bigint = ?;
WITH digits (n) AS (SELECT n FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (n)),
    thousand (n) AS (SELECT 1 FROM digits AS a CROSS JOIN digits AS b CROSS JOIN digits AS c),
    numbers (n) AS (
        SELECT TOP (@jobs) ROW_NUMBER() OVER (ORDER BY (SELECT NULL))
        FROM thousand AS a CROSS JOIN thousand AS b CROSS JOIN digits AS c
    ),
    lanes (lane) AS (
        SELECT TOP (@lanes) ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) FROM thousand AS a CROSS JOIN thousand AS b
    )
INSERT INTO dbjobs.background_job WITH (TABLOCKX) (
    worker, queue, command, request, request_body, retry_limit, timeout_seconds, state, run_after
)
SELECT {worker}, N'default', {command}, N'int', CONVERT(nvarchar(20), n), 2, 600, {state}, {run_after}
FROM numbers CROSS JOIN lanes
ORDER BY n, lane
"""
# What the library does when it sees a queue for the first time.
_ADD_QUEUE = """
INSERT INTO dbjobs.job_queue (queue)
SELECT N'default' WHERE NOT EXISTS (SELECT 1 FROM dbjobs.job_queue WHERE queue = N'default')
"""
_ANALYZE = "UPDATE STATISTICS dbjobs.background_job"
_CHECKPOINT = "CHECKPOINT"
_NOW = "SELECT DATEDIFF_BIG(MICROSECOND, '1970-01-01', SYSUTCDATETIME())"
# Every job that a node holds, also those of named workers (nobody asks while these are busy): the index alone has the
# answer. Going on from there to the row may meet a move that comes from the row to the index, in a deadlock.
_MOVING = """
SELECT CASE WHEN EXISTS (
    SELECT 1 FROM dbjobs.background_job WITH (INDEX (background_job_node)) WHERE node_id IS NOT NULL
) THEN 1 ELSE 0 END
"""
_LEFT = "SELECT COUNT_BIG(*) FROM dbjobs.background_job"
# Passing by what is not committed yet: a count that waited for a move would let the next moves wait behind it.
_COMPLETED = "SELECT COUNT_BIG(*) FROM dbjobs.completed_job WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)"
# The largest pause between two rows is the end of a batch: look for it in the rows behind the position, up to
# the size of a batch, but well before the end.
_COMPLETION = """
DECLARE @position bigint = ?, @batch bigint = ?;
SELECT TOP (1) number, DATEDIFF_BIG(MICROSECOND, '1970-01-01', completed_at)
FROM (
    SELECT ROW_NUMBER() OVER (ORDER BY completed_at) AS number, COUNT_BIG(*) OVER () AS total,
        completed_at, LEAD(completed_at) OVER (ORDER BY completed_at) AS following
    FROM dbjobs.completed_job
) AS numbered
WHERE number BETWEEN @position
    AND @position + CASE WHEN @batch < (total - @position) / 2 THEN @batch ELSE (total - @position) / 2 END
ORDER BY CASE WHEN following IS NULL THEN 1 ELSE 0 END, DATEDIFF_BIG(MICROSECOND, completed_at, following) DESC,
    number
"""
_SHAPE = "SELECT * FROM dbjobs.background_job ORDER BY id"
# SQL Server keeps old versions of rows only where the database says so (Babelfish always does), and then for every
# write, so it says so no longer than a snapshot is held.
_ALLOW_SNAPSHOTS = """
IF SERVERPROPERTY('Babelfish') IS NULL EXEC (N'ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON')
"""
_FORBID_SNAPSHOTS = """
IF SERVERPROPERTY('Babelfish') IS NULL EXEC (N'ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION OFF')
"""
_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL SNAPSHOT"
_BEGIN = "BEGIN TRANSACTION"
_LAST = "SELECT MAX(id) FROM dbjobs.background_job"


class Connection:
    """A connection of pyodbc that commits by itself, and the thread in which all its work is done.

    A statement goes to the thread once, and its cursor is kept, with the plan that the server has prepared.
    """

    def __init__(self, url: str) -> None:
        target = parse(url)
        self._dsn = connection_string(target, target.driver or find_driver())
        self._thread = ThreadPoolExecutor(1)
        self._cursors: dict[str, Any] = {}
        self.columns: list[str] = []

    async def open(self) -> None:
        """Connect, with the settings that the library's own connections have."""
        await self._in_thread(self._open)

    async def close(self) -> None:
        """Disconnect; the server rolls back what was not committed."""
        await self._in_thread(self._connection.close)
        self._thread.shutdown()

    async def fetch(self, text: str, *values: Any) -> list[Any]:
        """The rows of a batch's last result; their names are in ``columns``."""
        rows: list[Any] = await self._in_thread(self._fetch, text, values)
        return rows

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _open(self) -> None:
        self._connection = pyodbc.connect(self._dsn, autocommit=True, timeout=CONNECT_TIMEOUT_SECONDS)
        self._freetds = is_freetds(self._connection.getinfo(pyodbc.SQL_DRIVER_NAME))
        self._fetch(_SETTINGS, ())

    def _fetch(self, text: str, values: tuple[Any, ...]) -> list[Any]:
        cursor = self._cursors.get(text)
        if cursor is None:
            cursor = self._connection.cursor()
            if values:
                # Texts as NVARCHAR(MAX): the server would plan each length anew.
                cursor.setinputsizes(sizes_of(values, freetds=self._freetds))
                self._cursors[text] = cursor
        cursor.execute(text, *values)
        rows: list[Any] = []
        while True:
            if cursor.description is not None:
                self.columns = [column[0] for column in cursor.description]
                rows = cursor.fetchall()
            # Reading on to the end also brings the errors behind the first result.
            if not cursor.nextset():
                return rows


@asynccontextmanager
async def connected(url: str, number: int = 1) -> AsyncIterator[list[Connection]]:
    """So many open connections until the block ends."""
    connections = [Connection(url) for _ in range(number)]
    opened: list[Connection] = []
    try:
        for connection in connections:
            await connection.open()
            opened.append(connection)
        yield opened
    finally:
        for connection in opened:
            await connection.close()


class SqlServerTables:
    """The job tables of one SQL Server database, through pyodbc."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self) -> None:
        self._connection = Connection(self.url)
        await self._connection.open()

    async def close(self) -> None:
        await self._connection.close()

    async def version(self) -> str:
        version, babelfish = (await self._run(_VERSION))[0]
        return f"Babelfish {babelfish}, which is no SQL Server" if babelfish else f"SQL Server {version}"

    async def reset(self) -> None:
        for table in _TABLES:
            await self._run(f"TRUNCATE TABLE dbjobs.{table}")
        await self._run(_CHECKPOINT)

    async def fill(self, jobs: int, *, command: str = NOOP) -> None:
        await self._fill(jobs, command=f"N'{command}'")

    async def fill_lanes(self, lanes: int, jobs: int, *, head: str = NOOP) -> None:
        # Job by job over all lanes, as they would come in; the first of each lane gets the smallest id.
        await self._fill(
            jobs, lanes, worker="CONCAT(N'worker-', lane)", command=f"CASE n WHEN 1 THEN N'{head}' ELSE N'{NOOP}' END"
        )

    async def fill_scheduled(self, jobs: int) -> None:
        await self._fill(jobs, state="N'scheduled'", run_after="DATEADD(year, 1, SYSUTCDATETIME())")

    async def analyze(self) -> None:
        await self._run(_ANALYZE)
        # As the table is some time later: on disk, not on its way there in the middle of what is timed.
        await self._run(_CHECKPOINT)

    async def now(self) -> float:
        return int(await self._one(_NOW)) / 1e6

    async def moving(self) -> bool:
        return bool(await self._one(_MOVING))

    async def left(self) -> int:
        return int(await self._one(_LEFT))

    async def completed(self) -> int:
        return int(await self._one(_COMPLETED))

    async def completion(self, position: int) -> tuple[int, float]:
        row = (await self._run(_COMPLETION, position, LARGEST_BATCH))[0]
        return int(row[0]), int(row[1]) / 1e6

    async def shape(self) -> list[dict[str, object]]:
        rows = await self._run(_SHAPE)
        names = self._connection.columns
        return [
            {name: value for name, value in zip(names, row, strict=True) if name not in _OF_ONE_JOB} for row in rows
        ]

    async def uncleaned(self) -> None:
        return None

    @asynccontextmanager
    async def pin(self) -> AsyncIterator[None]:
        await self._run(_ALLOW_SNAPSHOTS)
        try:
            async with connected(self.url) as (connection,):
                # The first look at a table takes the snapshot.
                for text in (_SNAPSHOT, _BEGIN, _LAST):
                    await connection.fetch(text)
                yield
        finally:
            await self._run(_FORBID_SNAPSHOTS)

    async def commits(self) -> None:
        return None

    async def _fill(
        self,
        jobs: int,
        lanes: int = 1,
        *,
        worker: str = "NULL",
        command: str = f"N'{NOOP}'",
        state: str = "N'queued'",
        run_after: str = "NULL",
    ) -> None:
        await self._run(_FILL.format(worker=worker, command=command, state=state, run_after=run_after), jobs, lanes)
        await self._run(_ADD_QUEUE)

    async def _run(self, text: str, *values: Any) -> list[Any]:
        return await self._connection.fetch(text, *values)

    async def _one(self, text: str) -> Any:
        return (await self._run(text))[0][0]
