"""`dbjobs top`: one frame in a pipe; on a terminal it keeps up to date and hears keys."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import pytest

from tests.cli import Cli
from tests.servers.processes import Spawn

pytestmark = pytest.mark.once
LONGEST_SECONDS = 60.0


def test_a_frame_in_a_pipe_and_keys_on_a_terminal(tmp_path: Path, url: str, spawn: Spawn) -> None:
    cli = Cli(tmp_path, url, spawn)
    cli("migrate")
    cli("enqueue", "broken", "--app", "myapp:jobs")
    cli("enqueue", "hello", '{"name": "a"}', "--app", "myapp:jobs", "--queue", "mail\x1b[31m")
    worker = cli.start("worker", "myapp:jobs")
    worker.line_with("works on")
    cli("enqueue", "hello", '{"name": "b"}', "--app", "myapp:jobs", "--wait")
    worker.process.terminate()
    assert worker.end() == 0
    frame = cli("top", "--once").stdout
    assert "queued 0" in frame
    assert re.search(r"last minute: \d completed, 1 failed", frame)
    assert re.search(r"hello +2 +0", frame)
    assert re.search(r"broken +0 +1", frame)
    assert "\x1b" not in frame

    pty = pytest.importorskip("pty", reason="there are no terminals of this kind here")
    environment = {**os.environ, "DBJOBS_URL": url, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cli.folder)
        os.execve(sys.executable, [sys.executable, "-m", "dbjobs", "top", "--every", "0.5"], environment)
    seen = ""

    def until(text: str) -> None:
        nonlocal seen
        give_up = time.monotonic() + LONGEST_SECONDS
        while text not in seen:
            assert time.monotonic() < give_up, seen
            seen += os.read(terminal, 65536).decode("utf-8", "replace")
        seen = ""

    until("COMMAND (LAST HOUR)")
    os.write(terminal, b"\x1b[C")
    until("mail\\x1b[31m")
    os.write(terminal, b"p")
    until("paused")
    os.write(terminal, b"q")
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
