"""The fixture for pytest; it comes with dbjobs by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from dbjobs.jobs import Jobs
from dbjobs.testing.databases import temporary_database


@pytest.fixture
def dbjobs_testing() -> Iterator[Callable[[Jobs], Jobs]]:
    """A function that puts an application's Jobs object on an empty database of this test's own.

    ``async with dbjobs_testing(app.jobs) as jobs:`` opens it there. It must be closed again when the test ends.
    """
    with ExitStack() as stack:

        def on_its_own(jobs: Jobs) -> Jobs:
            stack.enter_context(temporary_database(jobs))
            return jobs

        yield on_its_own
