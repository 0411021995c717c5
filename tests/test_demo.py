"""`dbjobs demo`: the whole program, as people start it, on real files."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dbjobs.demo import files
from tests.cli import Cli
from tests.servers.processes import Spawn

pytestmark = pytest.mark.process


@pytest.fixture
def cli(tmp_path: Path, spawn: Spawn) -> Cli:
    return Cli(tmp_path, None, spawn)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three text files, one of them in a folder below, and what the demo must pass over."""
    folder = tmp_path / "some words"
    (folder / "below").mkdir(parents=True)
    (folder / "one.txt").write_text("Apple pear apple\n")
    (folder / "two.txt").write_text("pear, APPLE; fig\n" * 100)
    (folder / "below" / "three.md").write_text("été fig x 42\n")
    (folder / "image.png").write_bytes(b"\x89PNG\0\0")
    (folder / "huge.txt").write_bytes(b"a " * files.MAX_BYTES)
    (folder / ".hidden").write_text("secret")
    return folder


def test_the_demo_counts_merges_reports_and_fails_once(cli: Cli, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "kept #1 at 50%" / "jobs.db"
    demo = cli.start("demo", str(folder), "--db", str(db))
    assert demo.end() == 0, "".join(demo.seen)
    text = "".join(demo.seen)
    assert "the words of 3 text files" in text
    assert "1 binary, 1 with more than 256 KiB" in text
    assert f"The jobs are kept in {db}" in text
    assert "one more job gets a file that is not there: no-such-file.txt" in text
    assert "attempt 1: FileNotFoundError" in text
    assert "it has failed for good" in text
    assert "Traceback" not in text, "a failure is told once, in the demo's own words"
    assert "305 words in 3 files" in text
    assert [line.split() for line in text.splitlines() if re.match(r" +\d+  \w+$", line)] == [
        ["102", "apple"], ["101", "fig"], ["101", "pear"], ["1", "été"],
    ]  # fmt: skip
    assert "1 file could not be counted" in text
    assert "\x1b" not in text

    report = Path(re.findall(r"^The report: (.*)$", text, re.MULTILINE)[0])
    assert report.parent == db.parent
    assert f"        3  {folder / 'one.txt'}" in report.read_text()

    shown = [shlex.split(line) for line in text.splitlines() if " --url sqlite:///" in line]
    url = shown[0][-1]
    jobs = cli.lines("jobs", "--url", url)
    assert sorted((job["command"], job["state"]) for job in jobs) == [
        *[("count_words", "completed")] * 3,
        ("count_words", "failed"),
        ("merge_counts", "cancelled"),
        *[("merge_counts", "completed")] * 3,
        ("write_report", "completed"),
    ]
    assert {job["worker"] for job in jobs if job["command"] == "merge_counts"} == {"merge"}
    (failed,) = [job for job in jobs if job["state"] == "failed"]
    assert [words[-3] for words in shown] == ["jobs", "failed", str(failed["id"])]
    assert (failed["attempt"], failed["error_code"]) == (3, "FileNotFoundError")


def test_the_command_that_it_shows_can_be_run(folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dbjobs", "demo", str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    command = next(line for line in done.stdout.splitlines() if " jobs --url " in line)
    shown = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert "count_words" in shown.stdout


def test_it_ends_well_on_the_project_itself_in_a_few_seconds(cli: Cli, tmp_path: Path) -> None:
    demo = cli.start("demo", "--db", str(tmp_path / "jobs.db"))
    assert demo.end() == 0, "".join(demo.seen)
    took = re.findall(r"^\d+ words in \d+ files, in ([0-9.]+) s$", "".join(demo.seen), re.MULTILINE)
    assert float(took[0]) < 15


def test_a_folder_that_is_not_there_or_empty_is_named(cli: Cli, tmp_path: Path) -> None:
    assert "is not a folder" in cli("demo", str(tmp_path / "nowhere"), code=2).stderr
    (tmp_path / "nothing").mkdir()
    assert "has no text files" in cli("demo", str(tmp_path / "nothing"), code=2).stderr


def test_a_name_that_is_taken_is_not_called_missing(folder: Path) -> None:
    (folder / "no-such-file.txt").write_text("here")
    assert files.missing_file(folder) == folder / "no-such-file-2.txt"


def test_many_files_are_bounded_and_it_is_said(tmp_path: Path) -> None:
    for n in range(files.MAX_FILES + 1):
        (tmp_path / f"{n:04}.txt").write_text("word")
    choice = files.choose(tmp_path)
    assert (len(choice.files), choice.more) == (files.MAX_FILES, True)
