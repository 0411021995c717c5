"""Fixtures of the process tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.workers import Workers
from tests.servers.processes import Spawn


@pytest.fixture
def workers(spawn: Spawn, url: str, tmp_path: Path) -> Workers:
    return Workers(spawn, url, tmp_path)
