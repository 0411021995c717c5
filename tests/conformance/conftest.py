"""Fixtures of the conformance suite."""

from __future__ import annotations

import pytest

from dbjobs import Jobs
from tests.conformance.raw import Raw
from tests.servers import Target


@pytest.fixture
def jobs(url: str) -> Jobs:
    """An application on a fresh database, not opened yet."""
    return Jobs(url)


@pytest.fixture
def raw(target: Target, url: str) -> Raw:
    """The same database past the library, through the bare driver."""
    return Raw(target.dialect, url)
