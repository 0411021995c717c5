"""Says whether a job was enqueued, and if not, what was."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Unpack

from dbjobs.commands import codec
from dbjobs.commands import options as job_options
from dbjobs.errors import InvalidOption
from dbjobs.jobs import Jobs
from dbjobs.models import Job, JobOptions
from dbjobs.store.repository.rows import json_of
from dbjobs.testing.inline_client import InlineClient

# Jobs looked at, newest first, and named in a message.
MOST_JOBS = 10_000
NAMED_JOBS = 10
_PAGE = 1000
# A delay is counted from the moment of the enqueue, which the caller does not know to the millisecond.
_TOLERANCE_SECONDS = 1.0
# A stored job does not tell these.
_NOT_TOLD = ("retry", "on_failure", "depends_on_policy")


class _Any:
    def __repr__(self) -> str:
        return "ANY"


ANY: Any = _Any()

Where = Callable[[Job], bool]


async def assert_enqueued(
    jobs: Jobs,
    command: Any,
    *,
    request: Any = ANY,
    count: int | None = None,
    where: Where | None = None,
    **options: Unpack[JobOptions],
) -> Job:
    """A job of this command was enqueued, whatever became of it since; the newest of those that fit.

    Args:
        command: the handler or its name.
        request: what it got, as an object or as plain data; any, if left out.
        count: exactly this many fit.
        where: a function of the Job that has to return true.
        options: any of the options of ``enqueue`` that a stored job shows: ``queue="mail"``, ``tag=None``,
            ``run_after=timedelta(hours=1)`` (give or take a second).

    Raises:
        AssertionError: says what was enqueued instead.
        InvalidOption, UnknownCommand: there is no such option or command.
    """
    wanted = _Wanted(jobs, command, request, where, dict(options))
    found, others = await wanted.look()
    if count is not None and len(found) != count:
        raise AssertionError(f"{len(found)}, not {count}, jobs were enqueued: {wanted}{await wanted.instead(others)}")
    if not found:
        raise AssertionError(f"no job was enqueued: {wanted}{await wanted.instead(others)}")
    return found[0]


async def assert_not_enqueued(
    jobs: Jobs, command: Any, *, request: Any = ANY, where: Where | None = None, **options: Unpack[JobOptions]
) -> None:
    """No job of this command that fits was enqueued (see ``assert_enqueued``).

    Raises:
        AssertionError: names those that were.
    """
    wanted = _Wanted(jobs, command, request, where, dict(options))
    found, _ = await wanted.look()
    if found:
        named = "".join(f"\n  {wanted.told(job)}" for job in found[:NAMED_JOBS])
        raise AssertionError(f"{len(found)} {'was' if len(found) == 1 else 'were'} enqueued: {wanted}{named}")


class _Wanted:
    """What a job has to be."""

    def __init__(self, jobs: Jobs, command: Any, request: Any, where: Where | None, options: Mapping[str, Any]) -> None:
        self._jobs = jobs
        self._command = jobs._registry.find(command)
        job_options.check_names(options, where="assert_enqueued")
        for name in options:
            if name in _NOT_TOLD:
                raise InvalidOption(f"assert_enqueued: a stored job does not tell its option {name!r}")
        given = jobs._registry.named(options)
        self._row, self._parents = job_options.apply(self._command.template, given, where="assert_enqueued")
        self._options = options
        self._where = where
        self._any_request = request is ANY
        if not self._any_request:
            what = f"the request of {self._command.name!r}"
            self._request = json_of(codec.encode(request, what=what, limit=sys.maxsize))

    def __str__(self) -> str:
        parts = [self._command.own_name]
        if not self._any_request:
            parts.append(f"request={self._request!r}")
        parts += [f"{name}={value!r}" for name, value in self._options.items()]
        if self._where is not None:
            parts.append(f"where={getattr(self._where, '__name__', self._where)}")
        return ", ".join(parts)

    async def look(self) -> tuple[list[Job], list[Job]]:
        """Jobs of the command that fit, and those that do not; newest first."""
        found: list[Job] = []
        others: list[Job] = []
        for job in await _all(self._jobs, self._command.own_name):
            (others if self._differs(job) else found).append(job)
        return found, others

    async def instead(self, others: list[Job]) -> str:
        """What was enqueued that does not fit."""
        if others:
            named = "".join(f"\n  {self.told(job)}   <- {self._told_differences(job)}" for job in others[:NAMED_JOBS])
            more = len(others) - NAMED_JOBS
            return f"\nof this command there are:{named}" + (f"\n  and {more} more" if more > 0 else "")
        counts = Counter(job.command for job in await _all(self._jobs, None))
        told = ", ".join(f"{name} ({count})" for name, count in counts.most_common())
        return f"\nof this command there is none; enqueued were: {told or 'none at all'}"

    def told(self, job: Job) -> str:
        """A job, with the parts that were asked for."""
        parts = [f"job {job.id} ({job.state}): request={job.request!r}"]
        parts += [f"{name}={_value(job, name)!r}" for name in self._options]
        return ", ".join(parts)

    def _told_differences(self, job: Job) -> str:
        parts = self._differs(job)
        return f"{', '.join(parts)} differ{'s' if len(parts) == 1 else ''}"

    def _differs(self, job: Job) -> list[str]:
        """The parts in which a job is another one."""
        found = []
        if not self._any_request and job.request != self._request:
            found.append("request")
        found += [name for name in self._options if not self._is_same(job, name)]
        if self._where is not None and not self._where(job):
            found.append("where")
        return found

    def _is_same(self, job: Job, name: str) -> bool:
        row = self._row
        match name:
            case "run_after":
                if row.delay_seconds is not None:
                    return _is_about(job, job.run_after, row.delay_seconds)
                if row.run_after is None or job.run_after is None:
                    return row.run_after is job.run_after
                return abs((job.run_after - row.run_after).total_seconds()) < _TOLERANCE_SECONDS
            case "expires_after":
                return _is_about(job, job.expires_at, row.expires_seconds)
            case "timeout":
                return job.timeout_seconds == row.timeout_seconds
            case "depends_on":
                return set(job.depends_on) == set(self._parents)
            case "args" | "meta":
                return bool(getattr(job, name) == (json_of(getattr(row, name)) or {}))
            case _:
                return bool(getattr(job, name) == getattr(row, name))


def _is_about(job: Job, moment: datetime | None, seconds: float | None) -> bool:
    if moment is None or seconds is None:
        return moment is None and seconds is None
    return abs((moment - job.created_at).total_seconds() - seconds) < _TOLERANCE_SECONDS


def _value(job: Job, name: str) -> Any:
    return getattr(job, {"timeout": "timeout_seconds", "expires_after": "expires_at"}.get(name, name))


async def _all(jobs: Jobs, command: str | None) -> list[Job]:
    """Jobs of a command, or of all commands, live and in history, newest first."""
    if isinstance(jobs._client, InlineClient):
        stored = [jobs._typed(job) for job in jobs._client.stored.values()]
        names = None if command is None else jobs._registry.stored_names(command)
        return [job for job in reversed(stored) if names is None or job.command in names]
    found: list[Job] = []
    before: int | None = None
    while len(found) < MOST_JOBS and (page := await jobs.list(command=command, before_id=before, limit=_PAGE)):
        there = await jobs._get_many(summary.id for summary in page)
        found += [there[summary.id] for summary in page if summary.id in there]
        before = page[-1].id
    return found
