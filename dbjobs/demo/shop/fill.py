"""Writes the shop's past into an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from dbjobs.demo.shop.application import jobs
from dbjobs.demo.shop.kinds import Cause, Kind
from dbjobs.demo.shop.log import write_requests
from dbjobs.demo.shop.past import Ended, Past
from dbjobs.demo.shop.sums import Totals
from dbjobs.store import repository
from dbjobs.store.transactions.scheduling import ref_id_of, stamp

DAYS = 31
JOBS_PER_DAY = 380
REQUESTS_PER_DAY = 230
RUNS_KEPT = 20

_REPORT = Kind(
    "nightly_report", 0, "reports", 7_000, 0.1, (Cause(1, "timeout", "timed out after 1800 s", final=True),), "null",
    '{"orders":{},"cents":4203300}', "None", tag="reports",
)  # fmt: skip
_RATES = Kind(
    "fetch_rates", 0, "reports", 420, 0.25,
    (Cause(1, "TimeoutError", "rates.bank.example timed out after 10 s", "rates.py", "fetch"),), "null",
    '{"EUR/USD":1.1004}', "None", retry_limit=3, tag="payments",
)  # fmt: skip
_AUDIT: tuple[tuple[float, str, str, str, str, dict[str, Any]], ...] = (
    (0.4, "ann@shop.example", "pause_queue", "queue newsletter", "done", {"queue": "newsletter"}),
    (3.0, "bo@shop.example", "requeue_jobs", "job 9904", "done", {"ids": [9904], "message": "1 job waits again"}),
    (5.0, "eli@shop.example", "cancel_jobs", "job 9731", "refused", {"error": "eli@shop.example may not act here"}),
    (26.0, "ann@shop.example", "run_schedule", "schedule nightly report", "done", {"name": "nightly report"}),
    (50.0, "bo@shop.example", "limit_queue", "queue images", "done", {"queue": "images", "concurrency": 4}),
    (75.0, "token 1", "resume_queue", "queue payments", "done", {"queue": "payments"}),
)


async def fill(path: Path, *, days: int = DAYS, jobs_per_day: int = JOBS_PER_DAY) -> None:
    """Make the tables of the shop's own Jobs object and write a past into them.

    Args:
        path: the file of its URL; nothing is in it yet.
        days: how far back the past goes.
    """
    now = datetime.now(UTC)
    since = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    totals = Totals(now)
    async with jobs:
        await jobs.schedules.register()
        await write_requests(jobs._client.db, REQUESTS_PER_DAY * days, since, now)
        past = Past()
        ended = list(past.jobs(jobs_per_day * days, since, now - timedelta(seconds=20)))
        ended = [job for job in ended if job.completed_at < now]
        runs = _runs(past, ended[-1].id + 1, now)
        for job in (*ended, *(job for _, job in runs)):
            totals.add(job)
        with closing(sqlite3.connect(path, timeout=20)) as connection, connection:
            _write(connection, ended, runs, totals, now)
        await repository.write_rollups(jobs._client.db, totals.rollups())
        await repository.write_causes(jobs._client.db, totals.causes())


def _runs(past: Past, first_id: int, now: datetime) -> list[tuple[str, Ended]]:
    """The last runs of two tasks: their keys, and the jobs."""
    made: list[tuple[str, Ended]] = []
    night = now.replace(hour=1, minute=30, second=0, microsecond=0)
    ten = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    for name, kind, last, step in (
        ("nightly report", _REPORT, night if night < now else night - timedelta(days=1), timedelta(days=1)),
        ("exchange rates", _RATES, ten - timedelta(minutes=10), timedelta(minutes=10)),
    ):
        for number in range(RUNS_KEPT, 0, -1):
            at = last - step * (number - 1)
            key = stamp(at)
            made.append((key, past.job(kind, first_id + len(made), at, ref_id=ref_id_of(name, key))))
    return made


def _write(
    connection: sqlite3.Connection, ended: list[Ended], runs: list[tuple[str, Ended]], totals: Totals, now: datetime
) -> None:
    all_jobs = [*ended, *(job for _, job in runs)]
    _insert(connection, "finished_job", (_columns(job) for job in all_jobs))
    _insert(connection, "job_stat", (_columns(stat) for stat in totals.stats()))
    _insert(connection, "job_queue", ({"queue": queue} for queue in {job.queue for job in all_jobs}))
    _insert(
        connection,
        "job_ref",
        ({"ref_id": job.ref_id, "job_id": job.id, "month": f"{job.created_at:%Y%m}"} for _, job in runs),
    )
    for name in ("nightly report", "exchange rates"):
        keys = [key for key, job in runs if str(job.ref_id).startswith(f"task:{name}:")]
        last = datetime.fromisoformat(keys[-1])
        told = {"name": name, "runs": msgspec.json.encode(keys).decode(), "last_run_at": text_of(last), "missed": 2}
        _insert(connection, "task_runs", [told])
    _insert(connection, "job_batch", _batches(ended))
    _insert(connection, "job_log", (line for job in all_jobs[-2_000:] for line in _lines(job)))
    _insert(
        connection,
        "audit",
        (
            {
                "at": text_of(now - timedelta(hours=hours)), "actor": actor, "action": action, "target": target,
                "outcome": outcome, "details": msgspec.json.encode(details).decode(),
            }
            for hours, actor, action, target, outcome, details in reversed(_AUDIT)
        ),
    )  # fmt: skip
    _insert(connection, "sequence", [{"last_id": all_jobs[-1].id + 1}])


def text_of(moment: datetime) -> str:
    """A time as stored in SQLite's tables."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _columns(row: msgspec.Struct) -> dict[str, Any]:
    return {
        name: text_of(value) if isinstance(value, datetime) else value
        for name, value in msgspec.structs.asdict(row).items()
    }


def _batches(ended: list[Ended]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for job in ended:
        if job.batch_id is not None:
            row = found.setdefault(
                job.batch_id,
                {
                    "batch_id": job.batch_id, "created_at": text_of(job.created_at), "total": 0, "completed": 0,
                    "failed": 0, "cancelled": 0, "folded": 1,
                },
            )  # fmt: skip
            row["changed_at"] = text_of(job.completed_at)
            row["total"] += 1
            row[job.state] += 1
    return list(found.values())


def _lines(job: Ended) -> list[dict[str, Any]]:
    lines = [("info", "begun", 0.0)]
    if job.error is not None:
        lines.append(("error", job.error, 1.0))
    elif job.command == "import_orders":
        lines += [("info", "orders are read", 0.3), ("warning", "row 17: no such article, left out", 0.6)]
        lines.append(("info", "all taken in", 1.0))
    return [
        {
            "job_id": job.id, "job_created_at": text_of(job.created_at), "attempt": job.attempt, "level": level,
            "at": text_of(job.started_at + timedelta(milliseconds=job.duration_ms * part)), "message": message,
        }
        for level, message, part in lines
    ]  # fmt: skip


@cache
def _statement(name: str) -> str:
    return (files("dbjobs.demo.shop") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def _insert(connection: sqlite3.Connection, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    connection.executemany(_statement(name), rows)
