"""The parts of an explanation."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from dbjobs.models import JobState


class ReasonCode(StrEnum):
    """Why a job does not run, or what became of it: a value for programs, next to the sentence for people."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CANCEL_ASKED = "cancel_asked"
    RUNNING = "running"
    CALLBACK = "callback"
    NODE_LOST = "node_lost"
    EXPIRED = "expired"
    WAITS_FOR_JOBS = "waits_for_jobs"
    NOT_DUE = "not_due"
    BACKING_OFF = "backing_off"
    DUE_NOW = "due_now"
    QUEUE_PAUSED = "queue_paused"
    NO_NODE = "no_node"
    QUEUE_UNSERVED = "queue_unserved"
    COMMAND_UNKNOWN = "command_unknown"
    NODES_DRAINED = "nodes_drained"
    LANE_BLOCKED = "lane_blocked"
    LANE_HELD = "lane_held"
    LANE_BEHIND = "lane_behind"
    QUEUE_AT_LIMIT = "queue_at_limit"
    SLOTS_BUSY = "slots_busy"
    BEHIND = "behind"
    READY = "ready"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason.

    Attributes:
        code: the reason, for programs.
        text: the sentence for people.
        facts: the evidence: ids, moments, names, counts.
    """

    code: ReasonCode
    text: str
    facts: dict[str, Any] = {}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job does not run, or what it did.

    Attributes:
        job_id: the job.
        command: its command.
        state: its state at that moment.
        at: the moment, by the database's clock; None for a job that has ended.
        reasons: at least one; the one that must change first comes first.
    """

    job_id: int
    command: str
    state: JobState
    at: datetime | None
    reasons: tuple[Reason, ...]

    @property
    def code(self) -> ReasonCode:
        """The reason that must change first."""
        return self.reasons[0].code

    @property
    def text(self) -> str:
        """All reasons in one text."""
        return " ".join(reason.text for reason in self.reasons)
