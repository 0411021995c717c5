"""Estimates progress for running jobs whose handlers report none, from how long the same work took before."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from dbjobs.client.client import Client
from dbjobs.models import Job, JobState, JobSummary
from dbjobs.store import repository

# An estimate never says that a job is finished.
MOST = 0.99
# How long we keep means: they change slowly, and a page that refreshes again and again then asks once.
KEEP_SECONDS = 10.0
# For the means we read this many of the newest roll-ups of minutes, of hours and of days.
BOUND = 10_000


class Estimates:
    """Estimates progress, and remembers the means for ``KEEP_SECONDS``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._until = 0.0
        self._ahead = 0.0  # the database's clock minus ``time.monotonic()``
        self._of_lanes: dict[tuple[str, str], float] = {}
        self._of_commands: dict[str, float] = {}

    async def of(self, jobs: Iterable[Job[Any] | JobSummary]) -> dict[int, float]:
        """Estimates by job id (see ``Jobs.estimates``)."""
        running = [
            (job.id, job.command, job.worker, job.started_at)
            for job in jobs
            if job.state is JobState.STARTED and job.progress is None and job.started_at is not None
        ]
        if not running:
            return {}
        if time.monotonic() >= self._until:
            await self._read()
        now = datetime.fromtimestamp(0, UTC) + timedelta(seconds=time.monotonic() + self._ahead)
        found: dict[int, float] = {}
        for id, command, worker, started_at in running:
            mean_ms = self._mean_ms(command, worker)
            if mean_ms is not None:
                elapsed_ms = (now - started_at).total_seconds() * 1000
                found[id] = min(max(elapsed_ms / mean_ms, 0.0), MOST)
        return found

    def _mean_ms(self, command: str, worker: str | None) -> float | None:
        mean_ms = self._of_lanes.get((command, worker or ""))
        return self._of_commands.get(command) if mean_ms is None else mean_ms

    async def _read(self) -> None:
        clock, sums = await repository.mean_runs(self._client.db, BOUND)
        now = time.monotonic()
        together: dict[str, tuple[float, float]] = {}
        for (command, _), (runs, run_ms) in sums.items():
            all_runs, all_ms = together.get(command, (0.0, 0.0))
            together[command] = (all_runs + runs, all_ms + run_ms)
        self._of_lanes = {key: run_ms / runs for key, (runs, run_ms) in sums.items()}
        self._of_commands = {command: run_ms / runs for command, (runs, run_ms) in together.items()}
        self._ahead = 0.0 if clock is None else clock - now
        self._until = now + KEEP_SECONDS
