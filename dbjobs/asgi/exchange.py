"""One request and its answer: the client's end of the ASGI messages."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from dbjobs.asgi.response import ApiResponse, make_response
from dbjobs.errors import PayloadTooLarge

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

# An application that has been told of its client's disconnect may go on for this long before it is cancelled. It is
# shorter than the time after which the engine closes a handler that goes on (``unresponsive_seconds``).
DISCONNECT_SECONDS = 1.0


class ClientGone(OSError):
    """What an application gets that goes on to send what nobody takes any more."""


class Exchange:
    """Calls an application once.

    It runs in a task of its own, so that a cancellation of the job reaches it first as ``http.disconnect``, which is
    how a server tells that the client has gone, and as a cancellation only if it goes on.

    Args:
        limit: the largest body of an answer, in bytes.
        keep_body: keep it; without this it may have any size.

    Attributes:
        answer: what was answered, once it has begun; its body as far as it came.
    """

    def __init__(self, app: AsgiApp, scope: Message, body: bytes, *, limit: int, keep_body: bool) -> None:
        self._app = app
        self._scope = scope
        self._body = body
        self._limit = limit
        self._keeps = keep_body and scope["method"] != "HEAD"
        self._is_read = False
        self._gone = asyncio.Event()
        self._cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._status: int | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_complete = False
        self._error: BaseException | None = None

    @property
    def answer(self) -> ApiResponse | None:
        """What the application has answered so far; None before its first message."""
        if self._status is None:
            return None
        return make_response(self._status, self._headers, b"".join(self._chunks))

    async def run(self) -> ApiResponse:
        """The answer, when the application has returned: what it does after its answer belongs to the job.

        Raises:
            PayloadTooLarge: the answer is over the limit; it was cut off there. RuntimeError: the application does
                not answer as ASGI wants it. asyncio.CancelledError. What leaves the application.
        """
        interrupted = False
        conduct = self._conduct()
        task = asyncio.create_task(conduct)
        try:
            try:
                await asyncio.wait({task, self._cut}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                interrupted = True
            if not task.done():
                interrupted = await self._disconnect(task) or interrupted
        except GeneratorExit:
            # The engine closes this where it waits, because the application goes on after its cancellation: so is that.
            with contextlib.suppress(BaseException):
                conduct.close()
            task.add_done_callback(_forget)
            task.cancel()
            raise
        error, self._error = self._error, None
        try:
            if self._cut.done():
                raise PayloadTooLarge(
                    f"the response of {self._scope['method']} {self._scope['path']} has more than {self._limit} bytes "
                    "(max_response_bytes); the application was told that its client has gone"
                )
            answer = self.answer
            done = error is None and answer is not None and self._is_complete
            # Also if it was told to stop: it has done its work nevertheless.
            if done and answer is not None and (not interrupted or answer.status < 400):
                return answer
            if interrupted:
                raise asyncio.CancelledError
            if error is not None:
                raise error
            raise RuntimeError(
                "the application has returned "
                + ("without an answer" if answer is None else "before its answer was complete")
            )
        finally:
            error = None  # its traceback holds this frame

    async def _disconnect(self, task: asyncio.Task[None]) -> bool:
        """Tell the application that its client has gone, and cancel it if it goes on; True if we are cancelled."""
        interrupted = False
        self._gone.set()
        patience: float | None = DISCONNECT_SECONDS
        while not task.done():
            try:
                await asyncio.wait({task}, timeout=patience)
            except asyncio.CancelledError:
                interrupted = True
            if not task.done():
                task.cancel()
                patience = None
        return interrupted

    async def _conduct(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except BaseException as error:  # a task that ends with SystemExit would end the event loop
            self._error = error

    async def _receive(self) -> Message:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        kind = message["type"]
        if self._cut.done():
            raise ClientGone("nobody takes this answer any more")
        if kind == "http.response.start":
            if self._status is not None:
                raise RuntimeError("the application begins a second answer")
            self._status = int(message["status"])
            self._headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
        elif kind == "http.response.body":
            if self._status is None or self._is_complete:
                raise RuntimeError("the application sends a body " + ("after its end" if self._status else "too early"))
            self._take(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                self._is_complete = True
                self._gone.set()  # as a server says it
            else:
                await asyncio.sleep(0)  # a stream that never waits would keep the event loop

    def _take(self, chunk: bytes) -> None:
        if not self._keeps:
            return
        self._size += len(chunk)
        if self._size > self._limit:
            self._cut.set_result(None)
            raise ClientGone(f"more than {self._limit} bytes")
        self._chunks.append(chunk)


def _forget(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # that its coroutine was closed is no news
