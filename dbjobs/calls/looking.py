"""Look at jobs: one, a page, a search, statistics; wait for one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Unpack, cast, overload

import anyio

from dbjobs.asgi.api_jobs import ApiJobs
from dbjobs.asgi.handlers import REQUEST_TYPE
from dbjobs.calls.reference import Reference, id_of, several
from dbjobs.client.client import Client
from dbjobs.commands import options as job_options
from dbjobs.commands.registry import Registry
from dbjobs.context import (
    R,
)
from dbjobs.errors import InvalidOption, JobFailed, UnknownJob
from dbjobs.inspect import finding
from dbjobs.inspect import search as searching
from dbjobs.inspect.conditions import JobSearch
from dbjobs.inspect.estimates import Estimates
from dbjobs.inspect.finding import Found
from dbjobs.inspect.spelled import spelled_out
from dbjobs.models import (
    Job,
    JobFilter,
    JobRef,
    JobState,
    JobSummary,
    LogLine,
    MinuteStat,
    NodeInfo,
)
from dbjobs.store import repository
from dbjobs.store.repository.reading import JOB_FILTERS

if TYPE_CHECKING:
    from dbjobs.inspect.numbers import By, Stat
    from dbjobs.inspect.periods import Series
    from dbjobs.inspect.reasons import Explanation

list_ = list  # `list` below hides the builtin in the annotations that follow it


class LookCalls:
    """Calls that read."""

    _registry: Registry
    _api: ApiJobs
    _client: Client
    _estimates: Estimates

    @overload
    async def get(self, job: JobRef[R]) -> Job[R] | None: ...

    @overload
    async def get(self, job: int) -> Job | None: ...

    async def get(self, job: Reference) -> Job[Any] | None:
        """A job as it is now, live or in history; None if there is no such job (any more)."""
        id = id_of(job)
        return (await self._get_many((id,))).get(id)

    async def _get_many(self, ids: Iterable[int]) -> dict[int, Job]:
        return {id: self._typed(job) for id, job in (await self._client.get_many(ids)).items()}

    def _typed(self, job: Job) -> Job:
        command = self._registry.get(job.command)
        if command is None:
            return self._api.typed(job) if job.request_type == REQUEST_TYPE else job
        return command.typed(job)

    async def get_by_ref_id(self, ref_id: str) -> Job | None:
        """The job with this ref_id; None if there is none.

        Raises:
            InvalidOption: a ref_id is a string.
        """
        try:
            wanted = job_options.ref_id(ref_id)
        except InvalidOption as error:
            raise InvalidOption(f"get_by_ref_id: ref_id={ref_id!r} {error} (by a job's id: jobs.get)") from None
        if wanted is None:
            raise InvalidOption("get_by_ref_id: ref_id must not be None")
        found = await self._client.find_ref(ref_id)
        return None if found is None else await self.get(found)

    @overload
    async def wait(
        self, job: JobRef[R], *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job[R]: ...

    @overload
    async def wait(
        self, job: int, *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job: ...

    async def wait(
        self, job: Reference, *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job[Any]:
        """Wait until a job has ended.

        Args:
            timeout: seconds (or timedelta); None for no limit.
            raise_on_failure: raise JobFailed unless it completed.

        Returns:
            The job as it ended. Its ``response`` is of the type that the handler declares to return, if the handler
            is registered in this process; else it is decoded JSON. It is None unless the job completed.

        Raises:
            UnknownJob: there is no such job. TimeoutError. JobFailed. InvalidOption.
        """
        id = id_of(job)
        job_options.switch(raise_on_failure, "wait: raise_on_failure")
        seconds = None if timeout is None or timeout == math.inf else job_options.duration(timeout, "wait: timeout")
        try:
            with anyio.fail_after(seconds):
                ended = self._typed(await self._client.waits.job(id))
        except TimeoutError:
            raise TimeoutError(f"job {id} has not ended within {seconds:g} s") from None
        if raise_on_failure and ended.state is not JobState.COMPLETED:
            raise JobFailed(f"job {id} ({ended.command}) {ended.state}: {ended.error}")
        return ended

    async def list(
        self,
        *,
        before_id: int | None = None,
        limit: int = 50,
        history_only: bool = False,
        **filters: Unpack[JobFilter],
    ) -> list[JobSummary]:
        """A page of jobs, newest first.

        Args:
            before_id: the last id of the page before, to go on from there.
            limit: jobs per page, 1 to 1000.
            history_only: finished jobs only.
            filters: ``state``, ``queue``, ``worker``, ``command``, ``tag``, ``batch_id``, ``user_id``: jobs that
                match everything that is given.
        """
        job_options.whole(limit, "list: limit", 1, 1000)
        job_options.switch(history_only, "list: history_only")
        before = job_options.MAX_ID if before_id is None else _id(before_id, "list: before_id")
        given = _checked(filters, JOB_FILTERS, "list")
        if not all(job_options.is_storable(str(value)) for value in given.values()):
            return []
        page: list[JobSummary] = []
        command = given.get("command")
        for name in [None] if command is None else self._registry.stored_names(command):
            if name is not None:
                given["command"] = name
            page += await repository.list_jobs(
                self._client.db, before_id=before, limit=limit, history_only=history_only, **given
            )
        return sorted(page, key=lambda job: job.id, reverse=True)[:limit]

    async def find(
        self,
        *,
        limit: int = 50,
        before_id: int | None = None,
        seconds: float | timedelta = finding.LOOK_SECONDS,
        **search: Unpack[JobSearch],
    ) -> Found:
        """Look for jobs, live and in history, newest first: one bounded look, whatever is asked.

        Args:
            limit: jobs that one look returns, 1 to 1000.
            before_id: ``Found.before_id`` of the look before, to go on from there.
            seconds: about how long it may look; it then says how far back it got.
            search: conditions on any column (see JobSearch); ``**search`` passes one that is kept.

        Raises:
            InvalidOption: a column that does not exist, or a value that does not fit it.
        """
        job_options.whole(limit, "find: limit", 1, 1000)
        if before_id is not None:
            _id(before_id, "find: before_id")
        asked = searching.make(spelled_out(search, self._registry.stored_names), "find")
        longest = job_options.duration(seconds, "find: seconds")
        return await finding.look(self._client.db, asked, before_id, limit, longest)

    async def explain(self, job: Reference | str) -> Explanation:
        """Why a job does not run, or what it does or did.

        Args:
            job: a JobRef, its id, or its ref_id.

        Returns:
            Reasons with their codes, sentences and facts; what must change first comes first.

        Raises:
            UnknownJob: there is no such job.
        """
        if isinstance(job, str):
            found = await self.get_by_ref_id(job)
        else:
            found = await self.get(id_of(job))
        if found is None:
            raise UnknownJob(f"there is no job {job!r}")
        from dbjobs.inspect.explain import explain  # for people: most processes never ask

        return await explain(self._client.db, found)

    async def estimates(self, jobs: Iterable[Job[Any] | JobSummary | Reference]) -> dict[int, float]:
        """How far running jobs may be whose handlers have reported no progress, by job id.

        The time since such a job's start, over the mean run time of the same command on the same named worker, else
        of the command; below 1. A job that is not running, has reported its progress, or whose command has never
        ended before has no estimate.

        Args:
            jobs: what ``get``, ``list`` or ``find`` gave; one statement for all of them, and none again for 10 s. A
                JobRef or an id will do, too; these are looked up first.

        Raises:
            InvalidOption: one of them names no job.
        """
        given = several(jobs, "estimates")
        ids = [id_of(job) for job in given if not isinstance(job, Job | JobSummary)]
        found = (await self._client.get_many(ids)).values() if ids else ()
        return await self._estimates.of([*(job for job in given if isinstance(job, Job | JobSummary)), *found])

    async def logs(self, job: Reference, *, after_id: int = 0, limit: int = 1000) -> list_[LogLine]:
        """Log lines of a job, oldest first, after a line's id.

        Args:
            after_id: the last id of the page before, to go on from there.
            limit: lines of a page, 1 to 100,000.

        Raises:
            InvalidOption.
        """
        id = id_of(job)
        _id(after_id, "logs: after_id")
        job_options.whole(limit, "logs: limit", 1, 100_000)
        return await repository.list_logs(self._client.db, id, after_id, limit)

    async def nodes(self) -> list_[NodeInfo]:
        """The processes that work on jobs."""
        return await repository.list_nodes(self._client.db)

    @overload
    async def stats(self, *, seconds: float | timedelta = 3600) -> list_[MinuteStat]: ...

    @overload
    async def stats(
        self,
        *,
        by: By | None,
        seconds: float | timedelta = 3600,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list_[Stat]: ...

    async def stats(
        self,
        *,
        by: Any = "minute",
        seconds: float | timedelta = 3600,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list_[Any]:
        """What ended, and how long it waited and ran, from the roll-ups: no jobs are counted.

        Args:
            by: ``"queue"``, ``"command"`` or ``"worker"``; None for all together. Left out: counts of each minute (an
                hour, for what is older than two days; a day, after 15), queue and command.
            seconds: how far back, in seconds or as a timedelta.
            since: from this moment on, in place of ``seconds``.
            until: up to this moment, itself not included; up to now if None. Both are widened to minutes, to hours
                (for what began more than three hours ago), or to days (UTC; 14 days).

        Raises:
            InvalidOption: ``by`` is none of these; a moment without a zone, or a period that ends before it begins.
        """
        if by == "minute":
            if since is not None or until is not None:
                raise InvalidOption("stats: since and until need by='queue', 'command', 'worker' or None")
            return await repository.list_stats(self._client.db, job_options.duration(seconds, "stats: seconds"))
        from dbjobs.inspect import numbers, periods  # for people, as above

        _, time = await periods.asked(self._client.db, seconds if since is None else since, until, "stats")
        return await numbers.stats(self._client.db, by, time)

    async def series(
        self,
        since: datetime | float | timedelta = 3600,
        until: datetime | None = None,
        *,
        queue: str | None = None,
        command: str | None = None,
        worker: str | None = None,
    ) -> Series:
        """What ended in a period, in at most 120 buckets: for a chart. From the roll-ups, like ``stats``.

        Args:
            since: a moment, or how long ago, in seconds or as a timedelta.
            until: up to this moment, itself not included; up to now if None.
            queue, command, worker: of this one only.

        Raises:
            InvalidOption: a moment without a zone, or a period that ends before it begins.
        """
        from dbjobs.inspect import periods  # for people, as above

        for name, value in (("queue", queue), ("command", command), ("worker", worker)):
            if value is not None and not job_options.is_storable(job_options.words(value, f"series: {name}")):
                raise InvalidOption(f"series: {name}={value!r} is not a name")
        _, time = await periods.asked(self._client.db, since, until, "series")
        return await periods.series(self._client.db, time, queue=queue, command=command, worker=worker)

    async def counts(self, *, bound: int = 10_000) -> dict[tuple[str, str], int]:
        """Live jobs by (queue, state), each state counted over at most ``bound`` rows, queue by queue."""
        job_options.whole(bound, "counts: bound", 1, 1_000_000)
        return await repository.count_live(self._client.db, bound)


def _id(value: int, name: str) -> int:
    return job_options.whole(value, name, 0, job_options.MAX_ID)


def _checked(filters: JobFilter, known: tuple[str, ...], where: str) -> JobFilter:
    """The filters that are given, with the state as one of JobState.

    Raises:
        InvalidOption: one that is not known; a state that does not exist.
    """
    for name in filters:
        if name not in known:
            raise InvalidOption(f"{where}: there is no filter {name!r}; known filters are {', '.join(known)}")
    given: Any = {name: value for name, value in filters.items() if value is not None}
    for name, value in given.items():
        job_options.words(value, f"{where}: {name}")
    if "state" in given:
        given["state"] = _state(given["state"])
    return cast(JobFilter, given)


def _state(state: JobState | str) -> JobState:
    try:
        return JobState(state)
    except ValueError:
        raise InvalidOption(f"state={state!r} must be one of {', '.join(JobState)}") from None
