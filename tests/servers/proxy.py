"""A TCP proxy before a server, which holds, swallows or breaks connections on command: a network's bad days."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

CHUNK_BYTES = 65536
COMMAND_SECONDS = 30.0


class Link:
    """One connection through the proxy, from a client to the server.

    It passes everything on until told otherwise. The commands are safe in any thread, and in a proxy's ``on_sent``.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._writers: list[asyncio.StreamWriter] = []
        self._passing = asyncio.Event()
        self._passing.set()
        self._silent = self._mute = False

    @property
    def is_silent(self) -> bool:
        """True if nothing arrives any more, in either direction."""
        return self._silent

    def hold(self) -> None:
        """Keep what comes, in both directions, until ``release``: a network that is gone for a while."""
        self._proxy._now(self._passing.clear)

    def release(self) -> None:
        """Deliver what was held and pass on again."""
        self._proxy._now(self._passing.set)

    def silence(self) -> None:
        """From here on nothing arrives, in either direction, and nothing breaks: a router that has forgotten it."""
        self._proxy._now(self._be_silent)

    def swallow_answers(self) -> None:
        """From here on what the client sends arrives, and no answer comes back."""
        self._proxy._now(self._be_mute)

    def reset(self) -> None:
        """Break it on both sides at once."""
        self._proxy._now(self._break)

    def _be_silent(self) -> None:
        self._silent = True

    def _be_mute(self) -> None:
        self._mute = True

    def _break(self) -> None:
        for writer in self._writers:
            raw = writer.get_extra_info("socket")
            if raw is not None:
                with suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._passing.set()

    async def _run(self, client: tuple[asyncio.StreamReader, asyncio.StreamWriter], target: tuple[str, int]) -> None:
        self._writers.append(client[1])
        await self._passing.wait()
        if self._silent:
            await client[0].read(-1)
            return
        try:
            server = await asyncio.open_connection(*target)
        except OSError:
            self._break()
            return
        self._writers.append(server[1])
        async with asyncio.TaskGroup() as ways:
            ways.create_task(self._pump(client[0], server[1], is_client=True))
            ways.create_task(self._pump(server[0], client[1], is_client=False))

    async def _pump(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, is_client: bool) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if is_client and self._proxy.on_sent is not None:
                    self._proxy.on_sent(self, data)
                await self._passing.wait()
                if not self._silent and (is_client or not self._mute):
                    to.write(data)
                    await to.drain()
        await self._passing.wait()
        if not self._silent and not self._mute:  # a silent link does not even tell that one side has closed
            to.close()


class Proxy:
    """Listens on a free loopback port, in a thread of its own, and connects what comes to a server.

    Args:
        url: of the server; it must name host and port.

    Attributes:
        on_sent: called in the proxy's thread with (link, bytes) before a client's bytes are passed on.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError("the URL names no host and port")
        self.target = (parts.hostname, parts.port)
        self.port = 0
        self.on_sent: Callable[[Link, bytes], None] | None = None
        self._links: set[Link] = set()
        self._holds = self._silences = self._refuses = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, *exc: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, url: str) -> str:
        """The same database, through this proxy."""
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}").geturl()

    @property
    def links(self) -> list[Link]:
        """Connections that are open now."""
        return self._do(self._open_links())

    def hold(self) -> None:
        """Hold all connections, those to come too, until ``restore``."""
        self._holds = True
        for link in self.links:
            link.hold()

    def silence(self, *, new: bool = False) -> None:
        """Silence all connections for good; with ``new`` those to come too, until ``restore``."""
        self._silences = new
        for link in self.links:
            link.silence()

    def cut(self, *, refuse: bool = False) -> None:
        """Break all connections; with ``refuse`` those to come too, until ``restore``."""
        self._refuses = refuse
        for link in self.links:
            link.reset()

    def restore(self) -> None:
        """New connections work; held ones go on with what was held. Silent ones stay silent."""
        self._holds = self._silences = self._refuses = False
        for link in self.links:
            link.release()

    # --- the proxy's thread ---------------------------------------------------------------------

    def _now(self, change: Callable[[], object]) -> None:
        if threading.current_thread() is self._thread:
            change()
            return

        async def do() -> None:
            change()

        self._do(do())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(COMMAND_SECONDS)

    async def _open_links(self) -> list[Link]:
        return list(self._links)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self)
        if self._refuses:
            writer.transport.abort()
            return
        if self._holds:
            link._passing.clear()
        if self._silences:
            link._silent = True
        self._links.add(link)
        try:
            await link._run((reader, writer), self.target)
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(link)
            link._break()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
