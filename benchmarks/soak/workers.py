"""The worker processes of a soak, and what happens to them and to their server."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

from tests.conformance.raw import Raw
from tests.servers import ThrowawayServer
from tests.servers.processes import Processes

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 4.0
WORKERS = 3
START_SECONDS = 60.0
STOP_SECONDS = 60.0


class Workers:
    """Some worker processes: the first is never killed, so that what grows in it shows.

    Attributes:
        killed: process -> when it was killed.
        stopped: process -> spans in which it stood still.
        troubles: what was done, by kind.
        ended: processes that ended without being asked, with their exit codes.
    """

    def __init__(self, url: str, journal: Path) -> None:
        self._url = url
        self.journal = journal
        self._processes = Processes()
        self._running: list[Popen[str]] = []
        self.killed: dict[int, float] = {}
        self.stopped: dict[int, list[tuple[float, float]]] = {}
        self.troubles: Counter[str] = Counter()
        self.ended: list[tuple[int, int]] = []

    async def start(self) -> None:
        """Start them all."""
        for _ in range(WORKERS):
            self._running.append(await self._start_one())

    @property
    def veteran(self) -> int:
        """The process that lives from start to end."""
        return self._running[0].pid

    async def _start_one(self) -> Popen[str]:
        process = self._processes.spawn(
            "-m", "benchmarks.soak.app", self._url, str(self.journal), str(LEASE_SECONDS), cwd=ROOT
        )
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            await asyncio.to_thread(process.stdout.readline)
        return process

    async def kill_one(self) -> None:
        """As by the system that runs out of memory; another one is started."""
        victim = self._running.pop(random.randrange(1, len(self._running)))
        os.killpg(victim.pid, signal.SIGKILL)
        self.killed[victim.pid] = time.monotonic()
        await asyncio.to_thread(victim.wait)
        self._running.append(await self._start_one())

    async def stop_one(self) -> None:
        """Stands still, for longer than a lease or for less, and goes on."""
        victim = random.choice(self._running)
        began = time.monotonic()
        os.killpg(victim.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(random.choice((0.5, 1.6)) * LEASE_SECONDS)
        finally:
            os.killpg(victim.pid, signal.SIGCONT)
        self.stopped.setdefault(victim.pid, []).append((began, time.monotonic()))

    async def replace_ended(self) -> None:
        """A process that has ended by itself is noted, and another one is started."""
        for process in list(self._running):
            if process.poll() is not None:
                self.ended.append((process.pid, process.returncode))
                self.killed[process.pid] = time.monotonic()
                self._running[self._running.index(process)] = await self._start_one()

    async def finish(self) -> None:
        """SIGTERM, and wait for the end."""
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            try:
                code = await asyncio.to_thread(process.wait, STOP_SECONDS)
            except Exception:  # it does not end
                code = -1
            if code != 0:
                self.ended.append((process.pid, code))

    def close(self) -> None:
        """End whatever is left."""
        with ExitStack() as stack:
            stack.push(self._processes.__exit__)

    async def trouble(self, server: ThrowawayServer | None, raw: Raw, seconds: float) -> None:
        """One trouble after another for this long."""
        kinds: list[tuple[str, Callable[[], Awaitable[None]]]] = [
            ("kill -9", self.kill_one),
            ("SIGSTOP", self.stop_one),
        ]
        if raw.dialect != "sqlite":
            kinds.append(("connections dropped", raw.drop_connections))
        if server is not None:
            kinds.append(("server restarted", lambda: asyncio.to_thread(server.restart, "fast")))
            kinds.append(("server crashed", lambda: asyncio.to_thread(server.restart, "immediate")))
        until = time.monotonic() + seconds
        turn = 0
        while time.monotonic() < until:
            await asyncio.sleep(random.uniform(2.0, 5.0))
            name, do = kinds[turn % len(kinds)]
            turn += 1
            await do()
            self.troubles[name] += 1
            await self.replace_ended()
