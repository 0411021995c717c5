"""A handler does not take its process down; a process that does go down says so with its exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dbjobs import Jobs, JobState
from tests.conformance.helpers import eventually, state_of
from tests.process.workers import ROOT
from tests.servers.processes import Spawn

# What the database adds is in the conformance suite (test_stop.py, test_leases.py): these are about processes.
pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.once]

LEASE_SECONDS = 2.0
COMMANDS = ("panics", "cancels_itself", "cancels_everybody", "well", "hangs", "in_a_process")


@pytest.fixture
def client(url: str) -> Jobs:
    jobs = Jobs(url, retry_limit=0)
    for name in COMMANDS:
        jobs.declare(name)
    return jobs


def start(spawn: Spawn, url: str, folder: Path, *settings: str) -> subprocess.Popen[str]:
    process = spawn(
        "-m",
        "tests.process.odd_app",
        f"lease_seconds={LEASE_SECONDS}",
        *settings,
        cwd=ROOT,
        env={"ODD_APP_URL": url, "ODD_APP_FOLDER": str(folder)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", "the worker did not start"
    return process


async def ended(process: subprocess.Popen[str], seconds: float = 20) -> int:
    return await asyncio.to_thread(process.wait, seconds)


@pytest.mark.parametrize("command", ["panics", "cancels_itself"])
async def test_a_handler_does_not_take_its_process_down(
    client: Jobs, spawn: Spawn, url: str, tmp_path: Path, command: str
) -> None:
    async with client as jobs:
        process = start(spawn, url, tmp_path)
        done = await jobs.wait(await jobs.enqueue(command), timeout=10)
        assert (done.state, done.attempt, len(done.errors)) == (JobState.FAILED, 1, 1)
        assert (await jobs.wait(await jobs.enqueue("well"), timeout=10)).response == "well"
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == 0


@pytest.mark.parametrize("others_only", [True, False])
async def test_a_worker_whose_tasks_are_cancelled_ends_with_an_error(
    client: Jobs, spawn: Spawn, url: str, tmp_path: Path, others_only: bool
) -> None:
    async with client as jobs:
        process = start(spawn, url, tmp_path, "grace_seconds=0", "unresponsive_seconds=0.5")
        await jobs.enqueue("cancels_everybody", others_only)
        assert await ended(process, 40) not in (0, -signal.SIGKILL)


async def test_a_worker_with_a_thread_that_hangs_holds_its_job_until_it_has_ended(
    client: Jobs, spawn: Spawn, url: str, tmp_path: Path
) -> None:
    """Python waits for threads at its end. As long as it does, the lease is renewed."""
    async with client as jobs:
        process = start(spawn, url, tmp_path, "grace_seconds=0", "unresponsive_seconds=0.2")
        ref = await jobs.enqueue("hangs")
        await eventually((tmp_path / "hangs").exists, "the handler runs")
        process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 3 * LEASE_SECONDS
        other = start(spawn, url, tmp_path)
        while time.monotonic() < until:
            assert await state_of(jobs, ref) is JobState.STARTED
            await asyncio.sleep(0.1)
        assert (tmp_path / "hangs").read_text() == str(process.pid), "another node runs it, too"
        (tmp_path / "go on").touch()
        assert (await jobs.wait(ref, timeout=20)).response == "done"
        assert await ended(process) == 0
        assert (tmp_path / "hangs").read_text() == str(other.pid)


async def test_the_command_line_s_worker_ends_beside_a_thread_that_hangs(
    client: Jobs, spawn: Spawn, url: str, tmp_path: Path
) -> None:
    environment = {"ODD_APP_URL": url, "ODD_APP_FOLDER": str(tmp_path)}
    arguments = ("-m", "dbjobs", "worker", "tests.process.odd_app:jobs", "--grace", "0.1s", "--lease", "2s")
    async with client as jobs:
        process = spawn(*arguments, cwd=ROOT, env=environment)
        ref = await jobs.enqueue("hangs")
        await eventually((tmp_path / "hangs").exists, "the handler runs")
        process.send_signal(signal.SIGTERM)
        assert await ended(process, 30) == 1
        assert await state_of(jobs, ref) is JobState.STARTED, "until its lease is over"
        (tmp_path / "go on").touch()
        start(spawn, url, tmp_path)
        assert (await jobs.wait(ref, timeout=20)).error_code == "node_lost"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_to_the_whole_group_leaves_handlers_in_processes_their_grace(
    client: Jobs, spawn: Spawn, url: str, tmp_path: Path, number: signal.Signals
) -> None:
    async with client as jobs:
        process = start(spawn, url, tmp_path, "grace_seconds=20")
        ref = await jobs.enqueue("in_a_process")
        await eventually((tmp_path / "in a process").exists, "the handler runs", timeout=30)
        os.killpg(process.pid, number)
        await asyncio.sleep(0.3)
        (tmp_path / "go on").touch()
        assert await ended(process, 30) == 0
        job = await jobs.get(ref)
        assert job is not None
        assert (job.state, job.response) == (JobState.COMPLETED, "done")


async def test_handlers_in_processes_die_with_their_node(client: Jobs, spawn: Spawn, url: str, tmp_path: Path) -> None:
    from tests.conformance.test_timeouts import is_running

    async with client as jobs:
        process = start(spawn, url, tmp_path)
        await jobs.enqueue("in_a_process")
        file = tmp_path / "in a process"
        await eventually(lambda: file.exists() and file.read_text(), "the handler runs", timeout=30)
        pid = int(file.read_text())
        process.kill()
        await eventually(lambda: not is_running(pid), "the handler's process is gone, too")
