"""The databases of one test session, each opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

from tests.servers.throwaway import ThrowawayServer

Dialect = Literal["sqlite", "postgres", "mysql", "sqlserver"]

# What the version begins with of a server that only speaks SQL Server's protocol, on tables of PostgreSQL.
BABELFISH = "Babelfish"


class LeftOut(Exception):
    """A target cannot be opened here; the message says why."""


@dataclass(frozen=True)
class Target:
    """An opened database.

    Attributes:
        name: Such as ``"postgres18"``; ``"postgres"`` is the user's own server.
        dialect: The folder of ``dbjobs/sql`` that it reads.
        version: The server's version.
        new_url: Makes a fresh, empty database and returns its URL.
        discard: Removes the database behind such a URL.
        server: Our throwaway server, to stop and restart; None for SQLite and for the user's own server.
        is_pooled: A pooler shares its connections out by transaction: no settings of a session, and no notices.
        direct_url: What leads past the pooler to the database behind such a URL.
    """

    name: str
    dialect: Dialect
    version: str
    new_url: Callable[[], str]
    discard: Callable[[str], None]
    server: ThrowawayServer | None = None
    is_pooled: bool = False
    direct_url: Callable[[str], str] = str

    @property
    def is_babelfish(self) -> bool:
        """True if it is no SQL Server, though it speaks its protocol and most of its language."""
        return self.version.startswith(BABELFISH)

    @property
    def slowness(self) -> float:
        """What a bound on time is to be multiplied with: Babelfish parses every batch anew, which takes a while."""
        return 5.0 if self.is_babelfish else 1.0


@dataclass(frozen=True)
class TargetSource:
    """A target that was chosen and is not open yet; ``open`` raises ``LeftOut`` when it cannot be.

    Attributes:
        name: As chosen.
        dialect: The folder of ``dbjobs/sql`` that it reads.
        kind: Which product it is: several dialects' worth of tests need only one server of each.
        supply: What to set so that it is there, for the person whose run left it out.
        open: Opens it.
        is_named: Its own variable names a server: the tests are meant to run on it.
    """

    name: str
    dialect: Dialect
    kind: str
    supply: str
    open: Callable[[ExitStack], Target]
    is_named: bool = False


class Fleet:
    """The chosen targets of one test session, each opened when it is first asked for."""

    def __init__(self, sources: tuple[TargetSource, ...]) -> None:
        self.sources = {source.name: source for source in sources}
        self.opened: dict[str, Target] = {}
        self.left_out: dict[str, str] = {}
        self._closing = ExitStack()

    def open(self, name: str) -> Target:
        """Return the target, opening it the first time. Raises ``LeftOut``, at once the second time."""
        if name in self.left_out:
            raise LeftOut(self.left_out[name])
        if name not in self.opened:
            try:
                self.opened[name] = self.sources[name].open(self._closing)
            except Exception as error:
                self.left_out[name] = f"{str(error) or repr(error)}; {self.sources[name].supply}"
                raise LeftOut(self.left_out[name]) from error
        return self.opened[name]

    def close(self) -> None:
        """End every server that was started and remove every database that was made."""
        self._closing.close()
