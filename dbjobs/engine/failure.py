"""From an exception to an outcome: try again or give up, and what is kept of it."""

from __future__ import annotations

import logging
import random
import traceback
from datetime import UTC, datetime

import msgspec

from dbjobs.codec import dumps
from dbjobs.context import printable
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.errors import Cancel, InvalidRequest, PayloadTooLarge, RetryAfter, UnknownCommand
from dbjobs.models import Backoff
from dbjobs.store.records import Outcome, OutcomeKind

log = logging.getLogger("dbjobs")

MAX_ERROR_CHARACTERS = 2_000
MAX_TRACEBACK_CHARACTERS = 10_000
# A job whose callback only other nodes know is offered to them again after this delay.
UNKNOWN_CALLBACK_SECONDS = 30.0

_default_backoff = Backoff()
_decode_backoff = msgspec.json.Decoder(Backoff).decode


def failed(attempt: Attempt, error: BaseException, duration_ms: float) -> Outcome:
    """The outcome of an attempt that raised."""
    if isinstance(error, Cancel):
        return outcome(attempt, "cancelled", "cancelled", error.reason, duration_ms)
    if isinstance(error, RetryAfter):
        return _again_or_failed(attempt, "retry_after", error.reason, duration_ms, delay=max(error.seconds, 0.0))
    if isinstance(error, UnknownCommand):
        return outcome(attempt, "retry", "unknown_command", str(error), duration_ms, delay=UNKNOWN_CALLBACK_SECONDS)
    text = f"{type(error).__name__}: {_text_of(error)}"
    trace = "".join(traceback.format_exception(error))
    if isinstance(error, InvalidRequest | PayloadTooLarge):
        # Trying again would give the same; the job is kept in the failed history and can be requeued.
        return outcome(attempt, "failed", type(error).__name__, text, duration_ms, trace=trace)
    if not _should_retry(attempt, error):
        return outcome(attempt, "failed", type(error).__name__, text, duration_ms, trace=trace)
    return _again_or_failed(attempt, type(error).__name__, text, duration_ms, trace=trace)


def stopped(attempt: Attempt, duration_ms: float) -> Outcome | None:
    """The outcome of an attempt that was ended from outside; None if it is no longer ours."""
    match attempt.stop:
        case Stop.TIMEOUT:
            text = f"timed out after {attempt.job.timeout_seconds:g} s"
            return _again_or_failed(attempt, "timeout", text, duration_ms)
        case Stop.CANCEL:
            return outcome(attempt, "cancelled", "cancelled", "cancelled while it was running", duration_ms)
        case Stop.SHUTDOWN:
            return Outcome(id=attempt.job.id, attempt=attempt.job.attempt, kind="hand_back")
        case _:
            return None


def outcome(
    attempt: Attempt,
    kind: OutcomeKind,
    code: str,
    text: str,
    duration_ms: float,
    *,
    delay: float = 0.0,
    trace: str | None = None,
) -> Outcome:
    """An outcome with an error, and the entry for the job's error list."""
    message = printable(text, MAX_ERROR_CHARACTERS)
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "attempt": attempt.job.attempt,
        "node_id": attempt.node_id,
        "code": code,
        "message": message,
        "traceback": printable(trace[-MAX_TRACEBACK_CHARACTERS:], MAX_TRACEBACK_CHARACTERS) if trace else None,
    }
    return Outcome(
        id=attempt.job.id,
        attempt=attempt.job.attempt,
        kind=kind,
        duration_ms=duration_ms,
        delay_seconds=delay,
        error_code=code,
        error=message,
        failure=dumps(entry),
        progress=attempt.context.progress_value,
        status=attempt.context.status,
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception of the application's own whose text cannot be made
        return "(its text cannot be shown)"


def backoff_seconds(policy: Backoff, failures: int) -> float:
    """Delay before the next try after so many failures (from 1)."""
    exponent = min(failures - 1, 64)
    delay = min(policy.first_seconds * policy.factor**exponent, policy.max_seconds)
    return delay * random.uniform(1 - policy.jitter, 1 + policy.jitter)


def _again_or_failed(
    attempt: Attempt,
    code: str,
    text: str,
    duration_ms: float,
    *,
    delay: float | None = None,
    trace: str | None = None,
) -> Outcome:
    job = attempt.job
    if job.tries > job.retry_limit:
        return outcome(attempt, "failed", code, text, duration_ms, trace=trace)
    if delay is None:
        policy = _decode_backoff(job.retry) if job.retry else _default_backoff
        delay = backoff_seconds(policy, max(job.tries, 1))
    return outcome(attempt, "retry", code, text, duration_ms, delay=delay, trace=trace)


def _should_retry(attempt: Attempt, error: BaseException) -> bool:
    hook = attempt.command.should_retry
    if hook is None:
        return True
    try:
        return bool(hook(attempt.context, error))
    except Exception:
        log.exception("should_retry of command %r raised; the job is retried", attempt.command.name)
        return True
