"""Worker processes under one parent: started, watched, started again, stopped together."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dbjobs.engine.signals import signalled
from dbjobs.wording import counted

log = logging.getLogger("dbjobs.worker")

# Delay before a dead process is restarted; it doubles each time until a process lives long enough.
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0

PIPE_OPTION = "--parent-pipe"
# Where process groups are made in this way (Windows), Ctrl+C reaches those of our own group only.
_NEW_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


def own_command() -> list[str]:
    """The command that started this program, so that a child finds the same modules."""
    script = Path(sys.argv[0])
    if script.name == "dbjobs" and script.is_file():
        return [sys.executable, str(script)]
    return [sys.executable, "-m", "dbjobs"]


class WorkerProcesses:
    """Keeps a number of worker processes running until SIGTERM or SIGINT.

    Each child is the leader of a process group of its own, so that Ctrl+C reaches it once, through us,
    and not a second time from the terminal (the second signal ends its grace). The standard input of each
    is a pipe that only we can write to: if we are killed, it hears that and stops by itself. Where a process
    cannot be sent a signal, closing that pipe is how it is told to stop.

    Args:
        command: program and arguments of one worker process; what tells it of the pipe is added.
        count: how many to run.
    """

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command = command
        self._count = count
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._can_signal = True
        self._failed = False

    async def run(self) -> int:
        """Run until stopped; 0 if every process ended well after that, else 1."""
        with signalled(self._forward) as self._can_signal:
            log.info("starting %s", counted(self._count, "worker process"))
            async with asyncio.TaskGroup() as tasks:
                for index in range(1, self._count + 1):
                    tasks.create_task(self._keep(index))
        log.info("all worker processes have ended")
        return 1 if self._failed else 0

    def _forward(self, number: signal.Signals) -> None:
        log.info("%s: stopping %s", number.name, counted(len(self._running), "worker process"))
        again = self._stopping.is_set()
        self._stopping.set()
        for process in self._running.values():
            self._stop(process, again=again)

    async def _keep(self, index: int) -> None:
        """One slot of the set: its process is replaced when it dies."""
        delay = FIRST_DELAY_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._live(index)
            if self._stopping.is_set():
                self._failed = self._failed or code not in (0, -signal.SIGTERM)
                return
            if time.monotonic() - began >= STEADY_SECONDS:
                delay = FIRST_DELAY_SECONDS
            log.warning("worker %d ended unexpectedly: %s; starting it again in %g s", index, _told(code), delay)
            try:
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
            except TimeoutError:
                delay = min(delay * 2, LONGEST_DELAY_SECONDS)

    async def _live(self, index: int) -> int:
        """Run one process from start to end; returns its exit code."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            PIPE_OPTION,
            stdin=asyncio.subprocess.PIPE,
            process_group=0,
            creationflags=_NEW_GROUP,
        )
        self._running[index] = process
        try:
            log.info("worker %d has process id %d", index, process.pid)
            if self._stopping.is_set():  # the signal came during the start
                self._stop(process)
            return await process.wait()
        finally:
            del self._running[index]

    def _stop(self, process: asyncio.subprocess.Process, *, again: bool = False) -> None:
        if process.returncode is not None:
            return
        if self._can_signal:
            # SIGTERM for SIGINT as well: a child that is still importing would answer SIGINT with a traceback.
            process.send_signal(signal.SIGTERM)
        elif again:
            process.kill()  # others take its jobs when its lease is over
        elif process.stdin is not None:
            process.stdin.close()


def _told(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
