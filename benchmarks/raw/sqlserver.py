"""The limit on SQL Server: pyodbc alone on the same tables, doing no more than a job queue has to.

Each connection has a thread of its own, to which a statement goes once. aioodbc is pyodbc in threads too, but goes to
its thread four times for a statement (cursor, execute, fetch, close), which makes it the slower of the two.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from benchmarks.peers import timing
from benchmarks.tables.site import Site
from benchmarks.tables.sqlserver import Connection, connected

CLAIM_SIZE = 200
# As many connections as served 50 callers best on the other databases; each size is tried in every round.
POOL_SIZES = (10, 20)
# Claims may run ahead of moves by this many batches.
_BATCHES_AHEAD = 4
_ROWS_PER_INSERT = 2000

# One statement, which is a transaction of its own. There are no other priorities here: a queue that has some looks
# for them only when this one is used up. The rows come as one JSON text, because the driver fetches them column by
# column and lets go of the interpreter each time.
_CLAIM = f"""
DECLARE @last bigint = ?, @node_id bigint = ?, @now datetime2(6) = SYSUTCDATETIME();
DECLARE @claimed TABLE (id bigint NOT NULL PRIMARY KEY, attempt int NOT NULL, request_body nvarchar(max));
WITH ready AS (
    SELECT TOP ({CLAIM_SIZE}) id, state, node_id, attempt, started_at, last_activity_at, request_body
    FROM dbjobs.background_job
        WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, INDEX (background_job_ready))
    WHERE queue = N'default' AND state = N'queued' AND worker IS NULL AND priority = 0 AND id > @last
    ORDER BY priority, id
)
UPDATE ready
SET state = N'started', node_id = @node_id, attempt = attempt + 1, started_at = @now, last_activity_at = @now
OUTPUT inserted.id, inserted.attempt, inserted.request_body INTO @claimed (id, attempt, request_body);
SELECT (SELECT id, attempt, request_body FROM @claimed ORDER BY id FOR JSON PATH) AS packed
"""
_COLUMNS = """
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy,
    run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response, response_body, started_at, executed_at, notified_at, last_activity_at, retry_limit, retry,
    on_failure, attempt, attempt_base, timeout_seconds, progress, status, reply_to, error_code, error, errors,
    args, meta, trace_context, cancel_requested_at, node_id
"""
# DELETE ... OUTPUT ... INTO would be one statement, but Babelfish lets it hand over nothing that comes from the JSON.
_MOVE = f"""
DECLARE @outcomes nvarchar(max) = ?, @node_id bigint = ?;
BEGIN TRANSACTION;
INSERT INTO dbjobs.completed_job ({_COLUMNS}, state, completed_at, duration_ms)
SELECT {_COLUMNS}, N'completed', SYSUTCDATETIME(), o.duration
FROM OPENJSON(@outcomes) WITH (job_id bigint '$[0]', job_attempt int '$[1]', duration float '$[2]') AS o
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = o.job_id
WHERE j.attempt = o.job_attempt AND j.node_id = @node_id;
DELETE j
FROM OPENJSON(@outcomes) WITH (job_id bigint '$[0]', job_attempt int '$[1]') AS o
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = o.job_id
WHERE j.attempt = o.job_attempt AND j.node_id = @node_id;
COMMIT TRANSACTION
"""

_FILLED = "queue, priority, command, request, request_body, retry_limit, timeout_seconds"
_INSERT = f"INSERT INTO dbjobs.background_job ({_FILLED}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_MANY = f"""
DECLARE @rows nvarchar(max) = ?;
INSERT INTO dbjobs.background_job ({_FILLED})
SELECT {_FILLED}
FROM OPENJSON(@rows) WITH (
    queue nvarchar(510) '$[0]', priority int '$[1]', command nvarchar(510) '$[2]', request nvarchar(max) '$[3]',
    request_body nvarchar(max) '$[4]', retry_limit int '$[5]', timeout_seconds float '$[6]'
)
"""
_BEGIN = "BEGIN TRANSACTION"
_COMMIT = "COMMIT TRANSACTION"


def _row(number: int) -> tuple[Any, ...]:
    return "default", 0, "noop", "int", str(number), 2, 600.0


class RawSqlServer:
    """What the bare driver does on the job tables.

    Its rows are those of ``JobTables.fill``.
    """

    settings = (
        f"pyodbc in threads, READ COMMITTED; drain: claims of {CLAIM_SIZE} and moves to history of {CLAIM_SIZE}, on a "
        f"connection each, at the same time; concurrent: pools of {POOL_SIZES}; "
        f"bulk: INSERT of {_ROWS_PER_INSERT} rows at once, from one JSON text"
    )

    def __init__(self, site: Site) -> None:
        self._url = site.url
        self._tables = site.tables
        self._tally = timing.Tally(asyncio.Event())

    async def drain(self, jobs: int) -> float:
        """Jobs per second from the first claim to the last move."""
        await self._tables.fill(jobs)
        await self._tables.analyze()
        batches: asyncio.Queue[list[dict[str, Any]] | None] = asyncio.Queue(_BATCHES_AHEAD)
        self._tally.expect(jobs)
        node_id = 1

        async def claim(connection: Connection) -> None:
            last = 0
            while packed := (await connection.fetch(_CLAIM, last, node_id))[0][0]:
                claimed = json.loads(packed)
                last = claimed[-1]["id"]
                await batches.put(claimed)
            await batches.put(None)

        async def run_and_move(connection: Connection) -> None:
            while (claimed := await batches.get()) is not None:
                outcomes = []
                for job in claimed:
                    began = time.perf_counter()
                    await self._noop(int(job["request_body"]))
                    outcomes.append((job["id"], job["attempt"], (time.perf_counter() - began) * 1000))
                await connection.fetch(_MOVE, json.dumps(outcomes), node_id)

        async with connected(self._url, 2) as (claims, moves):
            value = await timing.rate(jobs, asyncio.gather(claim(claims), run_and_move(moves)))
        timing.check_once_each("raw", jobs, self._tally.runs, await self._tables.completed())
        return value

    async def enqueue_one(self, jobs: int) -> float:
        """Jobs per second of one caller that commits each INSERT."""
        async with connected(self._url) as (connection,):
            numbers = iter(range(jobs))
            return await timing.rate_in_turn(jobs, lambda: connection.fetch(_INSERT, *_row(next(numbers))))

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        """Jobs per second of many callers, each committing its own INSERT; the best pool size."""
        best = 0.0
        for size in POOL_SIZES:
            await self._tables.reset()
            best = max(best, await self._enqueue_over(size, jobs, tasks))
        return best

    async def enqueue_many(self, jobs: int) -> float:
        """Jobs per second of INSERTs of many rows, in one transaction."""

        async def insert(connection: Connection) -> None:
            await connection.fetch(_BEGIN)
            for start in range(0, jobs, _ROWS_PER_INSERT):
                rows = [_row(number) for number in range(start, min(start + _ROWS_PER_INSERT, jobs))]
                await connection.fetch(_INSERT_MANY, json.dumps(rows))
            await connection.fetch(_COMMIT)

        async with connected(self._url) as (connection,):
            return await timing.rate(jobs, insert(connection))

    async def _enqueue_over(self, size: int, jobs: int, tasks: int) -> float:
        free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()

        async def enqueue() -> None:
            connection = await free.get()
            await connection.fetch(_INSERT, *_row(1))
            free.put_nowait(connection)

        async with connected(self._url, size) as connections:
            for connection in connections:
                free.put_nowait(connection)
            return await timing.rate_at_once(jobs, tasks, enqueue)

    async def _noop(self, request: int) -> None:
        self._tally.run()
