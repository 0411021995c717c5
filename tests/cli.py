"""Runs `dbjobs` as people do: as a process of its own, with an application beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.prefork import CAN_FORK, PREFORK
from tests.servers.processes import Spawn

APPLICATION = """
import asyncio, logging, os
from dataclasses import dataclass
from pathlib import Path
from dbjobs import Backoff, Cancel, JobContext, Jobs

jobs = Jobs(os.environ.get("DBJOBS_URL", "sqlite:///unused.db"))
other = 5

@dataclass
class Hello:
    name: str

@jobs.command
async def hello(request: Hello, job: JobContext) -> str:
    job.log("saying hello")
    logging.getLogger("myapp.greetings").info("greeting %s", request.name)
    job.progress(1.0, "said")
    return f"hello {request.name}"

@jobs.command(retry_limit=0)
async def broken() -> None:
    raise ValueError("no \\x1b[31mway")

@jobs.command
async def give_up() -> None:
    raise Cancel("no such user")

@jobs.command
async def pid() -> int:
    return os.getpid()

@jobs.command
async def until_file(path: str, job: JobContext) -> str:
    job.log("first line")
    while not Path(path).exists():
        await asyncio.sleep(0.05)
    job.log("last line")
    return "done"
"""

# Standard error goes where standard output goes, so that a test can wait for a line of the log.
_MERGED = "import os, sys; os.dup2(1, 2); os.execv(sys.executable, [sys.executable, '-m', 'dbjobs', *sys.argv[1:]])"
LONGEST_WAIT_SECONDS = 60.0


class Cli:
    """The command line in one folder, on one database.

    Args:
        folder: where it runs; an application ``myapp`` is written there.
        url: the database, passed as DBJOBS_URL; None for none.
        spawn: the fixture, for what goes on running.
    """

    def __init__(self, folder: Path, url: str | None, spawn: Spawn) -> None:
        self.folder = folder
        self._spawn = spawn
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("DBJOBS_")}
        self._environment |= {"PYTHONPATH": str(Path(__file__).parent.parent)} | ({"DBJOBS_URL": url} if url else {})
        (folder / "myapp.py").write_text(APPLICATION)

    def __call__(
        self, *arguments: str, code: int | None = 0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and see that it ends with this exit code (None: with any)."""
        done = self._run(arguments, stdin or "")
        assert code in (None, done.returncode), f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr or "--traceback" in arguments
        return done

    def _run(self, arguments: tuple[str, ...], stdin: str) -> subprocess.CompletedProcess[str]:
        if CAN_FORK and PREFORK.lock.acquire(blocking=False):
            try:
                return PREFORK.run(arguments, self.folder, self._environment, stdin, LONGEST_WAIT_SECONDS)
            finally:
                PREFORK.lock.release()
        return subprocess.run(
            [sys.executable, "-m", "dbjobs", *arguments],
            cwd=self.folder,
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=LONGEST_WAIT_SECONDS,
            check=False,
        )

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line of bash in the folder, as a person or a deploy script does."""
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_WAIT_SECONDS,
            check=False,
        )

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        """The JSON document that a command prints."""
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def lines(self, *arguments: str) -> list[Any]:
        """The JSON objects that a command prints, one a line."""
        return [json.loads(line) for line in self(*arguments, "--json").stdout.splitlines()]

    def complaints(self, *arguments: str) -> list[str]:
        """What doctor warns of, without what a test's server has traded for speed."""
        findings = self.json("doctor", *arguments, code=None)["findings"]
        return [finding["check"] for finding in findings if not finding["ok"] and finding["check"] != "durability"]

    def start(self, *arguments: str) -> Running:
        """Start a command that goes on running."""
        return Running(self._spawn("-c", _MERGED, *arguments, env=self._environment, cwd=self.folder))


class Running:
    """A command that is running, its output and its errors in one stream."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[str] = []

    def line_with(self, text: str) -> str:
        """Wait for a line that holds this text."""
        assert self.process.stdout is not None
        with self._impatient():
            for line in self.process.stdout:
                self.seen.append(line)
                if text in line:
                    return line
        raise AssertionError(f"no line with {text!r} in:\n{''.join(self.seen)}")

    def end(self) -> int:
        """Wait until it has ended and all its output is read; the exit code."""
        assert self.process.stdout is not None
        with self._impatient():
            self.seen.extend(self.process.stdout)
            return self.process.wait()

    @contextmanager
    def _impatient(self) -> Iterator[None]:
        timer = threading.Timer(LONGEST_WAIT_SECONDS, self.process.kill)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
