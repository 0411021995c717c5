"""Handlers in processes: whatever they do there, their job says so, and the next one gets a sound process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbjobs import Backoff, Cancel, Job, Jobs, JobState, RetryAfter
from tests.conformance.helpers import eventually, needs_process_groups, wait_all
from tests.conformance.test_timeouts import is_running

pytestmark = [pytest.mark.once, needs_process_groups]

AT_ONCE = Backoff(first_seconds=0.01, jitter=0)


def pid_of() -> int:
    return os.getpid()


def prints(request: str) -> str:
    print("on standard output", flush=True)
    os.write(1, b"\x80\x04 bytes that look like a protocol's\n" * 100)
    print("on standard error", file=sys.stderr)
    return request


def reads() -> str:
    return sys.stdin.read() + os.read(0, 10).decode()


def runs_a_program() -> str:
    return subprocess.run(["cat"], capture_output=True, text=True, check=True).stdout


class Unpicklable(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.file = open(os.devnull)  # noqa: PTH123, SIM115


class LosesItsText(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raises(request: str) -> None:
    errors: dict[str, Callable[[], BaseException]] = {
        "plain": lambda: ValueError("from the other side"),
        "unpicklable": lambda: Unpicklable(1, 2),
        "odd": lambda: LosesItsText(1, 2),
        "group": lambda: ExceptionGroup("several", [ValueError("a")]),
        "exit": lambda: SystemExit("enough"),
        "interrupt": lambda: KeyboardInterrupt("no"),
        "cancel": lambda: Cancel("no longer wanted"),
        "later": lambda: RetryAfter(0.01, "not yet"),
    }
    raise errors[request]()


def leaves(request: str) -> None:
    match request:
        case "os._exit":
            os._exit(7)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "closed":
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # its pipes have the numbers that the node gave them
            time.sleep(600)


def returns_what_cannot_be_sent() -> Any:
    return lambda: None


def ignores_signals(request: str) -> str:
    path = Path(request)
    path.write_text(f"{os.getpid()} {os.getpgid(0)} {os.getsid(0)}")
    deadline = time.monotonic() + 20
    while not path.with_suffix(".go").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return "done"


def starts_another_and_hangs(request: str) -> None:
    child = subprocess.Popen(["sleep", "600"])
    path = Path(request)
    path.with_suffix(".part").write_text(f"{os.getpid()} {child.pid}")
    path.with_suffix(".part").rename(path)
    time.sleep(600)


def sleeps(request: float) -> str:
    time.sleep(request)
    return "slept"


async def run(jobs: Jobs, handler: Any, request: Any = None, **options: Any) -> Job:
    """Run it in the only process; afterwards that place runs another job."""
    jobs.command(name="work", process=True, **options)(handler)
    jobs.command(process=True)(pid_of)
    async with jobs.start(processes=1):
        ended = await jobs.wait(await jobs.enqueue("work", request), timeout=20)
        after = await jobs.wait(await jobs.enqueue(pid_of), timeout=20)
        assert after.state is JobState.COMPLETED, after.error
        assert after.attempt == 1, "it had to suffer for the one before"
    return ended


async def test_what_it_prints_breaks_nothing(jobs: Jobs) -> None:
    assert (await run(jobs, prints, "well")).response == "well"


async def test_there_is_nothing_to_read(jobs: Jobs) -> None:
    assert (await run(jobs, reads)).response == ""


async def test_programs_that_it_starts_have_nothing_to_read_either(jobs: Jobs) -> None:
    assert (await run(jobs, runs_a_program)).response == ""


@pytest.mark.parametrize(
    ("request_", "code", "error"),
    [
        ("plain", "ValueError", "ValueError: from the other side"),
        ("unpicklable", "Unpicklable", "Unpicklable: 1 and 2"),
        ("odd", "LosesItsText", "LosesItsText: 1 and 2"),
        ("group", "ExceptionGroup", "ExceptionGroup: several (1 sub-exception)"),
        ("exit", "SystemExit", "SystemExit: enough"),
        ("interrupt", "KeyboardInterrupt", "KeyboardInterrupt: no"),
        ("later", "retry_after", "not yet"),
    ],
)
async def test_an_error_keeps_its_class_its_text_and_its_place(
    jobs: Jobs, request_: str, code: str, error: str
) -> None:
    ended = await run(jobs, raises, request_, retry_limit=1, retry=AT_ONCE)
    assert (ended.state, ended.error_code, ended.error) == (JobState.FAILED, code, error)
    assert (ended.attempt, len(ended.errors)) == (2, 2)
    if code != "retry_after":
        assert "in raises" in (ended.errors[0].traceback or ""), "its traceback shows where it was raised"


async def test_cancel_ends_the_job_for_good(jobs: Jobs) -> None:
    ended = await run(jobs, raises, "cancel", retry_limit=5)
    assert (ended.state, ended.error, ended.attempt) == (JobState.CANCELLED, "no longer wanted", 1)


@pytest.mark.parametrize(
    ("how", "words"), [("os._exit", "ended with exit code 7"), ("killed", "was killed by SIGKILL"), ("closed", "")]
)
async def test_a_process_that_goes_away_is_told(jobs: Jobs, how: str, words: str) -> None:
    ended = await run(jobs, leaves, how, retry_limit=0)
    assert (ended.state, ended.error_code) == (JobState.FAILED, "HandlerProcessError")
    assert words in (ended.error or "")


async def test_a_response_that_cannot_be_sent_is_told(jobs: Jobs) -> None:
    ended = await run(jobs, returns_what_cannot_be_sent, retry_limit=5)
    assert (ended.state, ended.error_code, ended.attempt) == (JobState.FAILED, "InvalidResponse", 1)
    assert "ickle" in (ended.error or "")


async def test_it_has_a_session_of_its_own(jobs: Jobs, tmp_path: Path) -> None:
    """Ctrl+C in a terminal goes to the whole foreground group, a service manager's SIGTERM to all processes."""
    file = tmp_path / "pid"
    jobs.command(process=True)(ignores_signals)
    async with jobs.start(processes=1):
        ref = await jobs.enqueue(ignores_signals, str(file))
        await eventually(lambda: file.exists() and file.read_text(), "the handler runs")
        pid, group, session = map(int, file.read_text().split())
        assert (group, session) == (pid, pid)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
        file.with_suffix(".go").touch()
        assert (await jobs.wait(ref, timeout=20)).response == "done"


@pytest.mark.parametrize("worker", [None, "lane"])
async def test_a_timeout_ends_it_with_all_it_has_started(jobs: Jobs, tmp_path: Path, worker: str | None) -> None:
    file = tmp_path / "pids"
    jobs.command(process=True, retry_limit=0, timeout=0.5)(starts_another_and_hangs)
    async with jobs.start(processes=1):
        ref = await jobs.enqueue(starts_another_and_hangs, str(file), worker=worker)
        done = await jobs.wait(ref, timeout=20)
        assert (done.state, done.error_code) == (JobState.FAILED, "timeout")
        await eventually(lambda: not any(map(is_running, map(int, file.read_text().split()))), "both are gone")


async def test_a_stop_ends_it_and_hands_its_job_back_uncharged(jobs: Jobs, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    jobs.command(process=True, retry_limit=0)(starts_another_and_hangs)
    async with jobs:
        async with jobs.start(processes=1, grace_seconds=0):
            ref = await jobs.enqueue(starts_another_and_hangs, str(file))
            await eventually(file.exists, "the handler runs")
        job = await jobs.get(ref)
        assert job is not None
        assert (job.state, job.errors) == (JobState.QUEUED, ())
        await eventually(lambda: not any(map(is_running, map(int, file.read_text().split()))), "both are gone")


async def test_a_process_is_used_again(jobs: Jobs) -> None:
    jobs.command(process=True)(pid_of)
    async with jobs.start(processes=1):
        pids = [(await jobs.wait(await jobs.enqueue(pid_of), timeout=20)).response for _ in range(3)]
    assert len(set(pids)) == 1
    assert not is_running(pids[0]), "it ends with the node"


async def test_the_timeout_counts_neither_the_wait_for_a_process_nor_its_start(jobs: Jobs) -> None:
    jobs.command(process=True, timeout=1.0, retry_limit=0)(sleeps)
    async with jobs.start(processes=1):
        refs = [await jobs.enqueue(sleeps, 0.4) for _ in range(5)]
        done = await wait_all(jobs, refs)
    assert [job.response for job in done] == ["slept"] * 5


async def test_no_more_than_processes_are_claimed(jobs: Jobs) -> None:
    jobs.command(process=True)(sleeps)

    @jobs.command
    async def light() -> str:
        return "at once"

    async with jobs.start(processes=2) as engine:
        heavy = [await jobs.enqueue(sleeps, 1.0) for _ in range(4)]
        await asyncio.sleep(0.3)
        done = await jobs.wait(await jobs.enqueue(light), timeout=10)
        assert done.response == "at once"
        assert len([attempt for attempt in engine._runners.memory.all() if attempt.command.process]) == 2
        await wait_all(jobs, heavy)
