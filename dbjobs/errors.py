"""Every error that dbjobs raises. Each names the thing that was wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any


class DbjobsError(Exception):
    """Base of all errors raised by this library."""


# --- what the caller passed ---------------------------------------------------------------------


class InvalidOption(DbjobsError):
    """An option of a job, a command or a start is unknown, of the wrong type or out of range."""


class InvalidUrl(DbjobsError):
    """A database URL cannot be understood."""


class UnknownCommand(DbjobsError):
    """A command name is not registered in this process."""


class InvalidRequest(DbjobsError):
    """A request cannot be serialised, or does not fit the type that its command declares."""


class InvalidResponse(DbjobsError):
    """A response cannot be serialised; its job has failed, and is not tried again: the work is done."""


class PayloadTooLarge(DbjobsError):
    """A serialised request or response is larger than ``max_payload_bytes``."""


class UnknownJob(DbjobsError):
    """No job, live or in history, has this id or ref_id."""


class UnknownTask(DbjobsError):
    """No scheduled task has this name."""


class RefIdExists(DbjobsError):
    """The ref_id is taken and the caller asked for ``on_conflict="raise"``."""


# --- the database -------------------------------------------------------------------------------


class DatabaseError(DbjobsError):
    """The database refused a statement."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or went away in the middle of a statement.

    For a write this means *unknown*, unless ``in_doubt`` is False: it may or may not have been committed. An
    enqueue with an explicit ``ref_id`` can safely be repeated.

    Attributes:
        in_doubt: False if it is certain that nothing of the call has been stored.
    """

    in_doubt: bool = True


class DataRefused(DatabaseError):
    """The database cannot store a value that it was given: the data is at fault, and trying again gives the same."""


class TransactionConflict(DatabaseError):
    """A deadlock or serialisation failure that persisted over all retries."""


class LockTimeout(TransactionConflict):
    """Another transaction held a lock for too long; nothing was written."""


class PartitionMissing(DatabaseError):
    """A history row has no monthly partition to go to (it is made, and the work repeated).

    Args:
        month: the one that is missing, as 'YYYYMM'; None if the database did not say.
    """

    def __init__(self, message: str, month: str | None = None) -> None:
        super().__init__(message)
        self.month = month


class RefIdBusy(DatabaseError):
    """Another transaction has enqueued this ref_id and is still open, so nobody can say whether it exists.

    Nothing was stored, and the call can be repeated. On a connection of the caller's own, roll its transaction back
    first.
    """


class MissingDriver(DbjobsError):
    """The Python package for this database is not installed."""


class MissingPermission(DatabaseError):
    """The database role lacks a right that is needed."""


class SchemaTooNew(DatabaseError):
    """The tables were made by a newer release of dbjobs than this one."""


class SchemaTooOld(DatabaseError):
    """The tables are missing or of an older release and automatic migration is off."""


class JobsMoved(SchemaTooNew):
    """The jobs of these tables have been moved to another database, or are on their way out or in."""


class TransferRefused(DbjobsError):
    """A transfer was not begun, or not continued: something in one of the two databases must change first."""


class TransferMismatch(DbjobsError):
    """A transfer has copied everything, and source and target are not the same: one of them has been changed meanwhile.

    Args:
        reports: what was compared, table by table (see ``Transferred.tables``).
    """

    def __init__(self, message: str, reports: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.reports = tuple(reports)


# --- the life of an attempt ---------------------------------------------------------------------


class AttemptLost(DbjobsError):
    """This attempt is no longer ours: its lease ran out, or another node finished the job."""


class UnknownUser(DbjobsError):
    """The ``user_resolver`` knows no user for a job's ``user_id``; the job has failed, and is not tried again."""


class ApiFailed(DbjobsError):
    """An application has answered an API job with a status other than success.

    Args:
        status: the HTTP status.
        message: the status, and what the answer says.
        retry: the job may be tried again (408, 423, 425, 429 and 5xx).
        retry_after_seconds: what the answer's Retry-After asks for; None without one.
    """

    def __init__(self, status: int, message: str, *, retry: bool, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry = retry
        self.retry_after_seconds = retry_after_seconds


class JobFailed(DbjobsError):
    """A transient run, or a job waited for with ``raise_on_failure=True``, ended without success."""


class RunCancelled(JobFailed):
    """A transient run was ended from outside: by ``cancel``, by the stop of its node, or with its node's lease.

    Args:
        reason: ``"cancel"``, ``"shutdown"`` or ``"lost"``.
    """

    def __init__(self, message: str, reason: str = "cancel") -> None:
        super().__init__(message)
        self.reason = reason


class TooManyRuns(DbjobsError):
    """As many transient runs wait or run in this process as ``max_transient`` allows; this one was not taken."""


class NotStored(DbjobsError):
    """The handler asked for what only a stored job has, and this is a transient run."""


class NotRunning(DbjobsError):
    """The call needs an opened client or started workers."""


class WrongLoop(NotRunning):
    """A Jobs object was used in another event loop than the one it is open in."""


class WorkersStopped(DbjobsError):
    """The workers of this process ended without having been asked to."""


class HandlerProcessError(DbjobsError):
    """The process of a handler ended or could not start, or its error could not be carried over as it was."""


class NotDelivered(DbjobsError):
    """Raised by a notifier: the target of a ``reply_to`` has not taken the notice.

    Args:
        message: shows no secret; it is kept in the error list of the delivery.
        final: there is no point in trying again.

    Raises:
        InvalidOption: ``final`` is something else.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        if not isinstance(final, bool):
            raise InvalidOption(f"NotDelivered: final={final!r} must be True or False")
        self.final = final


class Cancel(DbjobsError):
    """Raised by a handler: end this job for good, as cancelled.

    Args:
        reason: kept as the job's error text.
    """

    def __init__(self, reason: str = "cancelled by its handler") -> None:
        super().__init__(reason)
        self.reason = reason


class RetryAfter(DbjobsError):
    """Raised by a handler: run this job again after a delay; the attempt counts.

    Args:
        seconds: delay from now, in seconds or as a timedelta; at least 0, at most ten years.
        reason: kept in the job's error list.

    Raises:
        InvalidOption: the delay is something else.
    """

    def __init__(self, seconds: float | timedelta, reason: str = "retry asked for by its handler") -> None:
        super().__init__(reason)
        if isinstance(seconds, timedelta):
            seconds = seconds.total_seconds()
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise InvalidOption(f"RetryAfter: seconds={seconds!r} must be a number of seconds or a timedelta")
        self.seconds = float(seconds)
        self.reason = reason

    def __reduce__(self) -> tuple[type[RetryAfter], tuple[float, str]]:
        return type(self), (self.seconds, self.reason)
