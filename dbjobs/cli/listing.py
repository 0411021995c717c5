"""`dbjobs jobs` and `dbjobs history`: pages of jobs, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from dbjobs.cli.connection import opened, run
from dbjobs.cli.options import (
    DEFAULT_SCHEMA,
    AsJson,
    Batch,
    Before,
    CommandName,
    Limit,
    Queue,
    Schema,
    Tag,
    Url,
    User,
    Worker,
    state,
)
from dbjobs.cli.output import STATE_STYLES, Column, milliseconds, moment, share, write, write_json, write_table
from dbjobs.models import JobState, JobSummary
from dbjobs.wording import counted

_COLUMNS = (
    Column("ID", right=True),
    Column("STATE"),
    Column("COMMAND"),
    Column("QUEUE"),
    Column("WORKER", optional=True),
    Column("TAG", optional=True),
    Column("REF_ID", optional=True),
    Column("TRY", right=True),
    Column("CREATED (UTC)"),
    Column("TOOK", right=True, optional=True),
    Column("NOTE", may_shrink=True, optional=True),
)

State = Annotated[
    JobState | None,
    typer.Option("--state", parser=state, metavar="STATE", help=f"Only this state: {', '.join(JobState)}."),
]
FinalState = Annotated[
    JobState | None,
    typer.Option("--state", parser=state, metavar="STATE", help="Only completed, failed or cancelled."),
]


def jobs(
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    state: State = None,
    queue: Queue = None,
    worker: Worker = None,
    command: CommandName = None,
    tag: Tag = None,
    batch: Batch = None,
    user: User = None,
    limit: Limit = 50,
    before: Before = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, live and finished.

    Newest first. --json writes one object a line.
    """
    filters = {"state": state, "queue": queue, "worker": worker, "command": command, "tag": tag}
    run(
        _list(url, schema, as_json, filters | {"batch_id": batch, "user_id": user, "limit": limit, "before_id": before})
    )


def history(
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    state: FinalState = None,
    queue: Queue = None,
    worker: Worker = None,
    command: CommandName = None,
    tag: Tag = None,
    batch: Batch = None,
    user: User = None,
    limit: Limit = 50,
    before: Before = None,
    as_json: AsJson = False,
) -> None:
    """List finished jobs.

    Newest first. --json writes one object a line.
    """
    if state is not None and not state.finished:
        raise typer.BadParameter(f"a job that is {state} is not in the history yet", param_hint="--state")
    filters = {"state": state, "queue": queue, "worker": worker, "command": command, "tag": tag, "history_only": True}
    run(
        _list(url, schema, as_json, filters | {"batch_id": batch, "user_id": user, "limit": limit, "before_id": before})
    )


async def _list(url: str | None, schema: str, as_json: bool, filters: dict[str, Any]) -> None:
    async with opened(url, schema) as jobs:
        page = await jobs.list(**filters)
        estimates = {} if as_json else await jobs.estimates(page)
    if as_json:
        for summary in page:
            write_json(summary)
        return
    show_page(page, estimates)
    if page and len(page) == filters["limit"]:
        typer.echo(f"{counted(len(page), 'job')} shown; the next page: --before {page[-1].id}", err=True)


def show_page(page: Sequence[JobSummary], estimates: Mapping[int, float]) -> None:
    """Jobs as a table.

    Args:
        estimates: how far running ones may be (see ``Jobs.estimates``).
    """
    if not page:
        write("no jobs")
        return
    write_table(_COLUMNS, [_row(summary, estimates.get(summary.id)) for summary in page], styles=STATE_STYLES)


def _row(job: JobSummary, estimate: float | None) -> tuple[str, ...]:
    return (
        str(job.id),
        job.state,
        job.command,
        job.queue,
        job.worker or "",
        job.tag or "",
        job.ref_id or "",
        str(job.attempt),
        moment(job.created_at),
        milliseconds(job.duration_ms),
        _note(job, estimate),
    )


def _note(job: JobSummary, estimate: float | None) -> str:
    """The one thing worth saying about a job in this state."""
    if job.state is JobState.COMPLETED:
        return job.status or ""
    if job.error is not None and job.state is not JobState.STARTED:
        again = f"again at {moment(job.run_after)} after " if job.state is JobState.SCHEDULED else ""
        return again + job.error
    if job.state is JobState.SCHEDULED:
        return f"at {moment(job.run_after)}"
    return " ".join(filter(None, (share(job.progress, estimate), job.status)))
