"""Processes that share tasks and are killed: each time of each task has one job."""

from __future__ import annotations

import pytest

from benchmarks.soak.schedules import measure

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.dialect("sqlite", "postgres")]


async def test_each_time_has_one_job_although_processes_are_killed(url: str) -> None:
    """The large run, with 20 processes for a minute, is ``python -m benchmarks schedules``."""
    verdict = await measure(url, processes=4, tasks=5, seconds=3.5, kill_seconds=1.5)
    assert verdict.killed >= 2
    assert verdict.doubled == []
    assert verdict.left_out == []
    assert verdict.unfinished == 0
    assert len(verdict.times) == 5
    assert min(verdict.times.values()) >= 3, verdict
