"""Log lines about attempts that did not complete: one each, with structured fields. A completed job writes none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from dbjobs.context import printable
from dbjobs.engine.attempt import Attempt
from dbjobs.engine.traces import MAX_TRACEBACK_CHARACTERS, trace_of
from dbjobs.store.records import Held, Outcome

log = logging.getLogger("dbjobs.attempts")


class _Printable(logging.Filter):
    """Makes the text of a traceback once, so that every stream takes it: a lone surrogate would cost the whole line."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None and not record.exc_text:
            record.exc_text = printable(trace_of(record.exc_info[1]), MAX_TRACEBACK_CHARACTERS).rstrip("\n")
        return True


log.addFilter(_Printable())

# The log gets the beginning of an error's text, on one line; the job's row has more of it.
MOST_CHARACTERS = 300


def tell(attempt: Attempt, outcome: Outcome, error: BaseException | None = None) -> None:
    """Tell of an attempt that failed or was cancelled.

    WARNING if the job runs again, ERROR (with the traceback) if it does not, INFO if it was cancelled.

    Args:
        error: what the handler raised; None if the attempt was ended from outside.
    """
    if not log.isEnabledFor(_LEVELS[outcome.kind]):
        return
    job = attempt.job
    fields = {
        **_fields_of(attempt),
        "callback": job.callback if job.executed_at is not None else None,
        "duration_ms": outcome.duration_ms,
    }
    name = job.command if job.executed_at is None else f"callback {job.callback} of {job.command}"
    _write(name, fields, outcome, error if outcome.kind == "failed" else None)


def tell_lost(job: Held, outcome: Outcome, node_id: int) -> None:
    """Tell of an attempt that ended with its node.

    Args:
        outcome: with which others have taken the job over.
        node_id: the node that is gone.
    """
    if not log.isEnabledFor(_LEVELS[outcome.kind]):
        return
    fields = {
        "job_id": job.id,
        "command": job.command,
        "callback": None,
        "attempt": job.attempt,
        "queue": job.queue,
        "worker": job.worker,
        "node_id": node_id,
        "duration_ms": None,
    }
    _write(job.command, fields, outcome, None)


def tell_after_completion(attempt: Attempt, error: BaseException) -> None:
    """Tell of a handler that raised after ``job.transaction()`` had completed its job: no row keeps this error."""
    line = "job %s (%s): its handler raised after job.transaction() had completed the job"
    _log(logging.WARNING, line, (attempt.job.id, attempt.job.command), _fields_of(attempt), error)


def tell_dropped(attempt: Attempt) -> None:
    """Tell of an outcome that the fence has refused: others have the job, or have ended it."""
    line = "job %s (%s): attempt %s is no longer ours: its outcome was dropped"
    job = attempt.job
    _log(logging.WARNING, line, (job.id, job.command, job.attempt), _fields_of(attempt), None)


_LEVELS = {
    "retry": logging.WARNING,
    "failed": logging.ERROR,
    "cancelled": logging.INFO,
}


def _fields_of(attempt: Attempt) -> dict[str, Any]:
    job = attempt.job
    return {
        "job_id": job.id,
        "command": job.command,
        "attempt": job.attempt,
        "queue": job.queue,
        "worker": job.worker,
        "node_id": attempt.node_id,
    }


def _write(name: str, fields: Mapping[str, Any], outcome: Outcome, error: BaseException | None) -> None:
    text = " ".join((outcome.error or "").split())
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS] + "…"
    again = outcome.delay_seconds if outcome.kind == "retry" else None
    fields = {**fields, "outcome": outcome.kind, "error_code": outcome.error_code, "retry_in_seconds": again}
    who = (fields["job_id"], name, fields["attempt"])
    match outcome.kind:
        case "retry":
            line = "job %s (%s): attempt %s failed: %s; the job runs again %s"
            when = f"in {again:.1f} s" if again and again >= 0.05 else "at once"
            _log(logging.WARNING, line, (*who, text, when), fields, error)
        case "failed":
            line = "job %s (%s): attempt %s failed: %s; the job has failed for good"
            _log(logging.ERROR, line, (*who, text), fields, error)
        case _:
            _log(logging.INFO, "job %s (%s) was cancelled at attempt %s: %s", (*who, text), fields, error)


def _log(
    level: int, line: str, values: tuple[Any, ...], fields: Mapping[str, Any], error: BaseException | None
) -> None:
    """Whatever the application's handlers, filters and record factories raise, the outcome of the job stands."""
    try:
        log.log(level, line, *values, extra=fields, exc_info=error)
    except Exception as raised:
        # A field that the application's own record factory sets too, or an error whose traceback cannot be told.
        with suppress(Exception):  # else nothing can be said here; the job's row has the error
            log.log(level, line + " (logging it in full raised %s)", *values, type(raised).__name__)
