"""Jobs of every kind in an SQLite file, for transfers: live, waiting, in lanes, a batch, ended, logged, scheduled."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dbjobs import Backoff, JobContext, Jobs, JobState, Schedule
from dbjobs.requestlog import RequestLog
from tests.conformance.helpers import eventually
from tests.request_application import application, ask

TEXT = "grüße 'quoted' \\ \"json\" \n\t 🚀"
# A job of a node that has died, and the lane that it held.
LEFT_BEHIND = """
UPDATE dbjobs_background_job
SET state = 'started', node_id = 77, attempt = 1, started_at = created_at, progress = 0.5, status = 'half'
WHERE ref_id = 'left behind';
INSERT INTO dbjobs_job_worker (worker, node_id) VALUES ('held lane', 77);
INSERT INTO dbjobs_setting (name, value) VALUES ('a key', 'secret');
INSERT INTO dbjobs_audit (actor, action, target, outcome, details) VALUES ('ann', 'cancel', 'job 1', 'done', '{}');
INSERT INTO dbjobs_ended_parent (parent_id, state) VALUES (1, 'completed');
"""


def register(jobs: Jobs, ran: list[tuple[int, str | None]] | None = None) -> None:
    """The commands of the jobs that ``fill`` makes; ``ran`` gets (id, worker) of those that run."""

    @jobs.command(name="work")
    async def work(request: Any, job: JobContext) -> dict[str, Any]:
        if ran is not None:
            ran.append((job.id, job.worker))
        job.log(f"line one {TEXT}")
        job.log("line two", level="warning")
        return {"text": TEXT, "number": 0.1, "large": 2**53 + 1, "list": [1, 2.5, None, True]}

    @jobs.command(name="fail", retry_limit=0)
    async def fail() -> None:
        raise ValueError(f"no way {TEXT}")

    @jobs.command(name="flaky", retry_limit=5, retry=Backoff(first_seconds=3600))
    async def flaky() -> None:
        raise ValueError("not yet")

    @jobs.recurring(Schedule.cron("0 3 * * *", tz="Europe/Berlin"), name="nightly", request={"x": 1})
    @jobs.command(name="tell")
    async def tell(request: Any) -> None:
        pass


async def fill(path: Path) -> None:
    """Make jobs of every kind in a new file; nothing runs on it afterwards."""
    jobs = Jobs(f"sqlite:///{path}")
    register(jobs)
    async with jobs:
        await jobs.enqueue_many("work", [{"old": n} for n in range(5)])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE dbjobs_background_job SET created_at = '2026-03-04 05:06:07.089123' WHERE id < 4")
    connection.close()
    async with jobs.start(concurrency=4):
        await _work(jobs)
    async with jobs:
        await _wait(jobs)
        log = RequestLog(application, jobs=jobs)
        for n in range(3):
            await ask(log, f"/items/{n}", x_api_key="k")
        await ask(log, "/boom/ann", ip="10.0.0.1")
        await log.close()
        await jobs.enqueue("work", {"n": 20}, worker="held lane", ref_id="left behind")
    with sqlite3.connect(path) as connection:
        connection.executescript(LEFT_BEHIND)
    connection.close()


async def _work(jobs: Jobs) -> None:
    ended = [await jobs.enqueue("work", {"n": n, "text": TEXT}, tag="done", user_id="u1") for n in range(7)]
    ended += [await jobs.enqueue("fail", ref_id=f"failed-{n}") for n in range(3)]
    ended += [await jobs.enqueue("work", {"n": 0}, batch_id="b1", args={"a": TEXT}, meta={"large": 2**60, "x": 1.50})]
    ended += [await jobs.enqueue("work", {"n": 1}, callback="tell", ref_id="with-callback")]
    cancelled = await jobs.enqueue("work", {"n": 2}, run_after=timedelta(days=2), ref_id="cancelled")
    await jobs.cancel(cancelled, reason="no more")
    blocked = await jobs.enqueue("flaky", worker="blocked lane")
    for ref in [*ended, cancelled]:
        await jobs.wait(ref, timeout=60)

    async def is_blocked() -> bool:
        job = await jobs.get(blocked)
        return job is not None and job.attempt == 1 and job.state is JobState.SCHEDULED

    await eventually(is_blocked, "the lane is blocked by a retry")


async def _wait(jobs: Jobs) -> None:
    await jobs.queues.limit("slow", 3)
    await jobs.queues.pause("later")
    parent = await jobs.enqueue("work", {"n": 10}, queue="later", priority=5)
    await jobs.enqueue("work", {"n": 11}, depends_on=[parent], batch_id="b1")
    await jobs.enqueue("work", {"n": 12}, depends_on=[parent], depends_on_policy="finished")
    for n in range(12):
        await jobs.enqueue("work", {"n": n, "text": TEXT}, worker=f"lane {n % 3}", priority=-(n % 2), queue="später")
    due = datetime(2031, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    await jobs.enqueue("work", {"n": 13}, run_after=due, ref_id="due later")
    await jobs.enqueue("work", {"n": 14}, expires_after=timedelta(days=400), reply_to="mailto:a@b.c", created_by="me")
    await jobs.enqueue_many("work", [{"n": n, "pad": "x" * 500} for n in range(40)], queue="many")
    await _extremes(jobs)


async def _extremes(jobs: Jobs) -> None:
    """What columns take at most, and what databases like to take for something else."""
    longest = "\U0001f680" * 255
    last = datetime.max.replace(tzinfo=UTC)
    numbers = {"huge": 10**400, "negative": -(2**63), "tiny": 5e-324}
    await jobs.enqueue(
        "work",
        {**numbers, "large": 1.7976931348623157e308, "zero": -0.0, "nul": "a\0b", "empty": "", "none": None, "": [],
         "n": {}, "text": "null"},
        queue=longest, worker=longest, tag=longest, ref_id=longest, batch_id=longest, created_by=longest,
        user_id=longest, reply_to=longest, priority=-(2**31), retry_limit=1_000_000, timeout=timedelta(days=36500),
        run_after=last, expires_after=timedelta(days=36500), args={"": "", " ": " ", "a": "null"}, meta=numbers,
    )  # fmt: skip
    await jobs.enqueue(
        "work", "", tag=" padded ", user_id="null", created_by="\\N", ref_id="Ä", priority=2**31 - 1, timeout=0,
        run_after=last, queue="%_[a]\\'\"", worker="\t\n\\",
    )  # fmt: skip
    for ref_id in ("ä", "a", "A", "a "):  # others, however a database compares
        await jobs.enqueue("work", [], run_after=last, ref_id=ref_id)
