"""The command line for what is known of jobs: explain, find, replay, previews."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dbjobs import Jobs
from dbjobs.store import repository
from dbjobs.store.repository.rollups import DAY, Rollup, Sums
from tests.cli import Cli
from tests.servers.processes import Spawn

# What they say is the same for every database; what they ask is tested on each.
pytestmark = pytest.mark.once


def test_jobs_are_found_explained_and_run_once_more(tmp_path: Path, url: str, spawn: Spawn) -> None:
    cli = Cli(tmp_path, url, spawn)
    cli("migrate")
    cli("enqueue", "hello", '{"name": "a"}', "--app", "myapp:jobs", "--tag", "greetings")
    cli("enqueue", "broken", "--app", "myapp:jobs")
    told = cli("explain", "1").stdout
    assert told.splitlines()[0].split() == ["job", "1", "hello", "queued"]
    assert "no_node  No node is alive" in told
    worker = cli.start("worker", "myapp:jobs")
    worker.line_with("works on")
    cli("enqueue", "hello", '{"name": "b"}', "--app", "myapp:jobs", "--wait")
    worker.process.terminate()
    assert worker.end() == 0
    assert [job["id"] for job in cli.lines("find", "command=hello", "request.name=b")] == [3]
    assert [job["id"] for job in cli.lines("find", "error~NO", "state=failed,cancelled")] == [2]
    assert [job["id"] for job in cli.lines("find", "command:h* request.name:b -state:failed error:* ")] == []
    assert [job["id"] for job in cli.lines("find", "command:h* request.name:b -has:error", "attempts:>=1")] == [3]
    page = cli("find", "attempt>=1", "--limit", "2")
    assert page.stdout.splitlines()[-1].split()[0] == "2"
    assert "further back: --before 2" in page.stderr
    assert cli.json("requeue", "--where", "error~no", "--preview") == {"preview": 1}
    assert cli.json("requeue", "--where", "error~no", "--at-most", "5") == {"requeued": 1}
    assert cli.json("cancel", "--where", "command^=bro") == {"cancelled": 1}
    assert cli.json("replay", "1", '{"name": "again"}') == {"id": 4, "replay_of": 1}
    assert cli.json("explain", "4")["reasons"][0]["code"] == "no_node"
    (greeted,) = [one for one in cli.lines("stats") if one["name"] == "hello"]
    assert (greeted["completed"], greeted["run"]["count"]) == (2, 2)
    assert cli("stats", "queue", "--since", "2h").stdout.splitlines()[1].split()[:3] == ["default", "2", "1"]
    assert cli.json("workers")["together"]["received"] == 3
    assert "no named worker" in cli("workers").stdout
    assert "'hour' is not one of queue" in cli("stats", "hour", code=2).stderr
    refused = cli("find", "state:faild", code=2).stderr
    assert refused.startswith("dbjobs: at letter 7: a state is scheduled, waiting")
    refused = cli("find", "colour=red", code=2).stderr
    assert refused.startswith("dbjobs: find: there is no filter 'colour'; known filters are args")


def test_a_running_job_shows_an_estimate_of_its_progress(tmp_path: Path, url: str, spawn: Spawn) -> None:
    cli = Cli(tmp_path, url, spawn)
    cli("migrate")

    async def count() -> None:  # attempts that took 1,000 hours each
        async with Jobs(url) as jobs:
            sums = Sums(completed=2, run_ms=2 * 3.6e9)
            await repository.write_rollups(jobs._client.db, [Rollup(DAY, 0, 1, ("q", "until_file", ""), sums)])

    asyncio.run(count())
    worker = cli.start("worker", "myapp:jobs")
    cli("enqueue", "until_file", '"flag"')
    following = cli.start("logs", "1", "--follow")
    following.line_with("first line")
    assert "  progress     ~0%\n" in cli("show", "1").stdout
    for page in (cli("jobs"), cli("find", "state=started")):
        assert page.stdout.splitlines()[1].split()[-1] == "~0%"
    assert (cli.json("show", "1")["progress"], cli.lines("jobs")[0]["progress"]) == (None, None)
    (tmp_path / "flag").touch()
    assert following.end() == 0
    worker.process.terminate()
    assert worker.end() == 0
    assert "progress" not in cli("show", "1").stdout
