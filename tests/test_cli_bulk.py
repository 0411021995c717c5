"""The command line for bulk actions: preview, start, list, stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli import Cli
from tests.servers.processes import Spawn

# What they say is the same for every database; what they ask is tested on each.
pytestmark = pytest.mark.once


def test_bulk_actions_are_previewed_started_listed_and_stopped(tmp_path: Path, url: str, spawn: Spawn) -> None:
    cli = Cli(tmp_path, url, spawn)
    cli("migrate")
    for number in range(2):
        cli("enqueue", "hello", f'{{"name": "n{number}"}}', "--app", "myapp:jobs", "--queue", "mail")
    previewed = cli("bulk", "cancel", "queue:mail", "--preview").stdout
    assert previewed.splitlines()[-1] == "2 jobs would be cancelled; nothing was changed"
    started = cli("bulk", "cancel", "queue:mail", "--name", "no mail", "--rate", "50")
    assert (started.stdout, "no living node" in started.stderr) == ("3\n", True)
    assert cli.json("bulk", "requeue", "state:failed") == {"id": 4, "nodes": 0}
    assert "bulk action 4 is stopped" in cli("bulk", "stop", "4").stdout
    assert "had ended before" in cli("bulk", "stop", "4", code=1).stderr
    worker = cli.start("worker", "myapp:jobs", "--queue", "other")
    worker.line_with("works on")
    for _ in range(200):
        (second, first) = cli.lines("bulk", "list")
        if first["state"] == "completed":
            break
    worker.process.terminate()
    assert worker.end() == 0
    assert (first["name"], first["reached"], first["expected"], first["rate"]) == ("no mail", 2, 2, 50.0)
    assert second["state"] == "cancelled"
    assert cli("bulk", "undo", "3", "--preview").stdout.splitlines()[-1] == (
        "2 jobs would be brought back; nothing was changed"
    )
    assert cli.json("bulk", "undo", "3", "--name", "mail again") == {"id": 5, "nodes": 0}
    assert "bulk action 4 is not a cancel" in cli("bulk", "undo", "4", code=2).stderr
    assert "at letter 1" in cli("bulk", "cancel", "colour:red", code=2).stderr
    assert "give at least one of" in cli("bulk", "cancel", "", code=2).stderr
    assert "there is no bulk action 1" in cli("bulk", "stop", "1", code=1).stderr
