"""What a test can run on: which databases are chosen, and one opened database."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from tests.servers import databases
from tests.servers.binaries import find_postgres_binaries
from tests.servers.postgres import PostgresServer

DEFAULT_POSTGRES = 18
TARGETS_VARIABLE = "DBJOBS_TEST_TARGETS"
POSTGRES_VARIABLE = "DBJOBS_TEST_POSTGRES"

Dialect = Literal["sqlite", "postgres"]


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
    """

    name: str
    dialect: Dialect
    version: str
    new_url: Callable[[], str]
    discard: Callable[[str], None]
    server: PostgresServer | None = None


@dataclass(frozen=True)
class TargetSource:
    """A target that was chosen and is not open yet; ``open`` raises ``LeftOut`` when it cannot be."""

    name: str
    dialect: Dialect
    open: Callable[[ExitStack], Target]


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
                self.left_out[name] = str(error) or repr(error)
                raise LeftOut(self.left_out[name]) from error
        return self.opened[name]

    def close(self) -> None:
        """End every server that was started and remove every database that was made."""
        self._closing.close()


def available_targets(environment: Mapping[str, str] = os.environ) -> tuple[TargetSource, ...]:
    """Return the targets that this run is to use, in the order of their names' choice.

    ``DBJOBS_TEST_TARGETS`` names them. Without it: SQLite, and PostgreSQL 18 or the server that
    ``DBJOBS_TEST_POSTGRES`` points to; in CI also each other PostgreSQL that is installed.

    Raises:
        ValueError: ``DBJOBS_TEST_TARGETS`` holds a name that is no target.
    """
    chosen = [name.strip() for name in environment.get(TARGETS_VARIABLE, "").split(",") if name.strip()]
    if not chosen:
        chosen = [
            "sqlite",
            "postgres" if environment.get(POSTGRES_VARIABLE) else f"postgres{DEFAULT_POSTGRES}",
        ]
        if environment.get("CI"):
            chosen += [f"postgres{major}" for major in find_postgres_binaries() if major != DEFAULT_POSTGRES]
    return tuple(_source(name, environment) for name in dict.fromkeys(chosen))


def _source(name: str, environment: Mapping[str, str]) -> TargetSource:
    major = name.removeprefix("postgres")
    if name == "sqlite":
        return TargetSource(name, "sqlite", partial(_open_sqlite, name))
    if name == "postgres":
        return TargetSource(name, "postgres", partial(_open_own_postgres, name, environment.get(POSTGRES_VARIABLE)))
    if name != major and major.isdecimal():
        return TargetSource(name, "postgres", partial(_open_throwaway_postgres, name, int(major)))
    raise ValueError(
        f"{TARGETS_VARIABLE} names {name!r}, which is no target: use sqlite, postgres18 (or another major"
        f" version), or postgres for the server that {POSTGRES_VARIABLE} points to"
    )


def _open_sqlite(name: str, closing: ExitStack) -> Target:
    root = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="dbjobs-sqlite-")))
    prefix = "sqlite:///"

    def new_url() -> str:
        # A folder for each: SQLite's history keeps one more file per month beside the main one.
        return f"{prefix}{tempfile.mkdtemp(dir=root)}/jobs.db"

    def discard(url: str) -> None:
        shutil.rmtree(Path(url.removeprefix(prefix)).parent)

    return Target(name, "sqlite", sqlite3.sqlite_version, new_url, discard)


def _open_throwaway_postgres(name: str, major: int, closing: ExitStack) -> Target:
    binaries = find_postgres_binaries()
    if major not in binaries:
        found = ", ".join(map(str, sorted(binaries))) or "none"
        raise LeftOut(f"no PostgreSQL {major} programs on this machine (found: {found})")
    server = closing.enter_context(PostgresServer(binaries[major]))
    return _postgres_target(name, server.url(), server, closing)


def _open_own_postgres(name: str, url: str | None, closing: ExitStack) -> Target:
    if url is None:
        raise LeftOut(f"{POSTGRES_VARIABLE} is not set")
    return _postgres_target(name, url, None, closing)


def _postgres_target(name: str, url: str, server: PostgresServer | None, closing: ExitStack) -> Target:
    # Several test runs may share the user's server: the token keeps their databases apart.
    names = (f"dbjobs_test_{token}_{n}" for token in [secrets.token_hex(4)] for n in itertools.count(1))
    made: dict[str, str] = {}

    def new_url() -> str:
        database = next(names)
        fresh = databases.create_database(url, database)
        made[fresh] = database
        return fresh

    def discard(fresh: str) -> None:
        databases.drop_database(url, made[fresh])
        del made[fresh]

    def discard_all() -> None:
        for fresh in list(made):
            discard(fresh)

    version = databases.server_version(url)
    if server is None:  # a throwaway server takes its databases with it
        closing.callback(discard_all)
        discard(new_url())  # the permission to make databases is found missing here, not in the first test
    return Target(name, "postgres", version, new_url, discard, server)
