"""The limit on MySQL and MariaDB: aiomysql alone on the same tables, doing no more than a job queue has to."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from benchmarks.peers import timing
from benchmarks.tables.mysql import connect, fetch
from benchmarks.tables.site import Site

CLAIM_SIZE = 200
# As many connections as served 50 callers best; each size is tried in every round.
POOL_SIZES = (10, 20)
# Claims may run ahead of moves by this many batches.
_BATCHES_AHEAD = 4
_ROWS_PER_INSERT = 1000

_CLAIM = """
START TRANSACTION;
SELECT id, attempt, request_body FROM dbjobs_background_job FORCE INDEX (line)
WHERE line = 'q:default' AND (place = 0 AND id > {last} OR place > 0)
ORDER BY place, id
LIMIT {limit}
FOR UPDATE SKIP LOCKED
"""
_CLAIMED = """
UPDATE dbjobs_background_job
SET state = 'started', line = 'n:{node_id}', node_id = {node_id}, attempt = attempt + 1, started_at = UTC_TIMESTAMP(6),
    last_activity_at = UTC_TIMESTAMP(6)
WHERE id IN ({ids});
COMMIT
"""
_COLUMNS = """
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy,
    run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response, response_body, started_at, executed_at, notified_at, last_activity_at, retry_limit, retry,
    on_failure, attempt, attempt_base, timeout_seconds, progress, status, reply_to, error_code, error, errors,
    args, meta, trace_context, cancel_requested_at, node_id
"""
# The durations as one JSON text: the fastest of the ways to hand over a value for each row.
_MOVE = f"""
START TRANSACTION;
INSERT INTO dbjobs_completed_job ({_COLUMNS}, state, completed_at, duration_ms, created_month)
SELECT {_COLUMNS.replace(" id,", " j.id,", 1)}, 'completed', UTC_TIMESTAMP(6), o.duration,
    EXTRACT(YEAR_MONTH FROM created_at)
FROM JSON_TABLE('{{outcomes}}', '$[*]' COLUMNS (
    job_id BIGINT PATH '$[0]', job_attempt INT PATH '$[1]', duration DOUBLE PATH '$[2]'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.job_id
WHERE j.attempt = o.job_attempt AND j.node_id = {{node_id}}
FOR UPDATE /*!50799 OF j */;
DELETE FROM dbjobs_background_job WHERE id IN ({{ids}}) AND node_id = {{node_id}};
COMMIT
"""

_FILLED = ("queue", "priority", "command", "request", "request_body", "retry_limit", "timeout_seconds", "line")
_INSERT = f"INSERT INTO dbjobs_background_job ({', '.join(_FILLED)}) VALUES "


def _row(number: int) -> str:
    return f"('default', 0, 'noop', 'int', '{number}', 2, 600.0, 'q:default')"


class RawMysql:
    """What the bare driver does on the job tables.

    Its rows are those of ``JobTables.fill``.
    """

    settings = (
        f"aiomysql, READ COMMITTED; drain: claims of {CLAIM_SIZE} and moves to history of {CLAIM_SIZE}, on a "
        f"connection each, at the same time; concurrent: pools of {POOL_SIZES}; "
        f"bulk: INSERT of {_ROWS_PER_INSERT} rows at once"
    )

    def __init__(self, site: Site) -> None:
        self._url = site.url
        self._tables = site.tables
        self._tally = timing.Tally(asyncio.Event())

    async def drain(self, jobs: int) -> float:
        """Jobs per second from the first claim to the last move."""
        await self._tables.fill(jobs)
        await self._tables.analyze()
        claims, moves = await connect(self._url), await connect(self._url)
        batches: asyncio.Queue[list[Any] | None] = asyncio.Queue(_BATCHES_AHEAD)
        self._tally.expect(jobs)
        node_id = 1

        async def claim() -> None:
            last = 0
            while rows := await _second_result(claims, _CLAIM.format(last=last, limit=CLAIM_SIZE)):
                ids = ", ".join(str(row[0]) for row in rows)
                await _all_results(claims, _CLAIMED.format(node_id=node_id, ids=ids))
                last = max(row[0] for row in rows)
                await batches.put(rows)
            await claims.commit()
            await batches.put(None)

        async def run_and_move() -> None:
            while (rows := await batches.get()) is not None:
                outcomes = []
                for id, attempt, body in rows:
                    began = time.perf_counter()
                    await self._noop(int(body))
                    outcomes.append((id, attempt + 1, (time.perf_counter() - began) * 1000))
                ids = ", ".join(str(row[0]) for row in rows)
                await _all_results(moves, _MOVE.format(outcomes=json.dumps(outcomes), node_id=node_id, ids=ids))

        try:
            value = await timing.rate(jobs, asyncio.gather(claim(), run_and_move()))
        finally:
            await claims.ensure_closed()
            await moves.ensure_closed()
        timing.check_once_each("raw", jobs, self._tally.runs, await self._tables.completed())
        return value

    async def enqueue_one(self, jobs: int) -> float:
        """Jobs per second of one caller that commits each INSERT."""
        connection = await connect(self._url)
        try:
            numbers = iter(range(jobs))
            return await timing.rate_in_turn(jobs, lambda: connection.query(_INSERT + _row(next(numbers))))
        finally:
            await connection.ensure_closed()

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        """Jobs per second of many callers, each committing its own INSERT; the best pool size."""
        best = 0.0
        for size in POOL_SIZES:
            await self._tables.reset()
            best = max(best, await self._enqueue_over(size, jobs, tasks))
        return best

    async def enqueue_many(self, jobs: int) -> float:
        """Jobs per second of INSERTs of many rows, in one transaction."""
        connection = await connect(self._url)

        async def insert() -> None:
            await connection.begin()
            for start in range(0, jobs, _ROWS_PER_INSERT):
                rows = ",".join(map(_row, range(start, min(start + _ROWS_PER_INSERT, jobs))))
                await fetch(connection, _INSERT + rows)
            await connection.commit()

        try:
            return await timing.rate(jobs, insert())
        finally:
            await connection.ensure_closed()

    async def _enqueue_over(self, size: int, jobs: int, tasks: int) -> float:
        connections = [await connect(self._url) for _ in range(size)]
        free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for connection in connections:
            free.put_nowait(connection)

        async def enqueue() -> None:
            connection = await free.get()
            await connection.query(_INSERT + _row(1))
            free.put_nowait(connection)

        try:
            return await timing.rate_at_once(jobs, tasks, enqueue)
        finally:
            for connection in connections:
                await connection.ensure_closed()

    async def _noop(self, request: int) -> None:
        self._tally.run()


async def _all_results(connection: Any, text: str) -> list[Any]:
    """Run statements, joined by ``;``; their results."""
    await connection.query(text)
    results = [connection._result]
    while results[-1].has_next:
        await connection.next_result()
        results.append(connection._result)
    return results


async def _second_result(connection: Any, text: str) -> list[tuple[Any, ...]]:
    return list((await _all_results(connection, text))[1].rows)
