"""A Jobs object for tests in which any database will do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dbjobs import Jobs
from dbjobs.testing import temporary_database


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    with temporary_database() as url:
        yield Jobs(url)
