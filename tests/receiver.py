"""An HTTP server that keeps the requests that it gets, and answers as a test wants it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple


class Received(NamedTuple):
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """What it tells of the job."""
        return json.loads(self.body)["data"]


def answer(status: int, headers: str = "", body: bytes = b"") -> bytes:
    """An answer as it is sent."""
    head = f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n{headers}\r\n"
    return head.encode() + body


class Receiver:
    """A server on 127.0.0.1.

    Attributes:
        answer: makes the answer to a request; may wait.
        received: the requests, in order.
    """

    def __init__(self) -> None:
        self.answer: Callable[[Received], bytes | Awaitable[bytes]] = lambda _: answer(204)
        self.received: list[Received] = []
        self.port = 0

    def url(self, path: str = "/hook", *, login: str = "", host: str = "127.0.0.1") -> str:
        """A URL of this server."""
        return f"http://{login}{host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, path, _ = first.split(" ")
            request = Received(method, path, headers, body)
            self.received.append(request)
            made = self.answer(request)
            writer.write(made if isinstance(made, bytes) else await made)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the notifier has given up
        finally:
            writer.close()


@asynccontextmanager
async def receiving(*, context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens while the block runs, for https with a context."""
    receiver = Receiver()
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await receiver._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
