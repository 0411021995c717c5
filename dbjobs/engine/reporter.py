"""Progress and log lines of running jobs, buffered and written together."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio

from dbjobs.engine.resilience import voice
from dbjobs.errors import DatabaseUnavailable
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import LogEntry, ProgressReport
from dbjobs.store.transactions.retrying import with_months

if TYPE_CHECKING:
    from dbjobs.context import JobContext

log = logging.getLogger("dbjobs")

FLUSH_SECONDS = 0.25
# Lines kept while the database is slow; the oldest go first, and the log says how many went.
MAX_WAITING_LINES = 20_000
LINES_PER_STATEMENT = 2_000
WRITING = "writing progress and logs"


class Reporter:
    """Collects reports from handlers (any thread) and writes them every ``FLUSH_SECONDS``."""

    def __init__(self, db: Database, current_node: Callable[[], int | None]) -> None:
        self._db = db
        self._current_node = current_node
        self._lines: deque[LogEntry] = deque(maxlen=MAX_WAITING_LINES)
        self._latest: dict[int, JobContext] = {}
        # Lines of jobs that are history, each with the moment of the job's creation, which says where the line belongs.
        self._late: deque[tuple[datetime, LogEntry]] = deque(maxlen=MAX_WAITING_LINES)
        self._aside: dict[tuple[int, int], list[LogEntry]] = {}
        self._dropped = 0
        self._failing = False
        self._lock = anyio.Lock()

    @property
    def has_lines(self) -> bool:
        """True if log lines wait to be written, or are on their way: a flush waits for the one before it."""
        return bool(self._lines) or self._lock.locked()

    def log(self, context: JobContext, level: str, message: str) -> None:
        """Add a line; safe in any thread."""
        line = LogEntry(context.id, context.attempt, time.monotonic(), level, message)
        aside = self._aside.get((context.id, context.attempt))
        if aside is not None:
            aside.append(line)
            return
        if len(self._lines) == MAX_WAITING_LINES:
            self._dropped += 1
        self._lines.append(line)

    @asynccontextmanager
    async def set_aside(self, context: JobContext) -> AsyncIterator[list[LogEntry]]:
        """Keep the lines of a job for the transaction that completes it: after its commit they would find no job.

        Yields those that are logged from here on. If the block raises they are written as usual. A handler may go on
        after its job's completion; what it logs then is written when it returns (see ``completed``).
        """
        key = (context.id, context.attempt)
        aside: list[LogEntry] = []
        self._aside[key] = aside
        try:
            if self.has_lines:
                await self.flush_quietly()  # earlier ones: the job is still there
            yield aside
        except BaseException:
            del self._aside[key]
            self._lines.extend(aside)
            raise

    def go_on(self, context: JobContext) -> None:
        """The job is still there, for its callback: lines that were set aside are written as usual."""
        self._lines.extend(self._aside.pop((context.id, context.attempt), ()))

    def completed(self, context: JobContext) -> None:
        """The attempt is over: what was logged after its completion goes to the job that is history now.

        No fence is needed: the transaction that has completed the job was this attempt's own, and has committed.
        """
        late = self._aside.pop((context.id, context.attempt), None)
        if late:
            self._dropped += max(len(self._late) + len(late) - MAX_WAITING_LINES, 0)
            self._late.extend((context.created_at, line) for line in late)

    def progress(self, context: JobContext) -> None:
        """Note that a job's progress has changed; safe in any thread."""
        self._latest[context.id] = context

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await anyio.sleep(FLUSH_SECONDS)
            if self._lines or self._latest or self._late:
                await self.flush_quietly()

    async def flush_quietly(self) -> None:
        """Write what is there; reports must never stop an outcome, so an error is only logged."""
        try:
            with anyio.CancelScope(shield=True):
                await self.flush()
        except Exception as error:
            self._failing = True
            voice().failed(WRITING, error)
        else:
            if self._failing:
                self._failing = False
                voice().succeeded(WRITING)

    async def flush(self) -> None:
        """Write what is there.

        Raises:
            DatabaseError: some reports are lost. Log lines are kept while the database is away: they wait for the next
                flush, and those that it wrote without confirming it are written again.
        """
        async with self._lock:
            await self._flush_late()
            node_id = self._current_node()
            if node_id is None:
                self._lines.clear()
                self._latest.clear()
                return
            latest, self._latest = self._latest, {}
            reports = [
                ProgressReport(context.id, context.attempt, context.progress_value, context.status)
                for _, context in sorted(latest.items())
                if not context._settled
            ]
            if reports:
                await repository.update_progress(self._db, node_id, reports)
            while self._lines:
                count = min(len(self._lines), LINES_PER_STATEMENT)
                lines = [self._lines.popleft() for _ in range(count)]
                now = time.monotonic()
                try:
                    await with_months(self._db, partial(repository.insert_logs, self._db, node_id, lines, now))
                except DatabaseUnavailable:
                    room = MAX_WAITING_LINES - len(self._lines)
                    self._dropped += max(len(lines) - room, 0)
                    self._lines.extendleft(reversed(lines[-room:] if room else []))
                    raise
            if self._dropped:
                log.warning(
                    "%d log lines of jobs were dropped: they came faster than they could be written",
                    self._dropped,
                )
                self._dropped = 0

    async def _flush_late(self) -> None:
        """Write lines of jobs that are already completed."""
        while self._late:
            lines = [self._late.popleft() for _ in range(min(len(self._late), LINES_PER_STATEMENT))]
            now = time.monotonic()
            try:
                await with_months(self._db, partial(repository.append_logs, self._db, lines, now))
            except DatabaseUnavailable:
                room = MAX_WAITING_LINES - len(self._late)
                self._dropped += max(len(lines) - room, 0)
                self._late.extendleft(reversed(lines[-room:] if room else []))
                raise
