"""The benchmarks' modules can be imported, and the processes that they start are there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import benchmarks

FOLDER = Path(benchmarks.__file__).parent
FILES = sorted(path for path in FOLDER.rglob("*.py") if path.name != "__main__.py")
OPTIONAL = {"huey", "litequeue", "oban", "pgqueuer", "procrastinate", "psycopg_pool", "pyodbc"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_a_module_can_be_imported(file: Path) -> None:
    name = ".".join(file.relative_to(FOLDER.parent).with_suffix("").parts).removesuffix(".__init__")
    try:
        importlib.import_module(name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"LEFT OUT: {error.name} is not installed")


def test_programs_that_are_started_by_name_exist() -> None:
    started = {
        name for file in FILES for name in re.findall(r'"-m", "(benchmarks[\w.]+)"', file.read_text(encoding="utf-8"))
    }
    assert started == {
        "benchmarks.ours.worker", "benchmarks.pages.watching", "benchmarks.soak.app", "benchmarks.soak.batches",
        "benchmarks.soak.schedules",
    }  # fmt: skip
    for name in started:
        assert (FOLDER.parent / Path(*name.split("."))).with_suffix(".py").is_file()
