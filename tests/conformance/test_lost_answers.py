"""An outcome whose answer was lost on the way is written once, and is not called lost."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from dbjobs import Backoff, DatabaseUnavailable, JobContext, Jobs, JobState
from dbjobs.engine import finisher
from dbjobs.store import repository


class LostAnswer:
    """Runs a function of the repository once to its end, and then says that the database has gone away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.count = 0
        real = getattr(repository, name)

        async def lost(*arguments: Any, **more: Any) -> Any:
            found = await real(*arguments, **more)
            if self.count or not any(arguments[2:]):
                return found
            self.count += 1
            raise DatabaseUnavailable("the answer was lost")

        monkeypatch.setattr(repository, name, lost)


@pytest.mark.parametrize("statement", ["retry_jobs", "execute_jobs", "finish_jobs"])
async def test_it_is_not_called_lost(
    jobs: Jobs, statement: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(finisher, "FIRST_PAUSE_SECONDS", 0.01)
    answer = LostAnswer(monkeypatch, statement)
    bodies: list[int] = []
    callbacks: list[int] = []

    @jobs.command
    async def told(response: int) -> None:
        callbacks.append(response)

    @jobs.command(retry=Backoff(first_seconds=1.0, jitter=0))
    async def work(job: JobContext) -> int:
        bodies.append(job.attempt)
        if job.attempt == 1 and statement == "retry_jobs":
            raise ValueError("once")
        return 5

    with caplog.at_level(logging.WARNING, "dbjobs"):
        async with jobs.start():
            done = await jobs.wait(await jobs.enqueue(work, callback=told), timeout=20)
    assert answer.count == 1
    assert (done.state, done.response) == (JobState.COMPLETED, 5)
    assert bodies == ([1, 2] if statement == "retry_jobs" else [1])
    assert callbacks == [5]
    assert not [record for record in caplog.records if "no longer ours" in record.message]
