"""How a node was started."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict, Unpack

import msgspec

from dbjobs.commands import options
from dbjobs.errors import InvalidOption


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one node: StartOptions, checked, with their defaults; durations are seconds."""

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
    """The options of ``jobs.start``, for callers that pass them on."""

    concurrency: int
    queues: Sequence[str] | Mapping[str, int | None] | None
    lease_seconds: float | timedelta
    grace_seconds: float | timedelta
    retention_months: int | None
    stall_seconds: float | timedelta
    unresponsive_seconds: float | timedelta
    threads: int
    processes: int | None


_DURATIONS = {"lease_seconds": 1.0, "grace_seconds": 0.0, "stall_seconds": 0.1, "unresponsive_seconds": 0.0}


def make_settings(**given: Unpack[StartOptions]) -> Settings:
    """Check the arguments of ``jobs.start``.

    Raises:
        InvalidOption: names the argument.
    """
    settings: dict[str, Any] = msgspec.structs.asdict(Settings())
    for name, value in given.items():
        if name not in settings:
            raise InvalidOption(f"start: there is no setting {name!r}; known settings are {', '.join(settings)}")
        if name != "processes" or value is not None:
            settings[name] = value
    for name in ("concurrency", "threads", "processes"):
        count = settings[name]
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 100_000:
            raise InvalidOption(f"start: {name}={count!r} must be a whole number between 1 and 100000")
    for name, least in _DURATIONS.items():
        settings[name] = options.duration(settings[name], f"start: {name}", least=least)
    retention_months, queues = settings["retention_months"], settings["queues"]
    if retention_months is not None and (
        isinstance(retention_months, bool) or not isinstance(retention_months, int) or retention_months < 1
    ):
        raise InvalidOption(f"start: retention_months={retention_months!r} must be a whole number >= 1, or None")
    if queues is not None and (isinstance(queues, str) or not isinstance(queues, Iterable)):
        raise InvalidOption(f"start: queues={queues!r} must be a list of names, or a dict of name to concurrency")
    served = None if queues is None else dict(queues) if isinstance(queues, Mapping) else dict.fromkeys(queues)
    for queue, limit in (served or {}).items():
        if not isinstance(queue, str) or not queue:
            raise InvalidOption(f"start: queues: {queue!r} is not a queue's name")
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise InvalidOption(f"start: queues: the concurrency of {queue!r} must be a whole number >= 1")
    if served is not None and not served:
        raise InvalidOption("start: queues=[] serves nothing; leave it out to serve every queue")
    settings["queues"] = served
    return Settings(**settings)
