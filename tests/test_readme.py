"""The program in the README is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.servers.processes import Spawn

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.process
def test_the_smallest_real_program_runs(spawn: Spawn, tmp_path: Path) -> None:
    program = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert program is not None
    (tmp_path / "program.py").write_text(program[1], encoding="utf-8")
    child = spawn("program.py", cwd=tmp_path)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert output.strip() == "completed 250 OK"
    assert (tmp_path / "jobs.db").exists()
