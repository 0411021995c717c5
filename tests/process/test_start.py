"""A worker that cannot reach its database says so in one line and ends."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import Cli
from tests.process.workers import ROOT
from tests.servers import Target
from tests.servers.processes import Spawn

pytestmark = pytest.mark.process


@pytest.fixture
def closed_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


SCHEMES = pytest.mark.parametrize("scheme", ["postgresql", "mysql", "mariadb"])


@SCHEMES
def test_the_worker_command_without_a_server_ends_with_one_line(
    tmp_path: Path, spawn: Spawn, closed_port: int, scheme: str
) -> None:
    cli = Cli(tmp_path, f"{scheme}://nobody:secret@127.0.0.1:{closed_port}/app", spawn)
    done = cli("worker", "myapp:jobs", code=1)
    errors = [line for line in done.stderr.splitlines() if f"127.0.0.1:{closed_port}" in line]
    assert len(errors) == 1, done.stderr
    assert "secret" not in done.stderr


@SCHEMES
def test_an_application_of_its_own_without_a_server_ends_with_that_error(
    tmp_path: Path, closed_port: int, scheme: str
) -> None:
    url = f"{scheme}://nobody:secret@127.0.0.1:{closed_port}/app"
    done = subprocess.run(
        [sys.executable, "-m", "tests.process.app", url, str(tmp_path / "journal")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    last = done.stderr.splitlines()[-1]
    assert last.startswith("dbjobs.errors.DatabaseUnavailable: ")
    assert f"127.0.0.1:{closed_port}" in last
    assert "ExceptionGroup" not in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.dialect("sqlite")
def test_a_file_that_cannot_be_made_is_named(target: Target, tmp_path: Path, spawn: Spawn) -> None:
    assert target.dialect == "sqlite"
    done = Cli(tmp_path, "sqlite:///missing/folder/jobs.db", spawn)("worker", "myapp:jobs", code=1)
    assert "missing/folder" in done.stderr
