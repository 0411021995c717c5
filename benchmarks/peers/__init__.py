"""Other job libraries, run under the scenarios that the benchmarks run dbjobs under.

``peers(dialect)`` gives one adapter for each library and level of durability, or an ``Unavailable``
saying why there is none. ``benchmarks.peers.measure`` runs one through every scenario.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal, Protocol

Dialect = Literal["postgres", "sqlite", "mysql", "mariadb", "sqlserver"]


@dataclass(frozen=True)
class PeerResult:
    """One measured figure."""

    value: float
    unit: Literal["jobs/s", "ms"]
    extra: dict[str, float] = field(default_factory=dict)


class NotOffered(Exception):
    """The library has no call for this scenario; the message says what it lacks."""


class Peer(Protocol):
    """One library with one choice of settings. Every scenario starts from empty tables."""

    @property
    def name(self) -> str:
        """The library's own name, and what tells this entry from its others."""

    @property
    def version(self) -> str:
        """The installed version."""

    @property
    def dialect(self) -> Dialect:
        """The database it runs on here."""

    @property
    def settings(self) -> str:
        """One line: the settings used."""

    @property
    def keeps(self) -> str:
        """One line: what is left of a finished job."""

    async def prepare(self, url: str) -> None:
        """Connect, and make its tables in a fresh database."""

    async def enqueue_one(self, jobs: int) -> float:
        """Jobs per second from one caller that waits for each enqueue."""

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float:
        """Jobs per second from `tasks` such callers at once."""

    async def enqueue_many(self, jobs: int) -> float:
        """Jobs per second through its bulk call."""

    async def drain(self, jobs: int) -> float:
        """Jobs per second from the start of a worker in this process to the last job durably finished."""

    async def latency(self, jobs: int) -> list[float]:
        """Milliseconds from the enqueue call to the start of the handler, the worker being idle."""

    async def close(self) -> None:
        """Disconnect; the tables stay."""


@dataclass(frozen=True)
class Unavailable:
    """A library that cannot be measured here, and why."""

    name: str
    dialect: Dialect
    reason: str


@dataclass(frozen=True)
class _Adapter:
    name: str
    dialect: Dialect
    module: str
    install: str
    python: tuple[int, int] = (3, 11)


_ADAPTERS = (
    _Adapter("PgQueuer", "postgres", "pgqueuer_adapter", "pgqueuer[asyncpg]"),
    _Adapter("Procrastinate", "postgres", "procrastinate_adapter", "procrastinate psycopg[binary,pool]"),
    _Adapter("Oban", "postgres", "oban_adapter", "oban psycopg[binary,pool]", python=(3, 12)),
    _Adapter("huey", "sqlite", "huey_adapter", "huey"),
    _Adapter("litequeue", "sqlite", "litequeue_adapter", "litequeue"),
)


def peers(dialect: Dialect) -> list[Peer | Unavailable]:
    """Every library that runs on this dialect, measurable here or not."""
    found: list[Peer | Unavailable] = []
    for adapter in _ADAPTERS:
        if adapter.dialect == dialect:
            found += _load(adapter)
    return found


def _load(adapter: _Adapter) -> list[Peer | Unavailable]:
    if sys.version_info < adapter.python:
        needed = ".".join(map(str, adapter.python))
        running = ".".join(map(str, sys.version_info[:2]))
        reason = f"needs Python >= {needed}, this is {running}"
        return [Unavailable(adapter.name, adapter.dialect, reason)]
    try:
        module = import_module(f"{__name__}.{adapter.module}")
    except ImportError as error:
        reason = f"{error} (pip install {adapter.install})"
        return [Unavailable(adapter.name, adapter.dialect, reason)]
    built: list[Peer | Unavailable] = module.build()
    return built
