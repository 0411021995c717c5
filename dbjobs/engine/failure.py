"""Turns an exception into an outcome: try again or give up, and the entry for the job's error list."""

from __future__ import annotations

import inspect
import logging
import math
import random
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from dbjobs.commands.codec import dumps
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.attempt_log import tell, tell_after_completion
from dbjobs.engine.traces import MAX_TRACEBACK_CHARACTERS, trace_of
from dbjobs.errors import (
    ApiFailed,
    Cancel,
    InvalidRequest,
    InvalidResponse,
    NotDelivered,
    PayloadTooLarge,
    RetryAfter,
    UnknownCommand,
    UnknownUser,
)
from dbjobs.models import Backoff
from dbjobs.store.records import CALLBACK_FAILED, Claimed, Outcome, OutcomeKind
from dbjobs.text import printable

log = logging.getLogger("dbjobs")

MAX_ERROR_CHARACTERS = 2_000
MAX_CODE_CHARACTERS = 100
# The longest delay before another try. No policy or handler gets more: the databases' dates end in the year 9999.
MAX_DELAY_SECONDS = 10 * 366 * 86_400.0
# A job whose callback only other nodes know is offered to them again after this delay.
UNKNOWN_CALLBACK_SECONDS = 30.0

_default_backoff = Backoff()
# Reads the name of a class past its metaclass.
_class_name: Callable[[type], str] = type.__dict__["__name__"].__get__
_decode_backoff = msgspec.json.Decoder(Backoff).decode


def failed(attempt: Attempt, error: BaseException, duration_ms: float) -> Outcome:
    """The outcome of an attempt that raised; nothing about the error can make this raise.

    Args:
        error: raised by the handler, its request, its response or its hooks.
    """
    try:
        made = _failed(attempt, error, duration_ms)
        tell(attempt, made, error)
        return made
    except BaseException as again:
        log.error("job %s: could not describe its error: %s", attempt.job.id, _name_of(again))
        return untold(attempt, _name_of(error), duration_ms)


def untold(attempt: Attempt, code: str, duration_ms: float) -> Outcome:
    """The outcome of an attempt whose error has nothing but a name."""
    text = f"{code}: (no description: describing this error raised another one)"
    try:
        made = _again_or_failed(attempt, code, text, duration_ms)
        tell(attempt, made)
        return made
    except BaseException:
        return Outcome(id=attempt.job.id, attempt=attempt.job.attempt, kind="failed", error_code=code, error=text)


def word_of(error: BaseException) -> BaseException:
    """The Cancel or RetryAfter of an exception group that has nothing else in it; any other error as it is.

    A task group wraps what its tasks raise, so a handler that uses one cannot raise these two bare.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    words = [word_of(inner) for inner in error.exceptions]
    if not all(isinstance(word, Cancel | RetryAfter) for word in words):
        return error
    return next((word for word in words if isinstance(word, Cancel)), words[0])


def _failed(attempt: Attempt, error: BaseException, duration_ms: float) -> Outcome:
    error = word_of(error)
    if isinstance(error, Cancel):
        return outcome(attempt, "cancelled", "cancelled", _text_of(error.reason), duration_ms)
    if isinstance(error, RetryAfter):
        reason = _text_of(error.reason)
        return _again_or_failed(attempt, "retry_after", reason, duration_ms, delay=_asked(error.seconds))
    if isinstance(error, ApiFailed):
        return _answered(attempt, error, duration_ms)
    code, text = _name_of(error), _text_of(error)
    if isinstance(error, UnknownCommand):
        return outcome(attempt, "retry", "unknown_command", text, duration_ms, delay=UNKNOWN_CALLBACK_SECONDS)
    text = f"{code}: {text}"
    trace = None if isinstance(error, UnknownUser | NotDelivered) else trace_of(error)
    if isinstance(error, InvalidRequest | InvalidResponse | PayloadTooLarge | UnknownUser):
        # Trying again would give the same; the job is kept in the failed history and can be requeued.
        return outcome(attempt, "failed", code, text, duration_ms, trace=trace)
    if not _should_retry(attempt, error):
        return outcome(attempt, "failed", code, text, duration_ms, trace=trace)
    return _again_or_failed(attempt, code, text, duration_ms, trace=trace)


def _answered(attempt: Attempt, error: ApiFailed, duration_ms: float) -> Outcome:
    """The outcome of an API job that was answered with a status other than success."""
    code, text = f"http_{error.status}", _text_of(error)
    if not error.retry or not _should_retry(attempt, error):
        return outcome(attempt, "failed", code, text, duration_ms)
    asked = error.retry_after_seconds
    return _again_or_failed(attempt, code, text, duration_ms, delay=None if asked is None else _asked(asked))


def raised_after_completion(attempt: Attempt, error: BaseException) -> None:
    """Log that a handler raised after its own transaction had completed the job."""
    trace = printable(trace_of(error), MAX_TRACEBACK_CHARACTERS)
    tell_after_completion(attempt, error, trace)


def stopped(attempt: Attempt, duration_ms: float) -> Outcome | None:
    """The outcome of an attempt that was ended from outside; None if it is no longer ours."""
    made = _stopped(attempt, duration_ms)
    if made is not None and made.kind != "hand_back":
        tell(attempt, made)
    return made


def _stopped(attempt: Attempt, duration_ms: float) -> Outcome | None:
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
        "traceback": printable(trace, MAX_TRACEBACK_CHARACTERS) if trace else None,
        **getattr(attempt.context, "_details", {}),
    }
    return Outcome(
        id=attempt.job.id,
        attempt=attempt.job.attempt,
        kind=kind,
        duration_ms=duration_ms,
        delay_seconds=delay,
        error_code=CALLBACK_FAILED if kind == "failed" and attempt.job.executed_at is not None else code,
        error=message,
        failure=dumps(entry),
        progress=attempt.context.progress_value,
        status=attempt.context.status,
    )


def _name_of(error: BaseException) -> str:
    return printable(_class_name(type(error)), MAX_CODE_CHARACTERS)


def _text_of(error: object) -> str:
    """The text of an exception, or the reason that it carries."""
    try:
        text = str(error)
        return text if type(text) is str else str.__str__(text)
    except BaseException:  # an object of the application whose __str__ raises
        return "(its text cannot be shown)"


def _asked(seconds: float) -> float | None:
    """The delay a handler asked for, within bounds; None (the usual back-off) if it is not a number."""
    try:
        return None if math.isnan(seconds) else min(max(float(seconds), 0.0), MAX_DELAY_SECONDS)
    except BaseException:
        return None


def backoff_seconds(policy: Backoff, failures: int) -> float:
    """Delay before the next try, in seconds, after this many failures (from 1): a number, at most ten years."""
    exponent = min(failures - 1, 64)
    try:
        delay = min(policy.first_seconds * policy.factor**exponent, policy.max_seconds)
    except OverflowError:
        delay = policy.max_seconds
    delay *= random.uniform(1 - policy.jitter, 1 + policy.jitter)
    # No database has a date for every number of seconds; and NaN, which compares false with everything, must not win.
    return min(delay, MAX_DELAY_SECONDS) if delay >= 0 else 0.0


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
        delay = backoff_seconds(_policy_of(job), max(job.tries, 1))
    return outcome(attempt, "retry", code, text, duration_ms, delay=delay, trace=trace)


def _policy_of(job: Claimed) -> Backoff:
    try:
        return _decode_backoff(job.retry) if job.retry else _default_backoff
    except msgspec.DecodeError:  # a row that another program wrote
        return _default_backoff


def _should_retry(attempt: Attempt, error: BaseException) -> bool:
    hook = attempt.command.should_retry
    if hook is None:
        return True
    try:
        answer = hook(attempt.context, error)
        if inspect.isawaitable(answer):
            getattr(answer, "close", lambda: None)()
            raise TypeError("should_retry must be a plain function: nobody awaits what it returns")
        return bool(answer)
    except BaseException as raised:
        log.error(
            "should_retry of command %r raised %s: %s; the job is retried",
            attempt.command.name, _name_of(raised), _text_of(raised),
        )  # fmt: skip
        return True
