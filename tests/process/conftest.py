"""Fixtures of the process tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.workers import Workers
from tests.servers import Target, ThrowawayServer
from tests.servers.processes import Spawn


@pytest.fixture
def workers(spawn: Spawn, url: str, tmp_path: Path) -> Workers:
    return Workers(spawn, url, tmp_path)


@pytest.fixture
def server(target: Target) -> Iterator[ThrowawayServer]:
    """A server of this test's own: the others' is not to be disturbed."""
    if target.server is None:
        pytest.skip(f"LEFT OUT: {target.name} is not a server of our own, which can be restarted")
    with target.server.another() as server:
        yield server
