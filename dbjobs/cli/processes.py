"""Worker processes under one parent: started, watched, started again, stopped together."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dbjobs.cli.output import counted

log = logging.getLogger("dbjobs.worker")

# Delay before a process that died is started again: doubled each time, until one has lived long enough.
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0

PIPE_OPTION = "--parent-pipe"


def own_command() -> list[str]:
    """How this program was started, so that a child finds the same modules in the same places."""
    script = Path(sys.argv[0])
    if script.name == "dbjobs" and script.is_file():
        return [sys.executable, str(script)]
    return [sys.executable, "-m", "dbjobs"]


class WorkerProcesses:
    """Keeps a number of worker processes running until SIGTERM or SIGINT.

    Each child is the leader of a process group of its own, so that Ctrl+C reaches it once, through us,
    and not a second time from the terminal (the second signal ends its grace). Each holds the reading
    end of a pipe that only we can write to: if we are killed, it hears that and stops by itself.

    Args:
        command: program and arguments of one worker process; the pipe's number is added.
        count: how many to run.
    """

    def __init__(self, command: Sequence[str], count: int) -> None:
        self._command = command
        self._count = count
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._failed = False

    async def run(self) -> int:
        """Run until stopped; 0 if every process ended well after that, else 1."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._forward, number)
        reading, writing = os.pipe()
        try:
            log.info("starting %s", counted(self._count, "worker process"))
            async with asyncio.TaskGroup() as tasks:
                for index in range(1, self._count + 1):
                    tasks.create_task(self._keep(index, reading))
        finally:
            os.close(writing)
            os.close(reading)
        log.info("all worker processes have ended")
        return 1 if self._failed else 0

    def _forward(self, number: int) -> None:
        log.info("%s: stopping %d worker processes", signal.Signals(number).name, len(self._running))
        self._stopping.set()
        for process in self._running.values():
            _stop(process)

    async def _keep(self, index: int, pipe: int) -> None:
        """One place in the set: a process that dies in it is replaced."""
        delay = FIRST_DELAY_SECONDS
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._live(index, pipe)
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

    async def _live(self, index: int, pipe: int) -> int:
        """One process from start to end; its exit code."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            PIPE_OPTION,
            str(pipe),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(pipe,),
            process_group=0,
        )
        self._running[index] = process
        try:
            log.info("worker %d has process id %d", index, process.pid)
            if self._stopping.is_set():  # the signal came while the process was being started
                _stop(process)
            return await process.wait()
        finally:
            del self._running[index]


def _stop(process: asyncio.subprocess.Process) -> None:
    # SIGTERM for SIGINT as well: a child that is still importing would answer SIGINT with a traceback.
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)


def _told(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
