"""The data that crosses module borders: plain, frozen, typed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypedDict, cast

import msgspec

from dbjobs.errors import InvalidOption, InvalidRequest, InvalidResponse

if TYPE_CHECKING:
    # Type checkers know this module without its being installed; a plain ``JobRef`` is then a ``JobRef[Any]``.
    from typing_extensions import TypeVar

    ResponseT = TypeVar("ResponseT", covariant=True, default=Any)
    T = TypeVar("T")
else:
    from typing import TypeVar

    ResponseT = TypeVar("ResponseT", covariant=True)
    T = TypeVar("T")


class JobState(StrEnum):
    """Where a job is in its life. The last three are final."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    QUEUED = "queued"
    STARTED = "started"
    EXECUTED = "executed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        """True for ``completed``, ``failed`` and ``cancelled``."""
        return self in FINAL_STATES


FINAL_STATES = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


@dataclass(frozen=True, init=False)
class Backoff:
    """When a failed attempt is tried again: ``first_seconds * factor ** (failures - 1)``, capped.

    Attributes:
        first_seconds: delay after the first failure, in seconds or as a timedelta.
        factor: growth per further failure, >= 1.
        max_seconds: upper bound of the delay, in seconds or as a timedelta.
        jitter: fraction in [0, 1] by which a delay is shortened or stretched at random, so that
            jobs which failed together do not come back together.

    Raises:
        InvalidOption: a setting of another name.
    """

    first_seconds: float = 2.0
    factor: float = 3.0
    max_seconds: float = 3600.0
    jitter: float = 0.2

    if not TYPE_CHECKING:  # type checkers know the fields; everybody else is told them

        def __new__(cls, *_: Any, **given: Any) -> Self:
            """Name the fields to those who guess one."""
            for name in given:
                if name not in cls.__dataclass_fields__:
                    known = ", ".join(cls.__dataclass_fields__)
                    raise InvalidOption(f"Backoff: there is no setting {name!r}; the settings are {known}")
            return super().__new__(cls)

    def __init__(
        self,
        *,
        first_seconds: float | timedelta = 2.0,
        factor: float = 3.0,
        max_seconds: float | timedelta = 3600.0,
        jitter: float = 0.2,
    ) -> None:
        given = {"first_seconds": first_seconds, "factor": factor, "max_seconds": max_seconds, "jitter": jitter}
        for name, value in given.items():
            object.__setattr__(self, name, value.total_seconds() if isinstance(value, timedelta) else value)


@dataclass(frozen=True, kw_only=True)
class QuickRetry:
    """Tries again at once, inside the same attempt: for the errors that are over in a moment.

    The pause before the second retry is a random part (full jitter) of ``base_seconds``, before the third of twice as
    much, and so on. The job's timeout is for all tries together.

    Attributes:
        times: how often it is tried again, at least 1.
        first_seconds: the pause before the first retry is a random part of it; 0: at once.
        base_seconds: see above.
        max_seconds: no pause is longer.
        never: errors that would only come again.

    Raises:
        InvalidOption: a setting is out of range.
    """

    times: int = 3
    first_seconds: float = 0.0
    base_seconds: float = 0.1
    max_seconds: float = 60.0
    never: tuple[type[Exception], ...] = (ValueError, TypeError)

    def __post_init__(self) -> None:
        if isinstance(self.times, bool) or not isinstance(self.times, int) or not 1 <= self.times <= 1000:
            raise InvalidOption(f"QuickRetry: times={self.times!r} must be a whole number between 1 and 1000")
        for name in ("first_seconds", "base_seconds", "max_seconds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise InvalidOption(f"QuickRetry: {name}={value!r} must be a number of seconds >= 0")
        if not isinstance(self.never, tuple) or not all(_is_error(kind) for kind in self.never):
            raise InvalidOption(f"QuickRetry: never={self.never!r} must be a tuple of classes of errors")

    def pause(self, retry: int) -> float:
        """Seconds to wait before a retry, counted from 1."""
        longest = self.first_seconds if retry == 1 else self.base_seconds * 2.0 ** min(retry - 2, 64)
        return random.uniform(0.0, min(longest, self.max_seconds))


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)


class CommandOptions(TypedDict, total=False):
    """Options that all jobs of a command may share: the defaults that ``@jobs.command`` takes.

    Attributes:
        worker: name of a serial lane; jobs with the same name run one at a time, over all nodes.
        queue: class of work; ``"default"`` if unnamed.
        priority: lower runs first; 0 by default.
        callback: command (name or handler) run with the response after success.
        depends_on_policy: ``"completed"`` (default) or ``"finished"`` (run whatever became of them).
        user_id: whom the job runs for.
        run_after: a delay (timedelta, seconds) or a moment (aware datetime) before which it does not run.
        retry_limit: how often it may be tried again after a failure; attempts <= retry_limit + 1.
        retry: backoff policy between attempts.
        on_failure: for a named worker: ``"block"`` (a retry keeps its place at the head of the
            lane) or ``"skip"`` (the next job passes it).
        timeout: seconds (or timedelta) that one attempt may run; 0 for no limit.
        tag, created_by: free text, kept with the job.
        reply_to: free text, kept with the job; a notifier for its scheme tells it of the job's end (``Jobs.notifier``).
        expires_after: seconds (or timedelta) after which a job that has not started is cancelled.
        args: small text parameters, dict[str, str].
        meta: any JSON object, kept with the job.
    """

    worker: str | None
    queue: str
    priority: int
    callback: Any
    depends_on_policy: Literal["completed", "finished"]
    user_id: str | None
    run_after: timedelta | datetime | float | None
    retry_limit: int
    retry: Backoff
    on_failure: Literal["block", "skip"]
    timeout: float | timedelta
    tag: str | None
    created_by: str | None
    reply_to: str | None
    expires_after: float | timedelta | None
    args: Mapping[str, str]
    meta: Mapping[str, Any]


class TaskOptions(CommandOptions, total=False):
    """Options of a scheduled task, beside those of its jobs.

    Attributes:
        misfire: what to do about runs that were missed because nobody was there: ``"one"`` (default) makes up for all
            of them by one, ``"all"`` by one for each (the latest 100), ``"none"`` lets them be.
        overlap: ``"allow"`` (default), or ``"skip"``: a run is left out while one before it has not ended.
        jitter: each run is put off by up to this many seconds (or timedelta), at random.
        start, end: aware datetimes; no run is earlier, or later. An interval is counted from ``start``.
        run_at_once: when it is first stored, it runs at once, too.
        transient: each run is a transient one, on the node that fires it, and not stored as a job: it is not retried,
            and lost with its process. It takes the options of ``Jobs.run`` alone. ``run_now`` makes a job all the same.
    """

    misfire: Literal["one", "all", "none"]
    overlap: Literal["allow", "skip"]
    jitter: float | timedelta
    start: datetime | None
    end: datetime | None
    run_at_once: bool
    transient: bool


class RecurringOptions(TaskOptions, total=False):
    """What ``recurring`` takes beside the schedule.

    Attributes:
        name: of the task; by default that of its command.
        request: what each of its jobs gets; must fit the type that the command declares.
    """

    name: str
    request: Any


class ManyOptions(CommandOptions, total=False):
    """Options of ``enqueue_many``: the same for all its jobs.

    Attributes:
        batch_id: free text that jobs share, whose counts are kept (see ``Jobs.batch``).
        parent_id: the job that enqueued these (set by itself inside a handler).
    """

    batch_id: str | None
    parent_id: int | None


class JobOptions(ManyOptions, total=False):
    """Options of one job.

    Attributes:
        depends_on: a job or several (JobRef, id, or ref_id) that must be completed first.
        ref_id: the caller's own unique key, over live jobs and history.
    """

    depends_on: JobRef | int | str | Sequence[JobRef | int | str] | None
    ref_id: str | None


class EnqueueOptions(JobOptions, total=False):
    """What ``enqueue`` takes beside the command and its request.

    Attributes:
        connection: the caller's own connection, whose transaction the job becomes part of.
        on_conflict: for an existing ref_id: ``"return"`` the existing job or ``"raise"``.
    """

    connection: Any
    on_conflict: Literal["return", "raise"]


class EnqueueManyOptions(ManyOptions, total=False):
    """What ``enqueue_many`` takes beside the command and the requests.

    Attributes:
        connection: the caller's own connection, whose transaction the jobs become part of.
    """

    connection: Any


class ApiOptions(EnqueueOptions, total=False):
    """What ``enqueue_api`` takes beside a method and a path.

    Attributes:
        json: the body, as anything that can be written as JSON.
        form: the body, as the fields of a form.
        body: the body, as text or bytes.
        query: the query string, or its names and values (a sequence for one that comes several times).
        headers: names and values. They are stored with the job: no secrets (see ``mount_api``).
    """

    json: Any
    form: Mapping[str, Any]
    body: str | bytes
    query: str | Mapping[str, Any] | Sequence[tuple[str, Any]]
    headers: Mapping[str, str] | Sequence[tuple[str, str]]


class ApiCommandOptions(CommandOptions, total=False):
    """What ``api_options`` takes: options that all jobs of a route or request type share.

    Attributes:
        should_retry: ``(job, error) -> bool``, asked after a failure beside the retry limit.
        keep_body: keep the bodies of a route's answers; without them an answer may have any size.
        max_response_bytes: the largest one; at most, and by default, ``max_payload_bytes``.
    """

    should_retry: Callable[[Any, BaseException], bool]
    keep_body: bool
    max_response_bytes: int


class RunOptions(TypedDict, total=False):
    """Options of a transient run (``Jobs.run``); those of stored jobs make no sense here.

    Attributes:
        worker: name of a serial lane: not beside this node's jobs and runs of the same name.
        exclusive: take the lane over all nodes; needs ``worker`` and a started node.
        timeout: seconds (or timedelta) that the handler may run, its waiting not counted; 0 for no limit.
        callback: command (name or handler) run with the response after success, before the run is over.
        user_id: whom it runs for.
        tag, created_by: free text.
        args: small text parameters, dict[str, str].
        meta: any JSON object.
    """

    worker: str | None
    exclusive: bool
    timeout: float | timedelta
    callback: Any
    user_id: str | None
    tag: str | None
    created_by: str | None
    args: Mapping[str, str]
    meta: Mapping[str, Any]


class SubmitOptions(RunOptions, total=False):
    """What ``submit`` takes beside the command and its request.

    Attributes:
        on_success: called with the response; plain or async.
        on_failed: called with the error, a cancellation included; plain or async.
    """

    on_success: Callable[[Any], Any] | None
    on_failed: Callable[[BaseException], Any] | None


class LiveFilter(TypedDict, total=False):
    """Which live jobs: those that fit all that is given.

    Attributes:
        state: scheduled, waiting, queued, started or executed.
        queue: name of their queue.
        worker: name of their worker.
        tag: their tag.
        batch_id: their batch.
    """

    state: JobState | str | None
    queue: str | None
    worker: str | None
    tag: str | None
    batch_id: str | None


class JobFilter(LiveFilter, total=False):
    """Which jobs, live or in history: those that fit all that is given.

    Attributes:
        state: any state; finished ones are in the history.
        command: name of their command.
        user_id: whom they were enqueued for.
    """

    command: str | None
    user_id: str | None


class JobRef(msgspec.Struct, Generic[ResponseT], frozen=True):
    """What an enqueue returns; ``JobRef[str]`` if the command's handler returns a str.

    Attributes:
        id: the job's number, given by the database.
        ref_id: the caller's key, if one was given.
        created: False if a job with this ref_id existed already; ``id`` is then that job's.
    """

    id: int
    ref_id: str | None = None
    created: bool = True


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """One failed attempt, as kept in ``Job.errors``.

    Attributes:
        at: when it failed, in UTC by the node's clock; None in a row of an earlier release that did not note it.
        attempt: its number.
        node_id: the node that ran it.
        code: the class of the error, or a word of ours: ``timeout``, ``cancelled``, ``node_lost``, ``retry_after``.
        message: the error's text.
        traceback: where it was raised, if it was raised in Python.
        status: the HTTP status that an API job was answered with.
        body: the beginning of that answer's body, as text.
        fields: what the answer says of single fields of the request (of a 422, for example), by field.
    """

    at: datetime | None
    attempt: int
    node_id: int | None
    code: str
    message: str
    traceback: str | None = None
    status: int | None = None
    body: str | None = None
    fields: dict[str, str] = msgspec.field(default_factory=dict)


class Job(msgspec.Struct, Generic[ResponseT], frozen=True, kw_only=True):
    """A job as the database holds it; see JobOptions for the caller's options.

    Times are UTC by the database's clock. ``request`` is decoded JSON. ``response`` is None unless the handler has
    succeeded (a job whose callback has given up keeps it); where its command is registered in this process, it is of
    the type that the handler declares to return, else decoded JSON. ``reply_to`` has its secrets masked.
    """

    id: int
    ref_id: str | None
    parent_id: int | None
    worker: str | None
    queue: str
    priority: int
    tag: str | None
    batch_id: str | None
    callback: str | None
    depends_on: tuple[int, ...]
    run_after: datetime | None
    expires_at: datetime | None
    created_at: datetime
    created_by: str | None
    user_id: str | None
    request_type: str
    command: str
    request_name: str | None
    request: Any
    response: ResponseT
    state: JobState
    started_at: datetime | None
    completed_at: datetime | None
    retry_limit: int
    attempt: int
    duration_ms: float | None
    timeout_seconds: float
    progress: float | None
    status: str | None
    reply_to: str | None
    error_code: str | None
    error: str | None
    errors: tuple[JobError, ...]
    args: dict[str, str]
    meta: dict[str, Any]
    cancel_requested_at: datetime | None
    node_id: int | None

    @property
    def finished(self) -> bool:
        """True once the job is completed, failed or cancelled."""
        return self.state.finished

    @property
    def notified_at(self) -> datetime | None:
        """When its callback had succeeded, which completed the job; None without a callback, or before."""
        return self.completed_at if self.callback is not None and self.state is JobState.COMPLETED else None

    def request_as(self, kind: type[T]) -> T:
        """The request as a type: a dataclass, a Struct, a pydantic model, or a plain one such as ``list[int]``.

        Raises:
            InvalidRequest: it does not fit.
        """
        try:
            return _as(self.request, kind)
        except Exception as error:  # msgspec's and pydantic's have different roots
            raise InvalidRequest(f"job {self.id} ({self.command}): its request does not fit {kind}: {error}") from error

    def response_as(self, kind: type[T]) -> T:
        """The response as a type (see ``request_as``); None, where there is none, fits no type but an optional one.

        Raises:
            InvalidResponse: it does not fit.
        """
        try:
            return _as(self.response, kind)
        except Exception as error:
            raise InvalidResponse(
                f"job {self.id} ({self.command}, {self.state}): its response does not fit {kind}: {error}"
            ) from error


def _as(value: Any, kind: type[T]) -> T:
    """A value from JSON, or one that has its declared type already, as a type."""
    if type(value) is kind:
        return value
    plain = msgspec.to_builtins(value, enc_hook=_plain_model, str_keys=True)
    if hasattr(kind, "model_validate"):
        return cast(T, _model(kind, plain))
    return msgspec.convert(plain, kind, dec_hook=_model, str_keys=True)


def _plain_model(value: Any) -> Any:
    if hasattr(type(value), "model_dump"):  # pydantic
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a value of type {type(value).__name__} cannot be converted")


def _model(kind: Any, value: Any) -> Any:
    if hasattr(kind, "model_validate"):
        # As JSON, so that a strict model takes a date's text, too.
        return kind.model_validate_json(msgspec.json.encode(value))
    raise NotImplementedError(f"{kind} cannot be read from JSON")


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job list: the short columns of the ``job_summary`` view."""

    id: int
    ref_id: str | None
    queue: str
    worker: str | None
    command: str
    state: JobState
    priority: int
    tag: str | None
    batch_id: str | None
    user_id: str | None
    attempt: int
    created_at: datetime
    run_after: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: float | None
    progress: float | None
    status: str | None
    error_code: str | None
    error: str | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that a handler logged."""

    id: int
    job_id: int
    attempt: int
    at: datetime
    level: str
    message: str


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A running process that works on jobs."""

    id: int
    name: str
    started_at: datetime
    last_seen_at: datetime
    lease_expires_at: datetime
    alive: bool
    info: dict[str, Any]
    buried: bool = False


class QueueInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's settings."""

    queue: str
    paused: bool
    concurrency: int | None


class BatchProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch is; ``total`` grows while jobs are still being added."""

    batch_id: str
    total: int
    completed: int
    failed: int
    cancelled: int
    created_at: datetime

    @property
    def finished(self) -> bool:
        """True when every job enqueued so far has ended."""
        return self.completed + self.failed + self.cancelled >= self.total


class MinuteStat(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes of one minute, by queue and command."""

    minute: datetime
    queue: str
    command: str
    completed: int
    failed: int
    cancelled: int
    retried: int
    duration_ms: float


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that the handler of a transient run logged."""

    at: datetime
    level: str
    message: str


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A transient run that has ended, as this process remembers it.

    Attributes:
        id: its number in this process.
        worker: the lane it ran in, if any.
        state: completed, failed or cancelled.
        submitted_at, started_at, ended_at: in UTC by this process's clock; it may have ended before it started.
        duration_ms: how long its handler ran.
        request: its JSON; None if there was none, or it was longer than 10,000 characters.
        error_code: the class of the error, or a word of ours: ``timeout``, ``cancelled``.
    """

    id: int
    command: str
    worker: str | None
    tag: str | None
    user_id: str | None
    state: JobState
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime
    duration_ms: float | None
    request: str | None
    error_code: str | None
    error: str | None
    traceback: str | None


class RunTimings(msgspec.Struct, frozen=True, kw_only=True):
    """What the transient runs of one command took, since the process began.

    Attributes:
        count: runs that have started and ended, however they ended.
        failed: those that failed.
        cancelled: those that were cancelled.
        total_ms, min_ms, max_ms, mean_ms: of all of them.
        median_ms: of the latest 1,000.
        last_error: text of the latest failure.
    """

    command: str
    count: int
    failed: int
    cancelled: int
    total_ms: float
    min_ms: float
    max_ms: float
    mean_ms: float
    median_ms: float
    last_error: str | None
