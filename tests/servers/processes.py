"""Python processes that a test starts and that never outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self


class Spawn(Protocol):
    """The type of the ``spawn`` fixture."""

    def __call__(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]: ...


class Processes:
    """Starts processes, each the leader of a process group of its own, and kills those groups at the end."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self._started:
            # The group, because a worker command has worker processes of its own, which outlive a killed
            # leader. It is signalled by the leader's id, so nothing that we did not start can be hit.
            with suppress(ProcessLookupError):
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:  # Windows has no such groups
                    process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def spawn(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start ``python *arguments``.

        Standard input and output are text pipes, so that a test can wait for a line; standard error goes
        where the test's own goes, and pytest shows it when the test fails. Output is unbuffered.

        Args:
            *arguments: What follows ``python``: ``"-c", code`` or ``"-m", module, ...``.
            env: Variables on top of this process's own.
            cwd: The folder to start in.

        Returns:
            The process; its id is also its group's.
        """
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            process_group=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process
