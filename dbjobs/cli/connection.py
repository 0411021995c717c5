"""From the options of a command to an opened client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import typer

from dbjobs.cli.failures import EXIT_INTERRUPTED
from dbjobs.errors import UnknownJob
from dbjobs.jobs import Jobs
from dbjobs.models import Job

T = TypeVar("T")

_REF_PREFIX = "ref:"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the asynchronous part of a command; Ctrl+C ends it quietly."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None


def is_given(context: typer.Context, option: str) -> bool:
    """Whether an option stands on the command line, and is not from the environment."""
    source = context.get_parameter_source(option)
    return source is not None and source.name == "COMMANDLINE"


def refuse_both(context: typer.Context) -> None:
    """Refuse ``--url`` or ``--schema`` beside ``--app``, whose Jobs object has a database.

    Raises:
        BadParameter.
    """
    for option in ("url", "schema"):
        if context.params.get("app") is not None and is_given(context, option):
            raise typer.BadParameter(
                "the application names its own database; leave one of the two out", param_hint=f"--app and --{option}"
            )


def needed_url(url: str | None) -> str:
    """The URL that was given.

    Raises:
        BadParameter: none was.
    """
    if not url:
        raise typer.BadParameter("no database: give --url or set DBJOBS_URL", param_hint="--url")
    return url


@contextlib.asynccontextmanager
async def opened(url: str | None, schema: str) -> AsyncIterator[Jobs]:
    """A client that reads and intervenes but never migrates the tables.

    Raises:
        DbjobsError: SchemaTooOld names ``dbjobs migrate``.
    """
    async with Jobs(needed_url(url), schema=schema, migrate=False) as jobs:
        yield jobs


async def find(jobs: Jobs, reference: str) -> Job:
    """Find a job by what a person typed: an id, a ref_id, or ``ref:`` and a ref_id.

    Raises:
        UnknownJob.
    """
    job: Job | None = None
    if reference.startswith(_REF_PREFIX):
        job = await jobs.get_by_ref_id(reference.removeprefix(_REF_PREFIX))
    elif reference.isascii() and reference.isdigit() and int(reference) < 2**63:
        job = await jobs.get(int(reference))
    if job is None:
        job = await jobs.get_by_ref_id(reference)
    if job is None:
        raise UnknownJob(f"there is no job with the id or ref_id {reference!r}")
    return job
