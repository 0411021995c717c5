"""The data that crosses module borders: plain, frozen, typed."""

from dbjobs.models.job import (
    Job,
    JobError,
    JobRef,
    JobSummary,
    LogLine,
    ResponseT,
)
from dbjobs.models.observed import (
    BatchProgress,
    MinuteStat,
    NodeInfo,
    QueueInfo,
)
from dbjobs.models.options import (
    ApiCommandOptions,
    ApiOptions,
    CommandOptions,
    EnqueueManyOptions,
    EnqueueOptions,
    JobFilter,
    JobOptions,
    LiveFilter,
    ManyOptions,
    RecurringOptions,
    RunOptions,
    SubmitOptions,
    TaskOptions,
)
from dbjobs.models.retries import (
    Backoff,
    QuickRetry,
)
from dbjobs.models.runs import (
    RunLine,
    RunRecord,
    RunTimings,
)
from dbjobs.models.states import (
    FINAL_STATES,
    JobState,
)

__all__ = [
    "FINAL_STATES",
    "ApiCommandOptions",
    "ApiOptions",
    "Backoff",
    "BatchProgress",
    "CommandOptions",
    "EnqueueManyOptions",
    "EnqueueOptions",
    "Job",
    "JobError",
    "JobFilter",
    "JobOptions",
    "JobRef",
    "JobState",
    "JobSummary",
    "LiveFilter",
    "LogLine",
    "ManyOptions",
    "MinuteStat",
    "NodeInfo",
    "QueueInfo",
    "QuickRetry",
    "RecurringOptions",
    "ResponseT",
    "RunLine",
    "RunOptions",
    "RunRecord",
    "RunTimings",
    "SubmitOptions",
    "TaskOptions",
]
