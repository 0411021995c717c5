"""Writes the buffer's records in batches over its own connection, and keeps the log's months in order."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from dbjobs.errors import (
    DatabaseError,
    DatabaseUnavailable,
    DataRefused,
    MissingPermission,
    PartitionMissing,
    SchemaTooNew,
    SchemaTooOld,
    TransactionConflict,
)
from dbjobs.jobs import Jobs
from dbjobs.requestlog.agents import Agent
from dbjobs.requestlog.buffer import Buffer
from dbjobs.requestlog.rollup import RollUp, Sums, rows_of
from dbjobs.requestlog.row import row_of
from dbjobs.requestlog.seen import Seen
from dbjobs.requestlog.settings import Settings
from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database
from dbjobs.store.retrying import without_conflict
from dbjobs.store.transactions import requests
from dbjobs.store.transactions.migrate import check, migrate

log = logging.getLogger("dbjobs.requests")

BATCH = 500  # records
BATCH_CHARACTERS = 1_000_000  # and their total size: one packet, whatever the database
HOUSEKEEPING_SECONDS = 600.0
HOURS_PER_FOLD = 24  # that one housekeeping run folds into days
# Roll-ups of hours this old are being folded into days: a record that has waited longer is dropped.
OLDEST_SECONDS = 24 * 3600.0
MOST_TRIES = 5  # of a batch that fails while the database is there
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_WAITED_FOR = (DatabaseUnavailable, MissingPermission, TransactionConflict, SchemaTooNew, SchemaTooOld)
_NO_AGENT = Agent(None, "other", None)


class Batch(msgspec.Struct):
    """Records of one month on their way: we make the rows once, so a retry writes the same."""

    month: str
    requests: list[tuple[Any, ...]] = msgspec.field(default_factory=list)
    stats: list[tuple[Any, ...]] = msgspec.field(default_factory=list)
    in_doubt: bool = False  # an earlier try may have been committed
    tries: int = 0  # that failed although the database was not away


class Flusher:
    """The writing task, in one event loop.

    Args:
        jobs: whose database.
        buffer: what it empties.
        settings: of the log.
    """

    def __init__(self, jobs: Jobs, buffer: Buffer, settings: Settings) -> None:
        self._jobs = jobs
        self._buffer = buffer
        self._settings = settings
        self._counts = jobs.requests.counts
        self._rollup = RollUp()
        self._db: Database | None = None
        self._batches: list[Batch] = []
        self._clock = (0.0, datetime.min)  # time.monotonic() and the database's clock at one moment
        self._next_housekeeping = 0.0
        self._closing = False
        self._down = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._filled = asyncio.Event()

    def serves(self, loop: asyncio.AbstractEventLoop) -> bool:
        """True while it writes in this event loop."""
        return self._loop is loop and self._task is not None and not self._task.done()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start in its own context, not in that of the request that happened to come first."""
        self._loop = loop
        self._task = loop.create_task(self._run(), context=contextvars.Context(), name="dbjobs-request-log")

    def wake(self) -> None:
        """Write at once if there is enough for a batch."""
        if len(self._buffer) >= BATCH:
            self._filled.set()

    async def close(self) -> None:
        """Write what is left within ``close_seconds``; drop what cannot be written."""
        self._closing = True
        self._filled.set()
        task = self._task
        if task is None or self._loop is not asyncio.get_running_loop():
            return
        await asyncio.wait({task}, timeout=self._settings.close_seconds)
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        left = len(self._buffer) + sum(len(batch.requests) for batch in self._batches)
        if left:
            self._buffer.take(left, 2**62)
            self._batches.clear()
            self._drop(left)
            log.warning("the application ends, and the database has not taken %d requests of the log", left)

    async def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        try:
            while True:
                await self._wait()
                try:
                    await self._write()
                    pause = _FIRST_PAUSE_SECONDS
                except Exception as error:
                    await self._trouble(error, pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                if self._closing and not self._buffer and not self._batches:
                    return
        finally:
            await self._close_database()

    async def _wait(self) -> None:
        """Wait until there is a batch, or until it is time to write what there is."""
        if not self._closing and len(self._buffer) < BATCH and not self._batches:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._filled.wait(), self._settings.flush_seconds)
        self._filled.clear()

    async def _write(self) -> None:
        """Write all there is."""
        if not self._buffer and not self._batches and time.monotonic() < self._next_housekeeping:
            return
        db = await self._opened()
        while self._batches or self._buffer:
            if not self._batches:
                self._batches = self._made(self._buffer.take(BATCH, BATCH_CHARACTERS))
            while self._batches:
                await self._write_one(db, self._batches[0])
                self._batches.pop(0)
            if self._down:
                self._down = False
                log.warning("the request log is being written again; %d requests were dropped", self._counts.dropped)
        if time.monotonic() >= self._next_housekeeping:
            await self._housekeep(db)

    async def _write_one(self, db: Database, batch: Batch) -> None:
        if batch.in_doubt and batch.requests:
            first = batch.requests[0]
            if await repository.get_request(db, batch.month, first[0], first[1]) is not None:
                self._written(len(batch.requests))
                return
        try:
            await without_conflict(
                lambda: repository.insert_requests(db, batch.month, batch.requests, batch.stats, client_counter())
            )
        except PartitionMissing:
            await requests.make_request_months(db, [batch.month])
            raise
        except DataRefused as error:
            await self._write_each(db, batch, error)
            return
        except TransactionConflict:
            raise  # nothing was written
        except DatabaseError:
            batch.in_doubt = True
            raise
        self._written(len(batch.requests))

    async def _write_each(self, db: Database, batch: Batch, refusal: DataRefused) -> None:
        """The database refused something in a batch: find out what, and write the rest."""
        if len(batch.requests) + bool(batch.stats) == 1:
            log.warning("the database refuses a part of the request log, which is dropped: %s", refusal)
            self._counts.buffered -= len(batch.requests)
            self._counts.failed += 1
            return
        # The roll-ups go separately. They count the refused record, too: it was a request.
        half = len(batch.requests) // 2
        halves = [Batch(batch.month, rows) for rows in (batch.requests[:half], batch.requests[half:]) if rows]
        parts = [*halves, Batch(batch.month, [], batch.stats)] if batch.stats else halves
        self._batches[0:1] = parts
        for part in parts:
            await self._write_one(db, part)
            if part is not parts[-1]:
                self._batches.pop(0)

    def _made(self, taken: Sequence[Seen]) -> list[Batch]:
        """Rows of these records, by month."""
        oldest = time.monotonic() - OLDEST_SECONDS
        by_month: dict[str, Batch] = {}
        sums: dict[str, Sums] = {}
        for seen in taken:
            if seen.began < oldest:
                self._drop(1)
                continue
            at = self._clock[1] + timedelta(seconds=seen.began - self._clock[0])
            agent = self._agent(seen.user_agent)
            month = f"{at:%Y%m}"
            try:
                row = row_of(at, seen, agent)
                self._rollup.add(sums.setdefault(month, {}), f"{at:%Y-%m-%d %H}:00:00", seen, agent)
            except Exception:  # the application's own function broke the record
                self._counts.failed += 1
                self._counts.buffered -= 1
            else:
                by_month.setdefault(month, Batch(month)).requests.append(row)
        for month, batch in by_month.items():
            batch.stats = rows_of(sums[month])
        return [by_month[month] for month in sorted(by_month)]

    def _agent(self, text: str | None) -> Agent:
        try:
            return self._settings.user_agent(text) if text else _NO_AGENT
        except Exception:  # the application's own function
            self._counts.failed += 1
            return _NO_AGENT

    async def _opened(self) -> Database:
        """The database, open, with its tables and months."""
        if self._db is None:
            client = self._jobs._client
            db = client.opening.make().another()
            try:
                await db.open()
                await (migrate if client.opening.migrates else check)(db)
                await self._set_clock(db)
                await requests.make_ahead(db)
            except BaseException:
                await db.close()
                raise
            self._db = db
        return self._db

    async def _set_clock(self, db: Database) -> None:
        before = time.monotonic()
        moment = await repository.database_time(db)
        self._clock = ((before + time.monotonic()) / 2, moment.astimezone(UTC).replace(tzinfo=None))

    async def _housekeep(self, db: Database) -> None:
        # First, so that trouble below does not come back at once. Each process does this, at its own time.
        self._next_housekeeping = time.monotonic() + HOUSEKEEPING_SECONDS * random.uniform(0.8, 1.2)
        try:
            await self._set_clock(db)
            await requests.make_ahead(db)
            if self._settings.retention_months is not None:
                dropped = await requests.drop_old(db, self._settings.retention_months)
                if dropped:
                    log.info("dropped the request log of %s", ", ".join(dropped))
            before = datetime.now(UTC) - timedelta(hours=requests.FOLD_AFTER_HOURS)
            await requests.fold(db, f"{before:%Y-%m-%d %H}:00:00", HOURS_PER_FOLD)
        except DatabaseError as error:
            log.info("housekeeping of the request log is left for later: %s", error)

    async def _trouble(self, error: Exception, pause: float) -> None:
        """Log it once, and wait; meanwhile the buffer takes requests while it has room."""
        if not self._down and not isinstance(error, PartitionMissing | TransactionConflict):
            self._down = True
            log.warning("the request log cannot be written for now: %s", error, exc_info=not _is_known(error))
        if isinstance(error, PartitionMissing):
            return  # the month has just been made
        if self._batches and not isinstance(error, _WAITED_FOR):
            self._batches[0].tries += 1
            if self._batches[0].tries >= MOST_TRIES:  # one batch must not block all others for ever
                count = len(self._batches.pop(0).requests)
                self._counts.failed += count
                self._counts.buffered -= count
                log.warning("%d requests of the log could not be written, and are dropped: %s", count, error)
        await self._close_database()
        if not self._closing:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        else:
            await asyncio.sleep(_FIRST_PAUSE_SECONDS / 5)

    async def _close_database(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(DatabaseError):
                await db.close()

    def _written(self, count: int) -> None:
        self._counts.written += count
        self._counts.buffered -= count

    def _drop(self, count: int) -> None:
        self._counts.dropped += count
        self._counts.buffered -= count


def _is_known(error: Exception) -> bool:
    return isinstance(error, DatabaseError)
