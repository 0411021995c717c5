"""Workers run where the event loop knows no signals, and where there are no process groups: as on Windows."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from dbjobs import Jobs
from tests.conformance.helpers import eventually
from tests.servers.processes import Spawn

pytestmark = [pytest.mark.process, pytest.mark.slow]

BARE = Path(__file__).parent / "bare"
ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, os, sys
from dbjobs import Jobs

jobs = Jobs(os.environ["URL"])

@jobs.command
def work(request: int) -> int:
    return os.getpid()

if __name__ == "__main__":
    asyncio.run(jobs.run_forever(concurrency=2))
"""


@pytest.mark.dialect("sqlite", "postgres")
async def test_a_program_stops_on_a_signal(url: str, spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "bare_app.py").write_text(PROGRAM)
    environment = {"PYTHONPATH": f"{BARE}:{ROOT}:{tmp_path}", "URL": url}
    async with Jobs(url) as jobs:
        jobs.declare("work")
        for number in (signal.SIGTERM, signal.SIGINT):
            process = spawn("-W", "error", str(tmp_path / "bare_app.py"), env=environment)
            done = await jobs.wait(await jobs.enqueue("work", 1), timeout=60)
            assert done.response == process.pid
            process.send_signal(number)
            assert await asyncio.to_thread(process.wait, 60) == 0
        assert await jobs.nodes() == []


@pytest.mark.dialect("sqlite")
async def test_worker_processes_are_stopped_without_signals(url: str, spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "bare_app.py").write_text(PROGRAM)
    environment = {"PYTHONPATH": f"{BARE}:{ROOT}:{tmp_path}", "URL": url}
    async with Jobs(url) as jobs:
        jobs.declare("work")
        process = spawn("-m", "dbjobs", "worker", "bare_app:jobs", "--processes", "2", env=environment)
        done = await jobs.wait(await jobs.enqueue("work", 1), timeout=60)
        assert done.response != process.pid
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0
        assert await jobs.nodes() == [], "they have signed off"


@pytest.mark.dialect("sqlite")
async def test_worker_processes_end_with_their_parent(url: str, spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "bare_app.py").write_text(PROGRAM)
    environment = {"PYTHONPATH": f"{BARE}:{ROOT}:{tmp_path}", "URL": url}
    async with Jobs(url) as jobs:
        jobs.declare("work")
        process = spawn("-m", "dbjobs", "worker", "bare_app:jobs", "--processes", "2", env=environment)
        await jobs.wait(await jobs.enqueue("work", 1), timeout=60)
        process.kill()
        await eventually(lambda: no_nodes(jobs), "they have signed off", timeout=60)


async def no_nodes(jobs: Jobs) -> bool:
    return await jobs.nodes() == []
