"""`dbjobs worker` and what runs beside it: real processes, real signals."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cli import Cli
from tests.servers.processes import Spawn

pytestmark = pytest.mark.process


@pytest.fixture
def cli(tmp_path: Path, url: str, spawn: Spawn) -> Cli:
    """The command line on a database with tables."""
    cli = Cli(tmp_path, url, spawn)
    cli("migrate")
    return cli


def test_a_worker_runs_jobs_until_it_is_told_to_stop(cli: Cli) -> None:
    worker = cli.start("worker", "myapp:jobs", "--concurrency", "3", "--queue", "default=2", "--queue", "mail")
    assert "up to 3 jobs at once, from the queues default, mail" in worker.line_with("commands")
    ran = cli("enqueue", "hello", '{"name": "you"}', "--wait", "--wait-timeout", "30")
    assert (ran.stdout, ran.stderr) == ('"hello you"\n', "job 1\n")
    assert "] myapp.greetings: job 1: greeting you" in worker.line_with("greeting")
    ended = cli.json("enqueue", "broken", "--app", "myapp:jobs", "--wait", code=1)
    assert (ended["state"], ended["error"]) == ("failed", "ValueError: no \x1b[31mway")
    assert "ERROR" in worker.line_with(
        "] dbjobs.attempts: job 2 (broken): attempt 1 failed: ValueError: no \\x1b[31mway; the job has failed for good"
    )
    worker.line_with('raise ValueError("no \\x1b[31mway")')
    assert cli.complaints("--app", "myapp:jobs") == []
    shown = cli("show", "2").stdout
    assert "attempt 1 failed at" in shown
    assert 'raise ValueError("no \\x1b[31mway")' in shown
    cli("enqueue", "give_up", "--wait", code=1)
    shown = cli("show", "3").stdout
    assert "attempt 1 was cancelled at" in shown
    assert "failed" not in shown
    assert [line["message"] for line in cli.lines("logs", "1")] == ["saying hello"]
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end() == 0
    assert worker.seen[-1].endswith("stopped\n")


@pytest.mark.once
def test_the_modules_of_an_application_are_kept_out_of_the_collector_s_walks(cli: Cli) -> None:
    (cli.folder / "counted.py").write_text(
        "import gc\nfrom myapp import Jobs, os\njobs = Jobs(os.environ['DBJOBS_URL'])\n"
        "@jobs.command\nasync def frozen(request: None) -> int:\n    return gc.get_freeze_count()\n"
    )
    worker = cli.start("worker", "counted:jobs")
    assert int(cli("enqueue", "frozen", "--wait", "--wait-timeout", "30").stdout) > 10_000
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end() == 0


@pytest.mark.once
def test_a_worker_without_a_command_says_what_to_do_and_goes_on(cli: Cli) -> None:
    (cli.folder / "bare.py").write_text("from myapp import Jobs, os\njobs = Jobs(os.environ['DBJOBS_URL'])\n")
    worker = cli.start("worker", "bare:jobs")
    line = worker.line_with("has no command")
    assert "WARNING" in line
    assert "bare:jobs has no command to run: mark its handlers with @jobs.command, and import the modules" in line
    worker.process.send_signal(signal.SIGTERM)
    assert worker.end() == 0
    assert worker.seen[-1].endswith("stopped\n")


@pytest.mark.once
def test_logs_follow_a_job_to_its_end(cli: Cli) -> None:
    cli.start("worker", "myapp:jobs")
    cli("enqueue", "until_file", '"flag"')
    following = cli.start("logs", "1", "--follow")
    assert "info     first line" in following.line_with("first line")
    (cli.folder / "flag").touch()
    assert following.end() == 0
    assert "last line" in "".join(following.seen)
    assert following.seen[-1] == "job 1 completed\n"


@pytest.mark.once
def test_a_wait_that_is_over_leaves_the_job_alone(cli: Cli) -> None:
    assert "has not ended within 0.1 s" in cli("enqueue", "hello", "--wait", "--wait-timeout", "0.1", code=1).stderr
    assert cli.json("show", "1")["state"] == "queued"


@pytest.mark.once
def test_worker_processes_are_replaced_when_they_die_and_stopped_together(cli: Cli) -> None:
    parent = cli.start("worker", "myapp:jobs", "--processes", "2")
    for index in (1, 2):
        parent.line_with(f"worker {index} has process id")
    victim = int(cli("enqueue", "pid", "--wait").stdout)
    assert any(line.endswith(f"has process id {victim}\n") for line in parent.seen)
    os.kill(victim, signal.SIGKILL)
    assert "killed by SIGKILL; starting it again in" in parent.line_with("ended unexpectedly")
    parent.line_with("has process id")
    assert cli("enqueue", "pid", "--wait").stdout != f"{victim}\n"
    parent.process.send_signal(signal.SIGINT)
    assert parent.end() == 0
    assert parent.seen[-1].endswith("all worker processes have ended\n")


@pytest.mark.once
def test_worker_processes_stop_when_their_parent_is_killed(cli: Cli) -> None:
    parent = cli.start("worker", "myapp:jobs", "--processes", "2")
    cli("enqueue", "hello", '{"name": "you"}', "--wait")
    parent.process.kill()
    # The stream ends when the last process that writes to it has ended.
    parent.end()
    assert sum("the parent process is gone" in line for line in parent.seen) >= 1
