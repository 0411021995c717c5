"""`dbjobs transfer` as people run it, and as a machine that loses its power does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dbjobs import Jobs
from dbjobs.cli.app import app
from tests.cli import Cli
from tests.moving_data import fill
from tests.servers.processes import Spawn

# The copying itself is tested on every database.
pytestmark = pytest.mark.once

JOBS = 4_000


async def filled(path: Path) -> int:
    """Jobs of every kind, and many; how many are live."""
    await fill(path)
    async with Jobs(f"sqlite:///{path}") as jobs:
        jobs.declare("work")
        await jobs.enqueue_many("work", range(JOBS))
        return sum((await jobs.counts(bound=2 * JOBS)).values())


def test_killed_half_way_it_goes_on_and_tells_what_it_compared(tmp_path: Path, url: str, spawn: Spawn) -> None:
    live = asyncio.run(filled(tmp_path / "old.db"))
    cli = Cli(tmp_path, url, spawn)
    running = cli.start("transfer", "sqlite:///old.db", url)
    running.line_with("copying background_job")
    running.process.kill()
    assert running.end() == -9
    done = cli("transfer", "sqlite:///old.db", url)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["TABLE", "SOURCE", "TARGET", "CHECKSUM", "EQUAL"]
    (background,) = [line.split() for line in lines if line.startswith("background_job")]
    assert background[1:3] == [f"{live:,}"] * 2
    assert {line.split()[-1] for line in lines[1:-1]} == {"yes"}
    assert "(the others were there from the run before)" in lines[-1]
    assert "copying background_job: " in done.stderr
    assert "the source may be used again" in cli("transfer", "sqlite:///old.db", "--undo").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["a"], "no target: give SOURCE and TARGET"), (["a", "b", "--without", "queue"], "'queue' is not one of request")],
)
def test_wrong_use_is_told_before_anything_is_opened(arguments: list[str], said: str) -> None:
    told = CliRunner().invoke(app, ["transfer", *arguments])
    assert told.exit_code == 2
    assert said in " ".join(told.output.replace("│", " ").split())
