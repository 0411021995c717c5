"""The other end of ``benchmarks.ours.worker``: starts the process, tells it what to do, and ends it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_ROOT = Path(__file__).parents[2]
_LONGEST_ANSWER_SECONDS = 30


class Report(NamedTuple):
    """What a worker has seen.

    Attributes:
        rss: its memory in bytes.
        runs: handlers run.
        stamps: request -> start of its handler, in nanoseconds since the epoch.
    """

    rss: int
    runs: int
    stamps: dict[int, int]


class WorkerProcess:
    """A worker process; its database is open when the block begins, its workers start with ``go``."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.ours.worker", self._url),
            cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        try:
            await self._expect("ready")
        except BaseException:
            self._process.kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_LONGEST_ANSWER_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def go(self) -> None:
        """Start its workers; returns when they run."""
        self._tell("go")
        await self._expect("started")

    async def report(self) -> Report:
        """Ask what it has seen."""
        self._tell("report")
        seen = json.loads(await self._line())
        stamps = {int(number): stamp for number, stamp in seen["stamps"].items()}
        return Report(seen["rss"], seen["runs"], stamps)

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())

    async def _expect(self, word: str) -> None:
        if (line := await self._line()) != word:
            raise RuntimeError(f"a worker process said {line!r} instead of {word!r}")

    async def _line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(_LONGEST_ANSWER_SECONDS):
            return (await self._process.stdout.readline()).decode().strip()
