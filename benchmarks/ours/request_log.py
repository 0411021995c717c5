"""What the request log costs a request: the same FastAPI route with the middleware and without, in alternating rounds.

``python -m benchmarks.ours.request_log`` writes to an SQLite file of its own; ``--url`` names another database.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from dbjobs import Jobs
from dbjobs.requestlog import RequestLog

App = Callable[[Any, Any, Any], Awaitable[None]]
HEADERS = [
    (b"host", b"localhost"), (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0 Safari/537.36"),
    (b"accept", b"*/*"), (b"x-api-key", b"a-key"), (b"cookie", b"session=abc"),
]  # fmt: skip
WARM_UP = 200


def route() -> App:
    """An application with one route that does next to nothing."""
    fastapi: Any = import_module("fastapi")  # pip install fastapi
    app: Any = fastapi.FastAPI()

    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    app.add_api_route("/items/{number}", item)
    found: App = app
    return found


async def request_ms(app: App) -> float:
    """How long the application has one request, in milliseconds."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/items/7", "raw_path": b"/items/7", "query_string": b"page=2", "root_path": "", "headers": HEADERS,
        "client": ("127.0.0.1", 5000), "server": ("localhost", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    began = time.perf_counter()
    await app(scope, receive, send)
    return (time.perf_counter() - began) * 1000


async def measure(url: str, requests: int, rounds: int, every_ms: float) -> None:
    """Print p50 and p99 of each round, and the medians of the rounds."""
    plain = route()
    logged = RequestLog(route(), jobs=Jobs(url))
    medians: dict[str, list[float]] = {"without": [], "with": []}
    for app in (plain, logged):
        for _ in range(WARM_UP):
            await request_ms(app)
    for number in range(rounds):
        for name, app in (("without", plain), ("with", logged)):
            times = []
            for _ in range(requests):
                times.append(await request_ms(app))
                await asyncio.sleep(every_ms / 1000)  # the writer has its turns, as it has in a server
            times.sort()
            medians[name].append(statistics.median(times))
            p99 = times[int(len(times) * 0.99) - 1]
            print(f"round {number + 1}  {name:<8} p50 {medians[name][-1]:.4f} ms  p99 {p99:.4f} ms", flush=True)
    await logged.close()
    less, more = (statistics.median(medians[name]) for name in ("without", "with"))
    print(f"p50 without {less:.4f} ms, with {more:.4f} ms: {more - less:+.4f} ms")
    print(f"{logged.counts}")


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ours.request_log", description=__doc__)
    parser.add_argument("--url", help="the database of the log (default: a new SQLite file)")
    parser.add_argument("--requests", type=int, default=2000, help="requests of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--every-ms", type=float, default=0.5, help="pause between two requests")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = given.url or f"sqlite:///{Path(folder) / 'jobs.db'}"
        asyncio.run(measure(url, given.requests, given.rounds, given.every_ms))


if __name__ == "__main__":
    main()
