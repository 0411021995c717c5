"""The admin page behind a real server, in the test's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import uvicorn
from sse_starlette.sse import _get_shutdown_state
from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the test runner's."""
        yield


@contextlib.asynccontextmanager
async def served(app: ASGIApp, *, host: str = "127.0.0.1", root_path: str = "") -> AsyncIterator[str]:
    """Serve an application on a free port; its base URL, without a slash at its end."""
    config = uvicorn.Config(
        app, host=host, port=0, log_level="warning", lifespan="off", root_path=root_path, proxy_headers=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not running.done(), "the server has not started"
            await asyncio.sleep(0.01)
        yield f"http://{host}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        while not running.done():
            # Pages that are still open listen; uvicorn's own signal would end their streams.
            for stream in list(_get_shutdown_state().events):
                stream.set()
            await asyncio.wait([running], timeout=0.05)
        await running
