"""An application on a file that may be opened again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbjobs import Jobs


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/jobs.db"


@pytest.fixture
def jobs(url: str) -> Jobs:
    return Jobs(url)
