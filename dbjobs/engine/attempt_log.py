"""Log lines about attempts that did not complete: one each, with structured fields. A completed job writes none."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from dbjobs.engine.attempt import Attempt
from dbjobs.store.records import Held, Outcome

log = logging.getLogger("dbjobs.attempts")

# The log gets the beginning of an error's text, on one line; the job's row has more of it.
MOST_CHARACTERS = 300
# What makes a row's traceback differ from Python's own: the escape of half a surrogate pair (or a source line with such
# an escape), and the words by which traces.py marks what it left out.
_NOT_PLAIN = re.compile(r"\\ud[89a-f]|(?:lines|characters) left out \.\.\.")


class _Entry(msgspec.Struct):
    traceback: str | None = None


_entry = msgspec.json.Decoder(_Entry).decode


def tell(attempt: Attempt, outcome: Outcome, error: BaseException | None = None) -> None:
    """Log an attempt that failed or was cancelled.

    WARNING if the job runs again, ERROR (with the traceback) if it does not, INFO if it was cancelled.

    Args:
        error: what the handler raised; None if the attempt was ended from outside.
    """
    if not log.isEnabledFor(_LEVELS[outcome.kind]) or attempt.context.is_transient:
        return  # a transient run tells its caller
    job = attempt.job
    fields = {
        **_fields_of(attempt),
        "callback": job.callback if job.executed_at is not None else None,
        "duration_ms": outcome.duration_ms,
    }
    name = job.command if job.executed_at is None else f"callback {job.callback} of {job.command}"
    _write(name, fields, outcome, error if outcome.kind == "failed" else None)


def tell_lost(job: Held, outcome: Outcome, node_id: int) -> None:
    """Log an attempt that ended with its node.

    Args:
        outcome: what the rescue made of the job.
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


def tell_after_completion(attempt: Attempt, error: BaseException, trace: str) -> None:
    """Log a handler that raised after ``job.transaction()`` had completed its job: no row keeps this error.

    Args:
        trace: its traceback, as text that can be written anywhere.
    """
    line = "job %s (%s): its handler raised after job.transaction() had completed the job"
    _log(logging.WARNING, line, (attempt.job.id, attempt.job.command), _fields_of(attempt), error, trace)


def tell_dropped(attempt: Attempt) -> None:
    """Log an outcome that the fence refused: others have the job, or have ended it."""
    line = "job %s (%s): attempt %s is no longer ours: its outcome was dropped"
    job = attempt.job
    _log(logging.WARNING, line, (job.id, job.command, job.attempt), _fields_of(attempt))


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
    trace = None
    if error is not None and outcome.failure is not None:
        # The traceback of the job's row: it exists already, and a formatter that knows the field need not make another.
        trace = fields["error_traceback"] = _entry(outcome.failure).traceback
    who = (fields["job_id"], " ".join(name.split()), fields["attempt"])  # even a name from elsewhere stays on one line
    match outcome.kind:
        case "retry":
            line = "job %s (%s): attempt %s failed: %s; the job runs again %s"
            when = f"in {again:.1f} s" if again and again >= 0.05 else "at once"
            _log(logging.WARNING, line, (*who, text, when), fields)
        case "failed":
            line = "job %s (%s): attempt %s failed: %s; the job has failed for good"
            _log(logging.ERROR, line, (*who, text), fields, error, trace)
        case _:
            _log(logging.INFO, "job %s (%s) was cancelled at attempt %s: %s", (*who, text), fields)


def _log(
    level: int,
    line: str,
    values: tuple[Any, ...],
    fields: Mapping[str, Any],
    error: BaseException | None = None,
    trace: str | None = None,
) -> None:
    """Write a line. The job's outcome stands whatever the application's handlers, filters and record factories raise.

    Args:
        trace: the error's traceback as the job's row has it; None if it has none, and the log then has none either.
    """
    try:
        if error is None or trace is None:
            log.log(level, line, *values, extra=fields)
        elif not _NOT_PLAIN.search(trace):
            log.log(level, line, *values, extra=fields, exc_info=error)
        else:
            # A stream would refuse half a character, and the line with it; and no log wants an endless traceback.
            place = (type(error), error, error.__traceback__)
            record = log.makeRecord(log.name, level, __file__, 0, line, values, place, None, fields)
            record.exc_text = trace
            log.handle(record)
    except Exception as raised:
        # A field that the application's own record factory sets too, or an error whose traceback cannot be told.
        with suppress(Exception):  # else nothing can be said here; the job's row has the error
            log.log(level, line + " (logging it in full raised %s)", *values, type(raised).__name__)
