"""A process that has imported the command line already and forks for each command: a third of what a new one costs.

A forked command is a process of its own in all that the tests look at: arguments, environment, folder, standard
streams, exit code, and an end as Python's own. Commands that go on running are started as people start them
(``Cli.start``).
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# No fork on Windows, and none that is safe with the system's libraries on macOS.
CAN_FORK = sys.platform == "linux"

_FORKING = """
import json, os, sys
import dbjobs.__main__, dbjobs.cli.app, dbjobs.cli.failures, runpy
import dbjobs.store.mysql.database, dbjobs.store.postgres.database, dbjobs.store.sqlite.database

# What a command imports late: only time is lost if these names change.
late = ["anyio._backends._asyncio", "pydantic.main", "pydantic.type_adapter", "dbjobs.sql", "rich.console"]
late += ["dbjobs.jobs", "dbjobs.engine.supervisor", "dbjobs.inspect.explain", "dbjobs.inspect.numbers", "cronsim"]
late += [f"dbjobs.cli.{home.module}" for home in dbjobs.cli.app.HOMES.values()]
for module in late:
    try:
        __import__(module)
    except ImportError:
        pass

def serve():
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            return json.loads(line)
        status = os.waitpid(child, 0)[1]
        os.write(answers, b"%d\\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)

answers = os.dup(1)
wanted = serve()
os.close(answers)
for number, (path, flags) in enumerate(zip(wanted["streams"], (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY))):
    opened = os.open(path, flags)
    os.dup2(opened, number)
    os.close(opened)
sys.stdin = open(0, closefd=False)  # without what was read ahead
os.chdir(wanted["folder"])
os.environ.clear()
os.environ.update(wanted["environment"])
sys.path[0] = wanted["folder"]
sys.argv = ["dbjobs", *wanted["arguments"]]
del sys.modules["dbjobs.__main__"]
runpy.run_module("dbjobs", run_name="__main__", alter_sys=True)
"""


class Prefork:
    """One such process, started when it is first asked for."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self.lock = threading.Lock()

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: str, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``dbjobs *arguments`` to its end; with ``lock`` held, one at a time.

        Raises:
            subprocess.TimeoutExpired: it did not end within ``timeout`` seconds; it is killed.
        """
        with tempfile.TemporaryDirectory() as streams:
            paths = [Path(streams) / name for name in ("stdin", "stdout", "stderr")]
            for path, content in zip(paths, (stdin, "", ""), strict=True):
                path.write_text(content)
            process = self._started()
            assert process.stdin is not None
            assert process.stdout is not None
            wanted = {"arguments": arguments, "folder": str(folder), "environment": dict(environment)}
            process.stdin.write(json.dumps(wanted | {"streams": [str(path) for path in paths]}) + "\n")
            process.stdin.flush()
            if not select.select([process.stdout], [], [], timeout)[0]:
                os.killpg(process.pid, 9)
                process.wait()
                raise subprocess.TimeoutExpired([*arguments], timeout, paths[1].read_text(), paths[2].read_text())
            code = int(process.stdout.readline())
            return subprocess.CompletedProcess([*arguments], code, paths[1].read_text(), paths[2].read_text())

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _FORKING],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                process_group=0,
            )  # it ends with the end of its standard input, thus with this process
        return self._process


PREFORK = Prefork()
