"""Asks each page and each operation many times, in this process and without a network."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from benchmarks.pages import questions
from dbjobs import Jobs
from dbjobs.admin.contents import API, PAGES
from dbjobs.admin.operations import Operation

MOST_MS = 150.0
FIND_MS = 100.0
LONGEST_SECONDS = 20.0


@dataclass
class Answered:
    """How long one question took each time.

    Attributes:
        what: the question.
        status: of the last answer; 0: it has not ended in time.
        milliseconds: of each time.
        cpu: the same, on the clock of this process's processors: what other programs do is not in it.
        most: what its p95 should stay below.
    """

    what: str
    status: int = 0
    milliseconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    most: float = MOST_MS

    def percentile(self, share: float) -> float:
        """What this share of the times stayed within."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("inf")

    @property
    def is_slow(self) -> bool:
        """Too long, or no answer."""
        return self.status == 0 or self.percentile(0.95) > self.most

    @property
    def is_broken(self) -> bool:
        """Answered with an error of the server's."""
        return self.status >= 500


def page_questions() -> list[str]:
    """Paths of all pages, with their query strings."""
    asked = []
    for page in PAGES:
        for path, _, _ in page.all:
            asked.append(path)
            asked += [f"{path}?{query}" for query in questions.PAGES.get(path, ())]
    return asked


def operation_questions(request: str) -> list[str]:
    """URLs of all operations that change nothing and end by themselves. ``request``: the id of one in the log."""
    asked: list[str] = []
    for operations in API:
        for operation in operations.all:
            path = operation.path
            if operation.method != "GET" or path in questions.STREAMS:
                continue
            if path in questions.API:
                queries = [query.replace("{request}", request) for query in questions.API[path]]
                asked += [f"/api{path}?{query}" if query else f"/api{path}" for query in queries]
            else:
                asked.append(_url(operation))
    return asked


def _url(operation: Operation) -> str:
    given = [
        (one.name, str(value[0] if isinstance(value := questions.VALUES.get(one.name, "x"), list) else value))
        for one in msgspec.structs.fields(operation.takes)
        if one.required
    ]
    return f"/api{operation.path}" + (f"?{urlencode(given)}" if given else "")


async def ask_pages(jobs: Jobs, times: int) -> list[Answered]:
    """Every page and every operation, each this many times."""
    transport = httpx.ASGITransport(jobs.admin(explore=["send_email"]), client=("127.0.0.1", 5000))
    latest = await jobs.requests.list(limit=1)
    request = latest.requests[0].id if latest.requests else ""
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=LONGEST_SECONDS) as client:

        async def status_of(path: str) -> int:
            return (await client.get(path)).status_code

        asked = [*page_questions(), *operation_questions(request)]
        return [await _timed(path, times, lambda path=path: status_of(path)) for path in asked]  # type: ignore[misc]


async def ask_find(jobs: Jobs, times: int) -> list[Answered]:
    """The first look of each kind of condition."""

    async def look(conditions: dict[str, Any]) -> int:
        await jobs.find(limit=50, **conditions)
        return 200

    return [
        await _timed(f"find {name}", times, lambda conditions=conditions: look(conditions), FIND_MS)  # type: ignore[misc]
        for name, conditions in questions.FIND.items()
    ]


async def _timed(what: str, times: int, ask: Callable[[], Awaitable[int]], most: float = MOST_MS) -> Answered:
    answered = Answered(what, most=most)
    for _ in range(times):
        began, busy = time.perf_counter(), time.process_time()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                answered.status = await ask()
        except TimeoutError:
            answered.status = 0
            break
        answered.milliseconds.append((time.perf_counter() - began) * 1000)
        answered.cpu.append((time.process_time() - busy) * 1000)
    return answered


def table(answers: list[Answered]) -> Iterator[str]:
    """Lines for people."""
    width = max((len(one.what) for one in answers), default=0)
    for one in answers:
        mark = "  NO END" if one.status == 0 else f"  ERROR {one.status}" if one.is_broken else ""
        mark = mark or ("  SLOW" if one.is_slow else "")
        cpu = statistics.median(one.cpu) if one.cpu else 0.0
        times = f"{one.percentile(0.5):>8.1f} {one.percentile(0.95):>8.1f} {cpu:>8.1f} ms"
        yield f"{one.what:<{width}} {one.status:>4} {times}{mark}"
