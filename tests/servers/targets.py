"""What a test can run on: which databases are chosen, and how each is opened."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers import databases
from tests.servers.binaries import find_postgres_binaries
from tests.servers.fleet import Dialect, LeftOut, Target, TargetSource
from tests.servers.folder import folder_for_tests
from tests.servers.mysql import MysqlServer, find_mysql_programs
from tests.servers.pgbouncer import Pgbouncer, find_pgbouncer
from tests.servers.postgres import PostgresServer
from tests.servers.throwaway import ThrowawayServer

DEFAULT_POSTGRES = 18
TARGETS_VARIABLE = "DBJOBS_TEST_TARGETS"
# The user's own servers, by target: (variable, example of its value).
OWN_SERVERS = {
    "postgres": ("DBJOBS_TEST_POSTGRES", "postgresql://..."),
    "mysql": ("DBJOBS_TEST_MYSQL", "mysql://root:...@host/db"),
    "mariadb": ("DBJOBS_TEST_MARIADB", "mariadb://root:...@host/db"),
    "sqlserver": ("DBJOBS_TEST_SQLSERVER", "mssql://sa:...@host/master (compose.yaml has one)"),
}
_DIALECTS: dict[str, Dialect] = {
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlserver": "sqlserver",
}


def available_targets(environment: Mapping[str, str] = os.environ) -> tuple[TargetSource, ...]:
    """Return the targets that this run is to use, in the order of their names' choice.

    ``DBJOBS_TEST_TARGETS`` names them. Without it: SQLite, PostgreSQL 18 or the server that
    ``DBJOBS_TEST_POSTGRES`` points to, MySQL, MariaDB and SQL Server; in CI also each other PostgreSQL that is
    installed, and SQL Server only when there is one.

    Raises:
        ValueError: ``DBJOBS_TEST_TARGETS`` holds a name that is no target.
    """
    chosen = [name.strip() for name in environment.get(TARGETS_VARIABLE, "").split(",") if name.strip()]
    if not chosen:
        own_postgres = environment.get(OWN_SERVERS["postgres"][0])
        chosen = ["sqlite", "postgres" if own_postgres else f"postgres{DEFAULT_POSTGRES}", "mysql", "mariadb"]
        if environment.get("CI"):
            chosen[2:2] = [f"postgres{major}" for major in find_postgres_binaries() if major != DEFAULT_POSTGRES]
        # We can start every server but this one. In CI a database that is chosen and missing is a failure.
        if environment.get(OWN_SERVERS["sqlserver"][0]) or not environment.get("CI"):
            chosen.append("sqlserver")
    return tuple(_source(name, environment) for name in dict.fromkeys(chosen))


def make_server(name: str) -> ThrowawayServer:
    """A throwaway server for a target, not started.

    Raises:
        LeftOut: it cannot be had on this machine.
    """
    if name in ("mysql", "mariadb"):
        try:
            return MysqlServer(find_mysql_programs("mysql" if name == "mysql" else "mariadb"))
        except Exception as error:
            raise LeftOut(f"no server of our own: {error}") from error
    major = _postgres_major(name)
    if major is None:
        raise LeftOut("no server of our own can be had for it")
    binaries = find_postgres_binaries()
    if major not in binaries:
        found = ", ".join(map(str, sorted(binaries))) or "none"
        raise LeftOut(f"no PostgreSQL {major} programs on this machine (found: {found})")
    return PostgresServer(binaries[major])


def _source(name: str, environment: Mapping[str, str]) -> TargetSource:
    if name == "pgbouncer":
        supply = "install PgBouncer"
        return TargetSource(name, "postgres", "postgres", supply, partial(_open_pgbouncer, name))
    if name == "sqlite":
        return TargetSource(name, "sqlite", "sqlite", "it comes with Python", partial(_open_sqlite, name))
    kind = "postgres" if _postgres_major(name) is not None else name
    if kind not in OWN_SERVERS:
        raise ValueError(
            f"{TARGETS_VARIABLE} names {name!r}, which is no target: use sqlite, postgres18 (or another major version),"
            " mysql, mariadb, sqlserver, pgbouncer, or postgres for the server that DBJOBS_TEST_POSTGRES points to"
        )
    variable, example = OWN_SERVERS[kind]
    supply = f"set {variable}={example} to point the tests at a server"
    own_url = environment.get(variable) if name == kind else None
    if own_url:
        opener = partial(_open_own, name, own_url)
    elif name in ("postgres", "sqlserver"):
        opener = partial(_leave_out, "the tests can start no such server")
    else:
        opener = partial(_open_throwaway, name)
    return TargetSource(name, _DIALECTS[kind], kind, supply, opener, is_named=bool(own_url))


def _postgres_major(name: str) -> int | None:
    major = name.removeprefix("postgres")
    return int(major) if major != name and major.isdecimal() else None


def _open_sqlite(name: str, closing: ExitStack) -> Target:
    root = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="dbjobs-sqlite-", dir=folder_for_tests())))
    prefix = "sqlite:///"

    def new_url() -> str:
        # A folder for each: SQLite's history keeps one more file per month beside the main one.
        return f"{prefix}{tempfile.mkdtemp(dir=root)}/jobs.db"

    def discard(url: str) -> None:
        # A connection that is being closed at this moment removes its own files.
        shutil.rmtree(Path(url.removeprefix(prefix)).parent, ignore_errors=True)

    return Target(name, "sqlite", sqlite3.sqlite_version, new_url, discard)


def _leave_out(reason: str, _: ExitStack) -> Target:
    raise LeftOut(reason)


def _open_throwaway(name: str, closing: ExitStack) -> Target:
    server = closing.enter_context(_for_tests(make_server(name)))
    return _server_target(name, server.url(), server, closing)


def _for_tests(server: ThrowawayServer) -> ThrowawayServer:
    server.folder = folder_for_tests()
    return server


def _open_own(name: str, url: str, closing: ExitStack) -> Target:
    return _server_target(name, url, None, closing)


def _open_pgbouncer(name: str, closing: ExitStack) -> Target:
    """Databases of a PostgreSQL of our own, entered through a pooler. It is the pooler that is under test."""
    try:
        program = find_pgbouncer()
    except Exception as error:
        raise LeftOut(f"no PgBouncer: {error}") from error
    behind = closing.enter_context(_for_tests(make_server(f"postgres{DEFAULT_POSTGRES}")))
    pooler = closing.enter_context(Pgbouncer(program, behind.url()))
    direct = _server_target(name, behind.url(), behind, closing)

    def pooled(url: str) -> str:
        return pooler.url(urlsplit(url).path.lstrip("/"))

    by_pooled: dict[str, str] = {}

    def new_url() -> str:
        url = direct.new_url()
        by_pooled[pooled(url)] = url
        return pooled(url)

    version = f"{pooler.version} before PostgreSQL {direct.version}"
    return Target(
        name,
        "postgres",
        version,
        new_url,
        discard=lambda url: direct.discard(by_pooled.pop(url)),
        is_pooled=True,
        direct_url=by_pooled.__getitem__,
    )


def _server_target(name: str, url: str, server: ThrowawayServer | None, closing: ExitStack) -> Target:
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
    dialect = _DIALECTS.get(name, "postgres")
    return Target(name, dialect, version, new_url, discard, server)
