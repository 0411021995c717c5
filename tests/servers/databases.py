"""Fresh databases on any PostgreSQL server, ours or the user's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg

CONNECT_TIMEOUT_SECONDS = 10


def create_database(server_url: str, name: str) -> str:
    """Make an empty database on the server that ``server_url`` points to, and return its URL."""
    # template0 holds nothing that an administrator may have added to template1.
    _on_server(server_url, lambda connection: connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'))
    return database_url(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Remove a database, ending the sessions that a failed test may have left in it."""
    _on_server(server_url, lambda connection: connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def server_version(server_url: str) -> str:
    """Return the server's version, for example ``"18.6"``."""
    answer = str(_on_server(server_url, lambda connection: connection.fetchval("SHOW server_version")))
    return answer.split()[0]


def database_url(server_url: str, name: str) -> str:
    """Return ``server_url`` with another database name."""
    match = re.fullmatch(r"(postgres(?:ql)?://[^/?#]*)(?:/[^?#]*)?(.*)", server_url)
    if match is None:
        raise ValueError(f"{server_url!r} is not a PostgreSQL URL: it must start with postgresql://")
    return f"{match[1]}/{name}{match[2]}"


def _on_server(url: str, work: Callable[[asyncpg.Connection[Any]], Awaitable[Any]]) -> Any:
    """Connect, do ``work`` and close, in a thread: the calling test may be running an event loop."""

    async def connect_and_work() -> Any:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(asyncio.run, connect_and_work()).result()
