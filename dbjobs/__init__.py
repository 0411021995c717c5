"""dbjobs: durable background jobs in the database you already have.

A name is imported from its module when it is first asked for: ``from dbjobs import Jobs`` loads what `Jobs` needs, the
command line starts without it, and ``import dbjobs`` alone loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbjobs.asgi.response import ApiResponse
    from dbjobs.batches import Batch
    from dbjobs.commands.registry import Command
    from dbjobs.context import JobContext
    from dbjobs.engine.transient.run import Run
    from dbjobs.errors import (
        ApiFailed,
        AttemptLost,
        Cancel,
        DatabaseError,
        DatabaseUnavailable,
        DbjobsError,
        HandlerProcessError,
        InvalidOption,
        InvalidRequest,
        InvalidResponse,
        InvalidUrl,
        JobFailed,
        MissingDriver,
        MissingPermission,
        NotDelivered,
        NotRunning,
        NotStored,
        PayloadTooLarge,
        RefIdBusy,
        RefIdExists,
        RetryAfter,
        RunCancelled,
        SchemaTooNew,
        SchemaTooOld,
        TooManyRuns,
        UnknownCommand,
        UnknownJob,
        UnknownTask,
        UnknownUser,
        WorkersStopped,
        WrongLoop,
    )
    from dbjobs.graphs import Graph, GraphJob
    from dbjobs.inspect.conditions import JobSearch, Where
    from dbjobs.inspect.finding import Found
    from dbjobs.inspect.meaning import search_of
    from dbjobs.inspect.numbers import Counts, NodeStat, Stat, WorkerStat, WorkerStats
    from dbjobs.inspect.periods import Bucket, Series
    from dbjobs.inspect.reasons import Explanation, Reason, ReasonCode
    from dbjobs.inspect.spreads import Spread
    from dbjobs.inspect.workers import WorkerAdmin
    from dbjobs.job_log import JobLogHandler
    from dbjobs.jobs import Jobs
    from dbjobs.log_filter import JobFilter
    from dbjobs.models import (
        ApiCommandOptions,
        ApiOptions,
        Backoff,
        BatchProgress,
        CommandOptions,
        EnqueueManyOptions,
        EnqueueOptions,
        Job,
        JobError,
        JobOptions,
        JobRef,
        JobState,
        JobSummary,
        LogLine,
        NodeInfo,
        QueueInfo,
        QuickRetry,
        RecurringOptions,
        RunLine,
        RunOptions,
        RunRecord,
        RunTimings,
        SubmitOptions,
        TaskOptions,
    )
    from dbjobs.notifications import DeliveryOptions, Notifier, ReplyTo
    from dbjobs.schedule import Schedule
    from dbjobs.scheduled import ScheduledTask, TaskRun
    from dbjobs.transaction import Transaction
    from dbjobs.users import current_user

__version__ = "0.1.0"

__all__ = [
    "ApiCommandOptions",
    "ApiFailed",
    "ApiOptions",
    "ApiResponse",
    "AttemptLost",
    "Backoff",
    "Batch",
    "BatchProgress",
    "Bucket",
    "Cancel",
    "Command",
    "CommandOptions",
    "Counts",
    "DatabaseError",
    "DatabaseUnavailable",
    "DbjobsError",
    "DeliveryOptions",
    "EnqueueManyOptions",
    "EnqueueOptions",
    "Explanation",
    "Found",
    "Graph",
    "GraphJob",
    "HandlerProcessError",
    "InvalidOption",
    "InvalidRequest",
    "InvalidResponse",
    "InvalidUrl",
    "Job",
    "JobContext",
    "JobError",
    "JobFailed",
    "JobFilter",
    "JobLogHandler",
    "JobOptions",
    "JobRef",
    "JobSearch",
    "JobState",
    "JobSummary",
    "Jobs",
    "LogLine",
    "MissingDriver",
    "MissingPermission",
    "NodeInfo",
    "NodeStat",
    "NotDelivered",
    "NotRunning",
    "NotStored",
    "Notifier",
    "PayloadTooLarge",
    "QueueInfo",
    "QuickRetry",
    "Reason",
    "ReasonCode",
    "RecurringOptions",
    "RefIdBusy",
    "RefIdExists",
    "ReplyTo",
    "RetryAfter",
    "Run",
    "RunCancelled",
    "RunLine",
    "RunOptions",
    "RunRecord",
    "RunTimings",
    "Schedule",
    "ScheduledTask",
    "SchemaTooNew",
    "SchemaTooOld",
    "Series",
    "Spread",
    "Stat",
    "SubmitOptions",
    "TaskOptions",
    "TaskRun",
    "TooManyRuns",
    "Transaction",
    "UnknownCommand",
    "UnknownJob",
    "UnknownTask",
    "UnknownUser",
    "Where",
    "WorkerAdmin",
    "WorkerStat",
    "WorkerStats",
    "WorkersStopped",
    "WrongLoop",
    "current_user",
    "search_of",
]

# Where each name is at home: the same as the imports for type checkers above.
_HOMES = {
    "ApiResponse": "dbjobs.asgi.response",
    "Batch": "dbjobs.batches",
    "Command": "dbjobs.commands.registry",
    "JobContext": "dbjobs.context",
    "Run": "dbjobs.engine.transient.run",
    "ApiFailed": "dbjobs.errors",
    "AttemptLost": "dbjobs.errors",
    "Cancel": "dbjobs.errors",
    "DatabaseError": "dbjobs.errors",
    "DatabaseUnavailable": "dbjobs.errors",
    "DbjobsError": "dbjobs.errors",
    "HandlerProcessError": "dbjobs.errors",
    "InvalidOption": "dbjobs.errors",
    "InvalidRequest": "dbjobs.errors",
    "InvalidResponse": "dbjobs.errors",
    "InvalidUrl": "dbjobs.errors",
    "JobFailed": "dbjobs.errors",
    "MissingDriver": "dbjobs.errors",
    "MissingPermission": "dbjobs.errors",
    "NotDelivered": "dbjobs.errors",
    "NotRunning": "dbjobs.errors",
    "NotStored": "dbjobs.errors",
    "PayloadTooLarge": "dbjobs.errors",
    "RefIdBusy": "dbjobs.errors",
    "RefIdExists": "dbjobs.errors",
    "RetryAfter": "dbjobs.errors",
    "RunCancelled": "dbjobs.errors",
    "SchemaTooNew": "dbjobs.errors",
    "SchemaTooOld": "dbjobs.errors",
    "TooManyRuns": "dbjobs.errors",
    "UnknownCommand": "dbjobs.errors",
    "UnknownJob": "dbjobs.errors",
    "UnknownTask": "dbjobs.errors",
    "UnknownUser": "dbjobs.errors",
    "WorkersStopped": "dbjobs.errors",
    "WrongLoop": "dbjobs.errors",
    "Graph": "dbjobs.graphs",
    "GraphJob": "dbjobs.graphs",
    "JobSearch": "dbjobs.inspect.conditions",
    "Where": "dbjobs.inspect.conditions",
    "Found": "dbjobs.inspect.finding",
    "search_of": "dbjobs.inspect.meaning",
    "Counts": "dbjobs.inspect.numbers",
    "NodeStat": "dbjobs.inspect.numbers",
    "Stat": "dbjobs.inspect.numbers",
    "WorkerStat": "dbjobs.inspect.numbers",
    "WorkerStats": "dbjobs.inspect.numbers",
    "Bucket": "dbjobs.inspect.periods",
    "Series": "dbjobs.inspect.periods",
    "Explanation": "dbjobs.inspect.reasons",
    "Reason": "dbjobs.inspect.reasons",
    "ReasonCode": "dbjobs.inspect.reasons",
    "Spread": "dbjobs.inspect.spreads",
    "WorkerAdmin": "dbjobs.inspect.workers",
    "JobLogHandler": "dbjobs.job_log",
    "Jobs": "dbjobs.jobs",
    "JobFilter": "dbjobs.log_filter",
    "ApiCommandOptions": "dbjobs.models",
    "ApiOptions": "dbjobs.models",
    "Backoff": "dbjobs.models",
    "BatchProgress": "dbjobs.models",
    "CommandOptions": "dbjobs.models",
    "EnqueueManyOptions": "dbjobs.models",
    "EnqueueOptions": "dbjobs.models",
    "Job": "dbjobs.models",
    "JobError": "dbjobs.models",
    "JobOptions": "dbjobs.models",
    "JobRef": "dbjobs.models",
    "JobState": "dbjobs.models",
    "JobSummary": "dbjobs.models",
    "LogLine": "dbjobs.models",
    "NodeInfo": "dbjobs.models",
    "QueueInfo": "dbjobs.models",
    "QuickRetry": "dbjobs.models",
    "RecurringOptions": "dbjobs.models",
    "RunLine": "dbjobs.models",
    "RunOptions": "dbjobs.models",
    "RunRecord": "dbjobs.models",
    "RunTimings": "dbjobs.models",
    "SubmitOptions": "dbjobs.models",
    "TaskOptions": "dbjobs.models",
    "DeliveryOptions": "dbjobs.notifications",
    "Notifier": "dbjobs.notifications",
    "ReplyTo": "dbjobs.notifications",
    "Schedule": "dbjobs.schedule",
    "ScheduledTask": "dbjobs.scheduled",
    "TaskRun": "dbjobs.scheduled",
    "Transaction": "dbjobs.transaction",
    "current_user": "dbjobs.users",
}

if not TYPE_CHECKING:  # a type checker would take every name for one of ours

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(home), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
