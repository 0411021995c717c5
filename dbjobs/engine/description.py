"""What a node says of itself in its row, for people and for other nodes."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from dbjobs.commands.registry import Registry
from dbjobs.engine.crews import Kind, kind_of
from dbjobs.engine.dispatcher import Dispatcher
from dbjobs.engine.runner import Runners
from dbjobs.engine.settings import Settings
from dbjobs.engine.stall import StallWatch
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE


def _version() -> str:
    try:
        return version("dbjobs")
    except PackageNotFoundError:  # a source tree that is not installed
        return "unknown"


class Description:
    """Describes this node; the heartbeat's thread asks for it.

    Args:
        tasks: names of the scheduled tasks that this node declares.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        runners: Runners,
        dispatcher: Dispatcher,
        stall: StallWatch,
        tasks: Sequence[str],
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._runners = runners
        self._dispatcher = dispatcher
        self._stall = stall
        self._task_names = tasks
        self._began = time.monotonic()
        self._version = _version()  # now: the heartbeat's thread imports nothing

    def _commands(self) -> dict[Kind, list[str]]:
        names: dict[Kind, list[str]] = {}
        for command in self._registry.runnable_commands():
            names.setdefault(kind_of(command), []).append(command.name)
        if self._registry.built_in:
            names.setdefault("loop", []).extend(self._registry.built_in)
        return names

    def _served(self) -> list[str] | None:
        """Names of the queues that this node serves, that of deliveries included if it makes any; None for all."""
        if self._settings.queues is None:
            return None
        return [*self._settings.queues, *([DELIVERY_QUEUE] if "delivery" in self._runners.crews else [])]

    def of_node(self) -> dict[str, Any]:
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "concurrency": self._settings.concurrency,
            "running": self._runners.busy,
            "queues": self._served(),
            "limits": {queue: limit for queue, limit in (self._settings.queues or {}).items() if limit is not None},
            "commands": self._commands(),
            "places": {kind: (crew.busy, crew.limit) for kind, crew in self._runners.crews.items()},
            "version": self._version,
            "python": platform.python_version(),
            "loop_lag_ms": round(self._stall.take_lag() * 1000, 1),
            **({"draining": True} if self._dispatcher.resting else {}),
            "uptime_seconds": round(time.monotonic() - self._began, 1),
            **({"tasks": self._task_names} if self._task_names else {}),
        }
