"""How a node was started."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypedDict

import msgspec

from dbjobs.commands import options
from dbjobs.errors import InvalidOption


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one node.

    Attributes:
        concurrency: attempts that run at the same time on this node.
        queues: queues served, with their own concurrency where it is not None; None serves every queue.
        lease_seconds: how long this node keeps its jobs after its last sign of life.
        grace_seconds: how long running handlers may go on when the node is stopped.
        retention_months: whole months of history kept beside this one; None keeps all.
        stall_seconds: a handler that blocks the event loop for so long is reported.
        unresponsive_seconds: a handler that goes on for so long after it was cancelled loses its slot.
        threads: plain handlers that run in threads at the same time.
        processes: handlers with ``process=True`` that run, each in a process, at the same time.
    """

    concurrency: int = 100
    queues: Mapping[str, int | None] | None = None
    lease_seconds: float = 30.0
    grace_seconds: float = 10.0
    retention_months: int | None = 12
    stall_seconds: float = 2.0
    unresponsive_seconds: float = 5.0
    threads: int = 40
    processes: int = msgspec.field(default_factory=lambda: os.cpu_count() or 1)


class StartOptions(TypedDict, total=False):
    """What ``jobs.start`` takes, for those who hand it on."""

    concurrency: int
    queues: Sequence[str] | Mapping[str, int | None] | None
    lease_seconds: float | timedelta
    grace_seconds: float | timedelta
    retention_months: int | None
    stall_seconds: float | timedelta
    unresponsive_seconds: float | timedelta
    threads: int
    processes: int | None


def make_settings(
    *,
    concurrency: int = 100,
    queues: Sequence[str] | Mapping[str, int | None] | None = None,
    lease_seconds: float | timedelta = 30.0,
    grace_seconds: float | timedelta = 10.0,
    retention_months: int | None = 12,
    stall_seconds: float | timedelta = 2.0,
    unresponsive_seconds: float | timedelta = 5.0,
    threads: int = 40,
    processes: int | None = None,
) -> Settings:
    """Check the arguments of ``jobs.start``.

    Raises:
        InvalidOption: names the argument.
    """
    if processes is None:
        processes = os.cpu_count() or 1
    for name, count in (("concurrency", concurrency), ("threads", threads), ("processes", processes)):
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 100_000:
            raise InvalidOption(f"start: {name}={count!r} must be a whole number between 1 and 100000")
    lease = options.duration(lease_seconds, "start: lease_seconds", least=1.0)
    grace = options.duration(grace_seconds, "start: grace_seconds")
    stall = options.duration(stall_seconds, "start: stall_seconds", least=0.1)
    unresponsive = options.duration(unresponsive_seconds, "start: unresponsive_seconds")
    if retention_months is not None and (not isinstance(retention_months, int) or retention_months < 1):
        raise InvalidOption(f"start: retention_months={retention_months!r} must be a whole number >= 1, or None")
    if isinstance(queues, str):
        raise InvalidOption(f"start: queues={queues!r} must be a list of names, or a dict of name to concurrency")
    served = None if queues is None else dict(queues) if isinstance(queues, Mapping) else dict.fromkeys(queues)
    for queue, limit in (served or {}).items():
        if not isinstance(queue, str) or not queue:
            raise InvalidOption(f"start: queues: {queue!r} is not a queue's name")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise InvalidOption(f"start: queues: the concurrency of {queue!r} must be a whole number >= 1")
    if served is not None and not served:
        raise InvalidOption("start: queues=[] serves nothing; leave it out to serve every queue")
    return Settings(
        concurrency=concurrency,
        queues=served,
        lease_seconds=lease,
        grace_seconds=grace,
        retention_months=retention_months,
        stall_seconds=stall,
        unresponsive_seconds=unresponsive,
        threads=threads,
        processes=processes,
    )
