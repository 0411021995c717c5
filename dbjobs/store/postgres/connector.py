"""Connects to the first usable server of a PostgreSQL database, with a time limit for each."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlencode

import asyncpg

from dbjobs.errors import DatabaseUnavailable
from dbjobs.store.postgres.connection import Limits, PostgresConnection, Raw, server_settings
from dbjobs.store.postgres.errors import translated
from dbjobs.store.postgres.hosts import Address, hosts_of
from dbjobs.store.postgres.options import Options
from dbjobs.store.unreachable import place


class Connector:
    """What a URL says about connections, for all instances of a database that were made from it, in any thread.

    Args:
        parts: of the URL.
        options: of the URL.
        pooler: the servers are behind a pooler that knows neither prepared statements nor session settings.

    Attributes:
        where: hosts, ports and database, for messages.
        hosts: the servers.

    Raises:
        InvalidUrl.
    """

    def __init__(self, parts: SplitResult, options: Options, *, pooler: bool) -> None:
        self.hosts = hosts_of(parts, options.driver)
        self._server_settings = options.server
        self._tls = ssl.create_default_context() if options.system_certificates else None
        self._pooler = pooler
        self._given_up: set[asyncio.Task[Raw]] = set()
        driver = dict(options.driver)
        login, at, names = parts.netloc.rpartition("@")
        if self.hosts.several:
            # Asked one by one: the driver has one time limit for all of them, and a silent one would use it up.
            names = ""
            driver = {"target_session_attrs": "read-write"} | driver
            driver.pop("host", None)
            driver.pop("port", None)
        # The driver would end the login at its first '@'.
        parts = parts._replace(netloc=login.replace("@", "%40") + at + names)
        self._dsn = parts._replace(query=urlencode(driver)).geturl()
        places = ",".join(map(_name, self.hosts.addresses)) or "localhost:5432"
        self.where = f"{places}{parts.path}"

    async def connect(self, limits: Limits) -> PostgresConnection:
        """A new connection.

        Raises:
            DatabaseUnavailable: no server can be used. DatabaseError.
        """
        try:
            return await self._first(limits)
        except DatabaseUnavailable as error:
            error.in_doubt = False  # nothing was sent yet
            raise

    async def _first(self, limits: Limits) -> PostgresConnection:
        if not self.hosts.several:
            return PostgresConnection(await self._connect_to(None, limits), self.where, limits)
        reasons: list[str] = []
        for number, address in self.hosts.in_turn():
            try:
                raw = await self._connect_to(address, limits)
            except DatabaseUnavailable as error:
                self.hosts.failed(number)
                reasons.append(str(error))
            except BaseException:
                self.hosts.failed(number)  # its time ran out: the next try begins with the next server
                raise
            else:
                self.hosts.worked(number)
                return PostgresConnection(raw, _name(address), limits, number)
        raise DatabaseUnavailable("; ".join(reasons))

    async def _connect_to(self, address: Address | None, limits: Limits) -> Raw:
        options: dict[str, Any] = {"timeout": limits.connect, "command_timeout": limits.command}
        if address is not None:
            options["host"], options["port"] = address
        if self._pooler:
            options |= {"statement_cache_size": 0, "server_settings": {"application_name": "dbjobs"}}
        else:
            options |= {"statement_cache_size": 200, "max_cached_statement_lifetime": 0}
            options["server_settings"] = server_settings(limits)
        options["server_settings"] |= self._server_settings
        if self._tls is not None:
            options["ssl"] = self._tls
        # In a task of its own, which goes on when the caller is cancelled: asyncpg, cancelled at a certain moment,
        # leaves an exception behind that nobody can catch. It ends by its own limit.
        connecting: asyncio.Task[Raw] = asyncio.create_task(asyncpg.connect(self._dsn, **options))
        with translated(self.where if address is None else _name(address)):
            try:
                return await asyncio.shield(connecting)
            except asyncio.CancelledError:
                self._given_up.add(connecting)
                connecting.add_done_callback(self._drop)
                raise

    async def quiet(self, seconds: float) -> None:
        """Wait until this event loop has no abandoned connection attempts left."""
        here = asyncio.get_running_loop()
        if left := [connecting for connecting in list(self._given_up) if connecting.get_loop() is here]:
            await asyncio.wait(left, timeout=seconds)

    def _drop(self, connecting: asyncio.Task[Raw]) -> None:
        """Close a connection whose caller has given up."""
        self._given_up.discard(connecting)
        if not connecting.cancelled() and connecting.exception() is None:
            with suppress(Exception):
                connecting.result().terminate()


def _name(address: Address) -> str:
    return place(*address)
