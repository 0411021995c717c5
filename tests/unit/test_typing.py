"""What type checkers make of programs that use dbjobs: right ones are accepted, and each wrong line is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
RIGHT, WRONG = ROOT / "tests" / "typing" / "right.py", ROOT / "tests" / "typing" / "wrong.py"
LONGEST_SECONDS = 240.0  # a few seconds each, on a machine with nothing else to do

Lines = set[tuple[str, int]]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )


def mypy(folder: Path) -> tuple[Lines, str]:
    """Lines of both programs that mypy refuses, and what it says."""
    done = run(
        "mypy", "--strict", "--config-file=", "--explicit-package-bases", f"--cache-dir={folder}", "--no-error-summary",
        "--follow-imports=silent", str(RIGHT), str(WRONG), MYPYPATH=str(ROOT),
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    found = [re.match(r"(.*?):(\d+): error: ", line) for line in errors]
    return {(Path(match[1]).name, int(match[2])) for match in found if match}, "\n".join(errors)


def pyright(_: Path) -> tuple[Lines, str]:
    """The same of pyright, in its strict mode: both programs ask for it."""
    done = run(
        "pyright", "--outputjson", "--pythonpath", sys.executable, str(RIGHT), str(WRONG),
        PYRIGHT_PYTHON_IGNORE_WARNINGS="1",
    )  # fmt: skip
    try:
        said = json.loads(done.stdout)
    except ValueError:  # it is a program for Node.js, which has to be there
        leave_out(f"pyright does not run here: {(done.stderr or done.stdout)[-500:].strip()}")
    errors = [entry for entry in said["generalDiagnostics"] if entry["severity"] == "error"]
    lines = {(Path(entry["file"]).name, entry["range"]["start"]["line"] + 1) for entry in errors}
    return lines, "\n".join(f"{entry['range']['start']['line'] + 1}: {entry['message']}" for entry in errors)


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)
def test_exactly_the_wrong_lines_are_refused(checker: Callable[[Path], tuple[Lines, str]], tmp_path: Path) -> None:
    marked = {
        (WRONG.name, number)
        for number, line in enumerate(WRONG.read_text(encoding="utf-8").splitlines(), 1)
        if "# refused" in line
    }
    refused, said = checker(tmp_path)
    assert refused == marked, said


def leave_out(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(f"HALF OF THE TYPING TEST IS LEFT OUT: {reason}")
