"""How a transient run ended: its state, and the error for its caller."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.transient.execution import RunExecution
from dbjobs.engine.transient.records import MAX_REQUEST_CHARACTERS
from dbjobs.engine.transient.run import Run
from dbjobs.errors import Cancel, JobFailed, RunCancelled
from dbjobs.models import JobState, RunRecord
from dbjobs.store.records import Outcome

Ending = tuple[JobState, BaseException | None, str | None]

_CANCELLED: dict[Stop | None, tuple[str, str]] = {
    Stop.CANCEL: ("was cancelled", "cancel"),
    Stop.SHUTDOWN: ("was cancelled: the node, or the Jobs object, is closed", "shutdown"),
    Stop.LOST: ("was cancelled: the lease of this node is over, and with it that of its worker", "lost"),
}


def ending_of(attempt: Attempt, execution: RunExecution, outcome: Outcome | None) -> Ending:
    """State, error for the caller (None if it has completed) and error code.

    Args:
        outcome: None if its handler never started, or was ended without one.
    """
    if outcome is not None and outcome.kind == "completed":
        return JobState.COMPLETED, None, None
    name = f"transient run {-attempt.job.id} of {attempt.job.command!r}"
    error = execution.error
    if outcome is not None and outcome.error_code == "timeout" and attempt.stop is Stop.TIMEOUT:
        return JobState.FAILED, TimeoutError(f"{name} {outcome.error}"), "timeout"
    if isinstance(error, Cancel) and outcome is not None and outcome.kind == "cancelled" and attempt.stop is None:
        return JobState.CANCELLED, error, "cancelled"
    if attempt.stop in _CANCELLED and (outcome is None or outcome.kind in ("cancelled", "hand_back")):
        text, reason = _CANCELLED[attempt.stop]
        return JobState.CANCELLED, RunCancelled(f"{name} {text}", reason), "cancelled"
    if isinstance(error, asyncio.CancelledError) or (error is None and outcome is None):
        return JobState.CANCELLED, RunCancelled(f"{name} was ended with its task", "shutdown"), "cancelled"
    code = None if outcome is None else outcome.error_code
    if isinstance(error, Exception):
        return JobState.FAILED, error, code or type(error).__name__
    # An error that would end the caller too (SystemExit), or one that the engine found (a response that is not JSON).
    failed = JobFailed(f"{name} failed: {repr(error) if outcome is None else outcome.error}")
    failed.__cause__ = error
    return JobState.FAILED, failed, code


class _Entry(msgspec.Struct):
    traceback: str | None = None


def record_of(run: Run[Any], code: str | None, outcome: Outcome | None) -> RunRecord:
    """The record of a run that has ended."""
    job = run._attempt.job
    request = job.request_body
    trace = None
    if run.state is JobState.FAILED and outcome is not None and outcome.failure is not None:
        trace = msgspec.json.decode(outcome.failure, type=_Entry).traceback
    text = None if run.error is None else str(run.error)
    if outcome is not None and outcome.error is not None and code != "timeout" and run.state is JobState.FAILED:
        text = outcome.error
    assert run.ended_at is not None
    return RunRecord(
        id=run.id,
        command=run.command,
        worker=run.worker,
        tag=job.tag,
        user_id=job.user_id,
        state=run.state,
        submitted_at=run.submitted_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        duration_ms=run.duration_ms,
        request=request if request is None or len(request) <= MAX_REQUEST_CHARACTERS else None,
        error_code=code,
        error=text,
        traceback=trace,
    )
