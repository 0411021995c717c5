"""`dbjobs cancel` and `dbjobs requeue`: one job, several, or all that fit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import msgspec
import typer

from dbjobs.cli.connection import find, opened, run
from dbjobs.cli.failures import EXIT_ERROR, complain
from dbjobs.cli.listing import State
from dbjobs.cli.options import (
    DEFAULT_SCHEMA,
    AsJson,
    Batch,
    CommandName,
    MaybeReferences,
    Queue,
    Schema,
    Tag,
    Url,
    Worker,
)
from dbjobs.cli.output import one_line, write, write_json
from dbjobs.errors import UnknownJob
from dbjobs.inspect.terms import parse
from dbjobs.jobs import Jobs
from dbjobs.models import JobState
from dbjobs.wording import counted

WhereTerms = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="TERM", help="As in 'dbjobs find'; repeat for several."),
]
Preview = Annotated[bool, typer.Option("--preview", help="Only say how many there are.")]
AtMost = Annotated[
    int | None, typer.Option("--at-most", min=1, metavar="N", help="Reach at most this many, the newest first.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Kept as the job's error text.")]


class Done(msgspec.Struct, frozen=True):
    """What happened to one job; ``done`` is False if there was nothing to do."""

    id: int
    done: bool
    state: JobState


def cancel(
    references: MaybeReferences = None,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    state: State = None,
    queue: Queue = None,
    worker: Worker = None,
    tag: Tag = None,
    batch: Batch = None,
    where: WhereTerms = None,
    preview: Preview = False,
    at_most: AtMost = None,
    reason: Reason = "cancelled",
    as_json: AsJson = False,
) -> None:
    """Cancel jobs: those named, or all that fit.

    A job that has not started is cancelled at once, with the jobs that depend on it; a running one is asked to stop.
    """
    filters = {"state": state, "queue": queue, "worker": worker, "tag": tag, "batch_id": batch}
    filters = _with_terms(filters, where)
    if _by_filter(references, filters, "--state, --queue, --worker, --tag, --batch or --where"):
        run(_cancel_many(url, schema, {"reason": reason, "preview": preview, "at_most": at_most} | filters, as_json))
    else:
        run(_cancel(references or [], url, schema, reason, as_json))


def requeue(
    references: MaybeReferences = None,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    state: State = None,
    queue: Queue = None,
    worker: Worker = None,
    command: CommandName = None,
    tag: Tag = None,
    batch: Batch = None,
    where: WhereTerms = None,
    preview: Preview = False,
    at_most: AtMost = None,
    as_json: AsJson = False,
) -> None:
    """Run failed or cancelled jobs again: those named, or all that fit.

    They keep their ids and get a fresh set of tries.
    """
    filters = {"state": state, "queue": queue, "worker": worker, "command": command, "tag": tag, "batch_id": batch}
    filters = _with_terms(filters, where)
    if _by_filter(references, filters, "--state, --queue, --worker, --command, --tag, --batch or --where"):
        run(_requeue_many(url, schema, {"preview": preview, "at_most": at_most} | filters, as_json))
    else:
        run(_requeue(references or [], url, schema, as_json))


def _with_terms(filters: dict[str, Any], terms: Sequence[str] | None) -> dict[str, Any]:
    """The options, and what the terms say of other columns.

    Raises:
        BadParameter: a column is asked for twice.
    """
    search = parse(terms or ())
    for column in search:
        if filters.get(column) is not None:
            raise typer.BadParameter(f"{column} has an option and a term", param_hint="--where")
    return {**filters, **search}


def _by_filter(references: Sequence[str] | None, filters: dict[str, Any], known: str) -> bool:
    """True if jobs are described, False if they are named.

    Raises:
        BadParameter: neither, or both.
    """
    filtered = any(value is not None for value in filters.values())
    if filtered == bool(references):
        raise typer.BadParameter(f"name jobs, or give {known}" + (", not both" if filtered else ""), param_hint="JOB")
    return filtered


async def _cancel(references: list[str], url: str | None, schema: str, reason: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        await _each(
            jobs, references, lambda id: jobs.cancel(id, reason=reason), _told_cancelled, "had ended before", as_json
        )


async def _requeue(references: list[str], url: str | None, schema: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        await _each(
            jobs, references, jobs.requeue, _told_requeued, "is not among the failed or cancelled jobs", as_json
        )


async def _cancel_many(url: str | None, schema: str, options: dict[str, Any], as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        reached = await jobs.cancel_many(**options)
    if options["preview"]:
        _previewed(reached, "would be cancelled", as_json)
    elif as_json:
        write_json({"cancelled": reached})
    else:
        write(f"{counted(reached, 'job')} cancelled or asked to stop")


def _previewed(count: int, words: str, as_json: bool) -> None:
    if as_json:
        write_json({"preview": count})
    else:
        write(f"{counted(count, 'job')} {words}; nothing was changed")


async def _requeue_many(url: str | None, schema: str, options: dict[str, Any], as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        requeued = await jobs.requeue_many(**options)
    if options["preview"]:
        _previewed(requeued, "would be queued again", as_json)
    elif as_json:
        write_json({"requeued": requeued})
    else:
        write(f"{counted(requeued, 'job')} queued again")


async def _each(
    jobs: Jobs,
    references: Sequence[str],
    work: Callable[[int], Awaitable[bool]],
    words: Callable[[JobState], str],
    otherwise: str,
    as_json: bool,
) -> None:
    """Apply the action to every named job, report each, and exit with an error if one was not reached."""
    missed = False
    for reference in references:
        try:
            job = await find(jobs, reference)
            done = await work(job.id)
        except UnknownJob as error:
            complain(str(error))
            missed = True
            continue
        state = getattr(await jobs.get(job.id), "state", job.state)
        if as_json:
            write_json(Done(job.id, done, state))
        elif done:
            write(f"job {job.id} ({one_line(job.command)}) {words(state)}")
        else:
            complain(f"job {job.id} ({one_line(job.command)}) {otherwise}: it is {state}")
        missed = missed or not done
    if missed:
        raise typer.Exit(EXIT_ERROR)


def _told_cancelled(state: JobState) -> str:
    return "cancelled" if state is JobState.CANCELLED else "asked to stop"


def _told_requeued(state: JobState) -> str:
    return "queued again"
