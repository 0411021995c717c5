"""Options of jobs, commands, tasks and transient runs, and the filters of lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

from dbjobs.models.job import JobRef
from dbjobs.models.retries import Backoff
from dbjobs.models.states import JobState


class CommandOptions(TypedDict, total=False):
    """Options that all jobs of a command may share: the defaults that ``@jobs.command`` takes.

    Attributes:
        worker: name of a serial lane; jobs with the same name run one at a time, over all nodes.
        queue: class of work; ``"default"`` if unnamed.
        priority: lower runs first; 0 by default.
        callback: command (name or handler) run with the response after success.
        depends_on_policy: ``"completed"`` (default) or ``"finished"`` (run however they ended).
        user_id: for whom the job runs.
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
    """Options of a scheduled task, in addition to those of its jobs.

    Attributes:
        misfire: what to do about runs that were missed because no node was there: ``"one"`` (default) makes up for all
            of them by one, ``"all"`` by one for each (the latest 100), ``"none"`` by none.
        overlap: ``"allow"`` (default), or ``"skip"``: a run is left out while one before it has not ended.
        jitter: each run is delayed by up to this many seconds (or timedelta), at random.
        start, end: aware datetimes; no run is earlier, or later. An interval is counted from ``start``.
        run_at_once: when it is first stored, it runs at once, too.
        transient: each run is a transient one, on the node that fires it, and not stored as a job: it is not retried,
            and lost with its process. It takes only the options of ``Jobs.run``. ``run_now`` makes a job even so.
    """

    misfire: Literal["one", "all", "none"]
    overlap: Literal["allow", "skip"]
    jitter: float | timedelta
    start: datetime | None
    end: datetime | None
    run_at_once: bool
    transient: bool


class RecurringOptions(TaskOptions, total=False):
    """What ``recurring`` takes in addition to the schedule.

    Attributes:
        name: of the task; by default that of its command.
        request: what each of its jobs gets; must fit the type that the command declares.
    """

    name: str
    request: Any


class ManyOptions(CommandOptions, total=False):
    """Options of ``enqueue_many``: the same for all its jobs.

    Attributes:
        batch_id: free text that jobs share, so that they are counted together (see ``Jobs.batch``).
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
    """What ``enqueue`` takes in addition to the command and its request.

    Attributes:
        connection: the caller's own connection; the job becomes part of its transaction.
        on_conflict: for an existing ref_id: ``"return"`` the existing job or ``"raise"``.
    """

    connection: Any
    on_conflict: Literal["return", "raise"]


class EnqueueManyOptions(ManyOptions, total=False):
    """What ``enqueue_many`` takes in addition to the command and the requests.

    Attributes:
        connection: the caller's own connection; the jobs become part of its transaction.
    """

    connection: Any


class ApiOptions(EnqueueOptions, total=False):
    """What ``enqueue_api`` takes in addition to a method and a path.

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
        should_retry: ``(job, error) -> bool``, asked after a failure, in addition to the retry limit.
        keep_body: keep the bodies of a route's answers; without them an answer may have any size.
        max_response_bytes: the largest one; at most, and by default, ``max_payload_bytes``.
    """

    should_retry: Callable[[Any, BaseException], bool]
    keep_body: bool
    max_response_bytes: int


class RunOptions(TypedDict, total=False):
    """Options of a transient run (``Jobs.run``); those of stored jobs make no sense here.

    Attributes:
        worker: name of a serial lane: it does not run beside this node's jobs and runs of the same name.
        exclusive: take the lane over all nodes; needs ``worker`` and a started node.
        timeout: seconds (or timedelta) that the handler may run, its waiting not counted; 0 for no limit.
        callback: command (name or handler) run with the response after success, before the run is over.
        user_id: for whom it runs.
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
    """What ``submit`` takes in addition to the command and its request.

    Attributes:
        on_success: called with the response; plain or async.
        on_failed: called with the error, a cancellation included; plain or async.
    """

    on_success: Callable[[Any], Any] | None
    on_failed: Callable[[BaseException], Any] | None


class LiveFilter(TypedDict, total=False):
    """Which live jobs: those that match everything that is given.

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
    """Which jobs, live or in history: those that match everything that is given.

    Attributes:
        state: any state; finished ones are in the history.
        command: name of their command.
        user_id: for whom they were enqueued.
    """

    command: str | None
    user_id: str | None
