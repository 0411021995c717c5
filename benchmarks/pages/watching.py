"""Five open pages, and the server that they are on: ``python -m benchmarks.pages.watching URL``.

It says ``ready`` when all pages are shown, does what browsers do (holds the stream, asks again after a notice, else now
and then), and at the end of its standard input prints how often it has asked.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress

import httpx
import uvicorn

from dbjobs import Jobs

WATCHED = ("/", "/jobs", "/failures", "/queues", "/workers")
GAP_SECONDS = 0.25
# A page rests this many times as long as it took to answer, up to a limit; the last rest may follow the next question.
SHARE, GAP_SECONDS_MOST = 4.0, 2.0
POLL_SECONDS = 2.5
# What a page that has a stream asks at the least.
SLOW_SECONDS = 15.0


class _Server(uvicorn.Server):
    ready: asyncio.Event

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        self.ready.set()


async def _main(url: str) -> None:
    jobs = Jobs(url)
    async with jobs:
        config = uvicorn.Config(
            jobs.admin(), port=0, log_level="error", lifespan="off", proxy_headers=False, timeout_graceful_shutdown=1
        )
        server = _Server(config)
        server.ready = asyncio.Event()
        serving = asyncio.create_task(server.serve())
        await server.ready.wait()
        base = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        asked = [0]
        async with httpx.AsyncClient(base_url=base, timeout=60) as client:
            await asyncio.gather(*(_ask(client, page, asked) for page in WATCHED))
            print("ready", flush=True)
            changed = [asyncio.Event() for _ in WATCHED]
            tasks = [asyncio.create_task(_listen(client, changed))]
            tasks += [
                asyncio.create_task(_watch(client, page, event, asked))
                for page, event in zip(WATCHED, changed, strict=True)
            ]
            await asyncio.to_thread(sys.stdin.read)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        print(asked[0], flush=True)
        server.should_exit = True
        await serving


async def _ask(client: httpx.AsyncClient, page: str, asked: list[int]) -> None:
    answer = await client.get(page, headers={"x-dbjobs-live": "1"})
    answer.raise_for_status()
    asked[0] += 1


async def _listen(client: httpx.AsyncClient, changed: list[asyncio.Event]) -> None:
    """The one stream that the tabs of a browser share."""
    async with client.stream("GET", "/live", timeout=None) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: change"):
                for event in changed:
                    event.set()


async def _watch(client: httpx.AsyncClient, page: str, changed: asyncio.Event, asked: list[int]) -> None:
    heard = False
    paid = 0.0
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(SLOW_SECONDS if heard else POLL_SECONDS):
                await changed.wait()
                heard = True
        changed.clear()
        began = time.monotonic()
        await _ask(client, page, asked)
        took = time.monotonic() - began
        again = max(paid, began + GAP_SECONDS)
        paid = max(paid, began) + took + min(SHARE * took, GAP_SECONDS_MOST)
        await asyncio.sleep(max(again - time.monotonic(), 0.0))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
