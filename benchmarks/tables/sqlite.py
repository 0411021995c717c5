"""The job tables on SQLite: the live file and the file of this month's history."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from benchmarks.peers.sqlite_file import path_of
from benchmarks.tables.job_tables import LARGEST_BATCH, NOOP

# What the library sets on its own connections.
SETTINGS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"

_LIVE = "dbjobs_background_job"
_TABLES = (
    "background_job", "finished_job", "job_log", "requeued_job", "job_worker", "job_dependency", "job_batch",
    "job_ref", "ended_parent", "job_stat", "job_queue", "month_range",
)  # fmt: skip
_HISTORY_TABLES = ("completed_job", "failed_job", "job_log")
_OF_ONE_JOB = {"id", "created_at", "request_body"}
_FILL = f"""
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1),
    lanes (lane) AS (SELECT 1 UNION ALL SELECT lane + 1 FROM lanes WHERE lane < ?2)
INSERT INTO {_LIVE} (
    worker, queue, command, request, request_body, retry_limit, timeout_seconds, state, run_after
)
SELECT {{worker}}, 'default', {{command}}, 'int', n, 2, 600, {{state}}, {{run_after}}
FROM numbers CROSS JOIN lanes ORDER BY n, lane
"""
_NOW = "SELECT (julianday('now') - 2440587.5) * 86400.0"
_COMPLETION = """
SELECT number, (julianday(completed_at) - 2440587.5) * 86400.0
FROM (
    SELECT row_number() OVER in_time AS number, count(*) OVER () AS total,
        completed_at, lead(completed_at) OVER in_time AS following
    FROM ({completed})
    WINDOW in_time AS (ORDER BY completed_at)
)
WHERE number BETWEEN ?1 AND ?1 + min(?2, (total - ?1) / 2)
ORDER BY julianday(following) - julianday(completed_at) DESC NULLS LAST, number
LIMIT 1
"""


class SqliteTables:
    """The job tables of one SQLite file, through sqlite3."""

    def __init__(self, url: str) -> None:
        self.path = Path(path_of(url))

    @property
    def history_path(self) -> Path:
        """The file of the month that new jobs go to; the library makes it when it opens the tables.

        Raises:
            RuntimeError: there is none.
        """
        with closing(sqlite3.connect(":memory:")) as connection:
            month = connection.execute("SELECT strftime('%Y%m', 'now')").fetchone()[0]
        path = self.path.with_name(f"{self.path.stem}-history-{month}{self.path.suffix}")
        if not path.exists():
            raise RuntimeError(f"there is no history of this month: {path.name}")
        return path

    def connect(self, path: Path, *, attach: Path | None = None) -> sqlite3.Connection:
        """A connection as the library opens one, with another file attached as ``live`` if asked for."""
        connection = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
        connection.executescript(SETTINGS)
        if attach is not None:
            connection.execute("ATTACH DATABASE ? AS live", (str(attach),))
        return connection

    async def open(self) -> None:
        self._live = self.connect(self.path)
        self._history = self.connect(self.history_path, attach=self.path)

    async def close(self) -> None:
        self._history.close()
        self._live.close()

    async def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    async def reset(self) -> None:
        _empty(self._live, [f"dbjobs_{table}" for table in _TABLES])
        _empty(self._history, _HISTORY_TABLES)

    async def fill(self, jobs: int, *, command: str = NOOP) -> None:
        self._fill(jobs, command=f"'{command}'")

    async def fill_lanes(self, lanes: int, jobs: int, *, head: str = NOOP) -> None:
        self._fill(jobs, lanes, worker="'worker-' || lane", command=f"CASE n WHEN 1 THEN '{head}' ELSE '{NOOP}' END")

    async def fill_scheduled(self, jobs: int) -> None:
        self._fill(jobs, state="'scheduled'", run_after="strftime('%Y-%m-%d %H:%M:%f', 'now', '+1 year')")

    async def analyze(self) -> None:
        """Do nothing: the library does not, and SQLite's plans here need no statistics."""

    async def now(self) -> float:
        return float(self._one(_NOW))

    async def moving(self) -> bool:
        return bool(
            self._one(
                "SELECT EXISTS (SELECT 1 FROM dbjobs_finished_job)"
                f" OR EXISTS (SELECT 1 FROM {_LIVE} WHERE node_id IS NOT NULL AND worker IS NULL)"
            )
        )

    async def left(self) -> int:
        return int(self._one(f"SELECT count(*) FROM {_LIVE}"))

    async def completed(self) -> int:
        # A row that is being copied to the month's file may be seen in both.
        found = self._history.execute(f"SELECT count(DISTINCT id) FROM ({_completed('id')})").fetchone()
        return int(found[0])

    async def completion(self, position: int) -> tuple[int, float]:
        found = self._history.execute(
            _COMPLETION.format(completed=_completed("completed_at")), (position, LARGEST_BATCH)
        ).fetchone()
        return int(found[0]), float(found[1])

    async def shape(self) -> list[dict[str, object]]:
        cursor = self._live.execute(f"SELECT * FROM {_LIVE} ORDER BY id")
        names = [column[0] for column in cursor.description]
        return [
            {name: value for name, value in zip(names, row, strict=True) if name not in _OF_ONE_JOB} for row in cursor
        ]

    async def commits(self) -> None:
        return None

    async def uncleaned(self) -> int:
        return int(self._one("PRAGMA freelist_count"))

    @asynccontextmanager
    async def pin(self) -> AsyncIterator[None]:
        with closing(self.connect(self.path)) as connection:
            connection.execute("BEGIN")
            connection.execute(f"SELECT max(id) FROM {_LIVE}").fetchone()
            yield

    def _one(self, text: str) -> Any:
        return self._live.execute(text).fetchone()[0]

    def _fill(
        self,
        jobs: int,
        lanes: int = 1,
        *,
        worker: str = "NULL",
        command: str = f"'{NOOP}'",
        state: str = "'queued'",
        run_after: str = "NULL",
    ) -> None:
        self._live.execute("BEGIN IMMEDIATE")
        text = _FILL.format(worker=worker, command=command, state=state, run_after=run_after)
        self._live.execute(text, (jobs, lanes))
        # What the library does when it sees a queue for the first time.
        self._live.execute("INSERT OR IGNORE INTO dbjobs_job_queue (queue) VALUES ('default')")
        self._live.execute("COMMIT")


def _completed(column: str) -> str:
    return (
        f"SELECT {column} FROM main.completed_job"
        f" UNION ALL SELECT {column} FROM live.dbjobs_finished_job WHERE state = 'completed'"
    )


def _empty(connection: sqlite3.Connection, tables: Iterable[str]) -> None:
    connection.executescript(
        "\n".join(f"DELETE FROM main.{table};" for table in tables)
        + "VACUUM main; PRAGMA main.wal_checkpoint(TRUNCATE);"
    )
