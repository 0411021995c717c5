"""The proxy does to connections what its commands say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.servers.proxy import Link, Proxy

SOON_SECONDS = 5.0


@asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """A server that answers each line with itself."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"echo://user:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/db"


class Client:
    """A connection through the proxy."""

    def __init__(self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.reader, self.writer = streams

    @classmethod
    async def through(cls, proxy: Proxy) -> Client:
        return cls(await asyncio.open_connection("127.0.0.1", proxy.port))

    async def ask(self) -> None:
        self.writer.write(b"hello\n")
        await self.writer.drain()

    async def answered(self) -> bytes:
        async with asyncio.timeout(SOON_SECONDS):
            return await self.reader.readline()

    async def hears_nothing(self) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await self.reader.readline()


@asynccontextmanager
async def clients() -> AsyncIterator[tuple[Proxy, Client]]:
    async with echo() as url:
        with Proxy(url) as proxy:
            assert proxy.url(url) == f"echo://user:secret@127.0.0.1:{proxy.port}/db"
            client = await Client.through(proxy)
            await client.ask()
            assert await client.answered() == b"hello\n"
            yield proxy, client
            client.writer.close()


async def test_what_is_held_arrives_after_all() -> None:
    async with clients() as (proxy, client):
        proxy.hold()
        await client.ask()
        late = await Client.through(proxy)
        await late.ask()
        await client.hears_nothing()
        await late.hears_nothing()
        proxy.restore()
        assert await client.answered() == await late.answered() == b"hello\n"
        late.writer.close()


async def test_a_silent_connection_stays_silent_and_new_ones_work() -> None:
    async with clients() as (proxy, client):
        proxy.silence()
        proxy.restore()
        await client.ask()
        await client.hears_nothing()
        new = await Client.through(proxy)
        await new.ask()
        assert await new.answered() == b"hello\n"
        new.writer.close()


async def test_a_cut_connection_breaks() -> None:
    async with clients() as (proxy, client):
        proxy.cut(refuse=True)
        with pytest.raises(ConnectionError):
            await client.answered()
        with suppress(ConnectionError):  # it may be refused at once, or closed
            refused = await Client.through(proxy)
            assert await refused.answered() == b""
            refused.writer.close()
        proxy.restore()
        new = await Client.through(proxy)
        await new.ask()
        assert await new.answered() == b"hello\n"
        new.writer.close()


async def test_an_answer_can_be_swallowed() -> None:
    async with clients() as (proxy, client):
        seen: list[bytes] = []

        def swallow(link: Link, data: bytes) -> None:
            seen.append(data)
            link.swallow_answers()

        proxy.on_sent = swallow
        await client.ask()
        await client.hears_nothing()
        assert seen == [b"hello\n"]
