"""What is around the jobs: nodes, queues, batches, and the counts of minutes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A running process that works on jobs."""

    id: int
    name: str
    started_at: datetime
    last_seen_at: datetime
    lease_expires_at: datetime
    alive: bool
    info: dict[str, Any]
    buried: bool = False


class QueueInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's settings."""

    queue: str
    paused: bool
    concurrency: int | None


class BatchProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch is; ``total`` grows while jobs are still being added."""

    batch_id: str
    total: int
    completed: int
    failed: int
    cancelled: int
    created_at: datetime

    @property
    def finished(self) -> bool:
        """True when every job enqueued so far has ended."""
        return self.completed + self.failed + self.cancelled >= self.total


class MinuteStat(msgspec.Struct, frozen=True, kw_only=True):
    """Outcomes of one minute, by queue and command."""

    minute: datetime
    queue: str
    command: str
    completed: int
    failed: int
    cancelled: int
    retried: int
    duration_ms: float
