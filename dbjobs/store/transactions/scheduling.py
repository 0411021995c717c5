"""Scheduled tasks as transactions: declare, change, fire. A write compares the revision at which it read the task."""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from dbjobs.errors import LockTimeout
from dbjobs.models import JobRef
from dbjobs.schedule import Schedule, due_runs
from dbjobs.schedule.due import Misfire, Overlap
from dbjobs.store import repository
from dbjobs.store.records import NewJob
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.repository.tasks import TaskRow
from dbjobs.store.synchronous import pause
from dbjobs.store.transactions.delivering import before_fire

# Runs that a task remembers.
RUNS_KEPT = 20
# The longest wait for another transaction that holds a task's row.
TRY_SECONDS = 10.0
_PAUSE_SECONDS = 0.01
_NOW = "now:"
_MOMENT = timedelta(microseconds=1)


class Rules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a task is run, apart from its schedule.

    Attributes:
        misfire: what to do about runs that were missed.
        overlap: ``skip`` leaves a run out while the one before has not ended.
        jitter_seconds: a run is put off by up to this long, at random.
        start, end: no run is earlier, or later.
        transient: its runs are not stored as jobs.
        delivery: the job that tells the ``reply_to`` of its jobs of their ends.
    """

    misfire: Misfire = "one"
    overlap: Overlap = "allow"
    jitter_seconds: float = 0.0
    start: datetime | None = None
    end: datetime | None = None
    transient: bool = False
    delivery: NewJob | None = None


def schedule_of(task: TaskRow) -> Schedule:
    """When it recurs."""
    return Schedule(task.interval_seconds, task.cron, task.zone)


def rules_of(task: TaskRow) -> Rules:
    """How it is run."""
    return msgspec.json.decode(task.rules, type=Rules)


def job_of(task: TaskRow) -> NewJob:
    """The request and options of its jobs."""
    return msgspec.json.decode(task.job, type=NewJob)


def make_task(name: str, schedule: Schedule, rules: Rules, job: NewJob, *, declared: bool) -> TaskRow:
    """A task that is not stored yet, with the hash of its definition."""
    what = msgspec.json.encode(
        [job.request_type, job.command, schedule.interval_seconds, schedule.expression, schedule.tz, rules, job]
    )
    return TaskRow(
        name=name,
        declared=declared,
        definition=hashlib.sha256(what).hexdigest()[:40],
        request_type=job.request_type,
        command=job.command,
        interval_seconds=schedule.interval_seconds,
        cron=schedule.expression,
        zone=schedule.tz,
        rules=msgspec.json.encode(rules).decode(),
        job=msgspec.json.encode(job).decode(),
        revision=secrets.randbelow(2**40),
    )


def first_run(task: TaskRow, now: datetime, *, at_once: bool = False) -> datetime | None:
    """When a task that begins to count now first runs; None if it never does."""
    schedule, rules = schedule_of(task), rules_of(task)
    whole = now.replace(microsecond=0)
    if rules.start is not None and rules.start > now:
        first = schedule.next_after(rules.start - _MOMENT, rules.start)
    elif at_once:
        first = whole
    else:
        first = schedule.next_after(now, rules.start or whole)
    return None if first is None or (rules.end is not None and first > rules.end) else first


async def put(db: Fetcher, task: TaskRow, *, at_once: bool = False) -> bool:
    """Store a task as it is to be, except for its pause and its last runs; False if nothing had to be written.

    Args:
        at_once: if it is new, it runs at once.
    """
    async for _ in _tries(task.name):
        stored = await repository.list_tasks(db, task.name)
        if not stored:
            first = first_run(task, await repository.database_time(db), at_once=at_once)
            if await repository.insert_task(db, replace(task, next_run_at=first)):
                return True
            continue
        (old,) = stored
        if (old.definition, old.declared) == (task.definition, task.declared):
            return False
        new = replace(
            task,
            paused=old.paused,
            next_run_at=old.next_run_at,
            last_run_at=old.last_run_at,
            runs=old.runs,
            missed=old.missed,
            skipped=old.skipped,
            revision=old.revision,
        )
        if _times(old) != _times(task):
            new = replace(new, next_run_at=first_run(task, await repository.database_time(db)))
        if await repository.update_task(db, new):
            break
    return True


async def declare(db: Fetcher, tasks: Sequence[tuple[TaskRow, bool]]) -> list[str]:
    """Register what code declares, each with whether it runs at once if it is new; the names that were written."""
    known = {(task.name, task.definition) for task in await repository.list_tasks(db) if task.declared}
    changed = [(task, at_once) for task, at_once in tasks if (task.name, task.definition) not in known]
    return [task.name for task, at_once in changed if await put(db, task, at_once=at_once)]


async def change(db: Fetcher, name: str, how: Callable[[TaskRow, datetime], TaskRow]) -> bool:
    """Change a stored task; False if there is none of this name.

    Args:
        how: from the task as it is, and the database's clock, to what it is to be; the same if there is nothing to do.
    """
    async for _ in _tries(name):
        stored = await repository.list_tasks(db, name)
        if not stored:
            return False
        new = how(stored[0], await repository.database_time(db))
        if new == stored[0] or await repository.update_task(db, new):
            break
    return True


def paused(task: TaskRow, _: datetime) -> TaskRow:
    """The task when it is paused."""
    return replace(task, paused=True)


def resumed(task: TaskRow, now: datetime) -> TaskRow:
    """The task when it goes on: times that have passed meanwhile were not missed."""
    if not task.paused:
        return task
    following = task.next_run_at
    if following is not None and following <= now:
        following = schedule_of(task).next_after(now, following)
        end = rules_of(task).end
        following = None if following is None or (end is not None and following > end) else following
    return replace(task, paused=False, next_run_at=following)


async def fire(db: Fetcher, task: TaskRow, now: datetime) -> list[NewJob] | None:
    """Do what is due for a task; returns the jobs inserted. None if another node was faster, and nothing was done.

    The jobs of a transient task are not inserted: its times are taken for this node, which runs them.
    """
    assert task.next_run_at is not None
    schedule, rules = schedule_of(task), rules_of(task)
    due = due_runs(schedule, task.next_run_at, now, misfire=rules.misfire, end=rules.end)
    runs, skipped = due.runs, 0
    if rules.overlap == "skip" and runs:
        runs = () if await _has_live_run(db, task) else runs[-1:]
        skipped = len(due.runs) - len(runs)
    task = replace(task, missed=task.missed + due.missed, skipped=task.skipped + skipped)
    if not runs:
        return [] if await repository.update_task(db, replace(task, next_run_at=due.following)) else None
    if rules.transient:
        keys = task.runs
        for nominal in runs:
            keys = _with_run(keys, stamp(nominal))
        taken = replace(task, next_run_at=due.following, last_run_at=runs[-1], runs=keys)
        if not await repository.update_task(db, taken):
            return None
        return [replace(_job_for(task, stamp(nominal), nominal, rules), ref_id=None) for nominal in runs]
    inserted: list[NewJob] = []
    for nominal, following in zip(runs, (*runs[1:], due.following), strict=True):
        job = _job_for(task, stamp(nominal), nominal, rules)
        moved = replace(task, next_run_at=following, last_run_at=nominal, runs=_with_run(task.runs, stamp(nominal)))
        await before_fire(db, rules.delivery, job.ref_id)
        ref = await repository.fire_task(db, moved, job)
        if ref is None:
            return inserted or None
        if ref.created:
            inserted.append(job)
        task = replace(moved, revision=task.revision + 1)
    return inserted


async def run_now(db: Fetcher, name: str) -> tuple[JobRef, NewJob] | None:
    """Run a task now, in addition to its schedule, even if it is paused; None if there is none of this name."""
    async for _ in _tries(name):
        stored = await repository.list_tasks(db, name)
        if not stored:
            break
        (task,) = stored
        now = await repository.database_time(db)
        key = f"{_NOW}{stamp(now)}-{secrets.token_hex(3)}"
        job = replace(_job_for(task, key, now, Rules()), delay_seconds=None)
        await before_fire(db, rules_of(task).delivery, job.ref_id)
        ref = await repository.fire_task(db, replace(task, runs=_with_run(task.runs, key)), job, at_once=True)
        if ref is not None:
            return ref, job
    return None


def stamp(moment: datetime) -> str:
    """A time in UTC as ref_ids have it, such as 2026-11-26T09:00:00Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def ref_id_of(name: str, key: str) -> str:
    """The ref_id of a task's run."""
    return f"task:{name}:{key}"


def runs_of(task: TaskRow) -> list[tuple[str, datetime, bool]]:
    """Its last runs, oldest first: the ref_id, the time that it was for, and whether somebody asked for it."""
    found = []
    for key in msgspec.json.decode(task.runs, type=list[str]):
        asked = key.startswith(_NOW)
        moment = key.removeprefix(_NOW).partition("Z")[0]
        found.append((ref_id_of(task.name, key), datetime.fromisoformat(moment).replace(tzinfo=UTC), asked))
    return found


async def _tries(name: str) -> AsyncIterator[None]:
    """Tries to write a task that others write, too; they give way to each other for no longer than TRY_SECONDS.

    Raises:
        LockTimeout.
    """
    until = time.monotonic() + TRY_SECONDS
    while True:
        yield
        if time.monotonic() > until:
            raise LockTimeout(
                f"scheduled task {name!r} is being changed in a transaction that stays open; waited {TRY_SECONDS:g} s"
            )
        await pause(_PAUSE_SECONDS)


def _times(task: TaskRow) -> tuple[object, ...]:
    rules = rules_of(task)
    return task.interval_seconds, task.cron, task.zone, rules.start, rules.end


def _job_for(task: TaskRow, key: str, nominal: datetime, rules: Rules) -> NewJob:
    job = job_of(task)
    delay = job.delay_seconds or 0.0
    if rules.jitter_seconds:
        delay += random.uniform(0.0, rules.jitter_seconds)
    meta = msgspec.json.decode(job.meta) if job.meta is not None else {}
    meta |= {"scheduled_task": task.name, "scheduled_for": stamp(nominal)}
    return replace(
        job,
        ref_id=ref_id_of(task.name, key),
        delay_seconds=round(delay, 3) or None,
        meta=msgspec.json.encode(meta).decode(),
    )


def _with_run(runs: str, key: str) -> str:
    kept = [*msgspec.json.decode(runs, type=list[str]), key][-RUNS_KEPT:]
    return msgspec.json.encode(kept).decode()


async def _has_live_run(db: Fetcher, task: TaskRow) -> bool:
    """Whether one of its last runs has not ended. A run that begins meanwhile changes the task's revision."""
    refs = await repository.find_refs(db, [ref_id for ref_id, _, _ in runs_of(task)])
    if not refs:
        return False
    ended = await repository.find_ends(db, list(refs.values()))
    return any(id not in ended for id in refs.values())
