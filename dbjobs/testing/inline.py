"""Inline mode: an enqueue runs the job at once, in the caller's task, and no database is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dbjobs.calls.reference import Reference, id_of
from dbjobs.errors import InvalidOption
from dbjobs.jobs import Jobs
from dbjobs.models import Job
from dbjobs.testing.inline_client import Errors, InlineClient


class Inline:
    """What was run in an inline block."""

    def __init__(self, client: InlineClient, jobs: Jobs) -> None:
        self._client = client
        self._jobs = jobs

    @property
    def jobs(self) -> list[Job]:
        """The jobs, as they ended, in the order in which they were enqueued."""
        return [self._jobs._typed(job) for job in self._client.stored.values()]

    def logs(self, job: Reference | Job[Any]) -> list[str]:
        """What a job has logged.

        Raises:
            InvalidOption: it names no job.
        """
        return list(self._client.lines.get(job.id if isinstance(job, Job) else id_of(job), ()))


@asynccontextmanager
async def inline(jobs: Jobs, *, errors: Errors = "raise") -> AsyncIterator[Inline]:
    """Every enqueue runs its job at once while the block runs: in the caller's task, once, without a database.

    Requests are encoded and decoded, dependencies are open, callbacks run, children have to wait for nothing. There are
    no retries and no lanes, and a time before which a job shall not start is noted and not waited for. Plain handlers
    run in threads, those with ``process=True`` too. What needs a database (lists, ``job.transaction()``, ``jobs.sync``)
    is refused: use ``temporary_database`` and ``drain`` for that.

    Args:
        errors: ``"raise"``: what a handler raises comes out of the enqueue; ``"record"``: the job has failed.

    Raises:
        InvalidOption: nobody provides what a class command asks for; there are workers.
    """
    if errors not in ("raise", "record"):
        raise InvalidOption(f"inline: errors={errors!r} must be 'raise' or 'record'")
    if jobs._client.is_working or isinstance(jobs._client, InlineClient):
        raise InvalidOption("inline: the jobs of this Jobs object are run already, by its workers or inline")
    registry = jobs._registry
    registry.check_versions()
    jobs.sync.close()
    async with registry.dependencies.opened(registry.wanted()):
        client = InlineClient(jobs, errors)
        before, jobs._client = jobs._client, client
        try:
            yield Inline(client, jobs)
        finally:
            jobs._client = before
