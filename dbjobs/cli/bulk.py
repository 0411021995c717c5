"""`dbjobs bulk`: cancel or requeue all jobs of a search, as a durable job."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from dbjobs.bulk import Action
from dbjobs.bulk_history import BulkAction, BulkPreview
from dbjobs.cli.connection import opened, run
from dbjobs.cli.listing import show_page
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Before, Schema, Url
from dbjobs.cli.output import STATE_STYLES, Column, moment, write, write_json, write_table
from dbjobs.errors import DbjobsError
from dbjobs.inspect.meaning import search_of
from dbjobs.wording import counted

Search = Annotated[str, typer.Argument(metavar="SEARCH", help="Which jobs, such as 'state:failed queue:mail'.")]
Name = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="What it is called in the history.")]
Rate = Annotated[float | None, typer.Option("--rate", metavar="N", help="Jobs a second at most.")]
Preview = Annotated[bool, typer.Option("--preview", help="Only say how many there are, and show the newest.")]
Number = Annotated[int, typer.Argument(metavar="ID", help="Of the bulk action.")]

_COLUMNS = (
    Column("ID", right=True),
    Column("NAME", may_shrink=True),
    Column("ACTION"),
    Column("SEARCH", may_shrink=True),
    Column("STATE"),
    Column("PROGRESS", right=True, optional=True),
    Column("DONE", may_shrink=True, optional=True),
    Column("BY", optional=True),
    Column("STARTED (UTC)"),
)
app = typer.Typer(
    name="bulk",
    help="Cancel or requeue all jobs of a search, as a durable job.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


def cancel(
    search: Search,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    name: Name = None,
    rate: Rate = None,
    preview: Preview = False,
    as_json: AsJson = False,
) -> None:
    """Cancel all live jobs that match now, with those that depend on them.

    A node does it, as a job of its own; the job's id is printed.
    """
    run(_act("cancel", search, url, schema, name, rate, preview, as_json))


def requeue(
    search: Search,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    name: Name = None,
    rate: Rate = None,
    preview: Preview = False,
    as_json: AsJson = False,
) -> None:
    """Run again all failed or cancelled jobs that match now.

    A node does it, as a job of its own; the job's id is printed.
    """
    run(_act("requeue", search, url, schema, name, rate, preview, as_json))


def list_(url: Url = None, schema: Schema = DEFAULT_SCHEMA, before: Before = None, as_json: AsJson = False) -> None:
    """List bulk actions, the newest first.

    --json writes one object a line.
    """
    run(_list(url, schema, before, as_json))


def stop(id: Number, url: Url = None, schema: Schema = DEFAULT_SCHEMA) -> None:
    """Stop a bulk action where it is; what it has done stays done."""
    run(_stop(id, url, schema))


def undo(
    id: Number,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    name: Name = None,
    rate: Rate = None,
    preview: Preview = False,
    as_json: AsJson = False,
) -> None:
    """Bring back the jobs that a bulk cancel cancelled while they waited, each as it was.

    A job that ran, or waited for another try, stays cancelled.
    A node does it, as a job of its own; the job's id is printed.
    """
    run(_undo(id, url, schema, name, rate, preview, as_json))


for called, command in (("cancel", cancel), ("requeue", requeue), ("list", list_), ("stop", stop), ("undo", undo)):
    app.command(called)(command)


async def _act(
    action: Action,
    search: str,
    url: str | None,
    schema: str,
    name: str | None,
    rate: float | None,
    preview: bool,
    as_json: bool,
) -> None:
    wanted = search_of(search)
    async with opened(url, schema) as jobs:
        if preview:
            _show(await jobs.bulk.preview(action, seconds=10.0, **wanted), as_json)
            return
        ref = await jobs.bulk.start(
            action, name=name or search[:200] or "everything", words=search, rate=rate, started_by=_user(), **wanted
        )
        nodes = await jobs.bulk.nodes()
    _started(ref.id, nodes, as_json)


async def _undo(
    id: int, url: str | None, schema: str, name: str | None, rate: float | None, preview: bool, as_json: bool
) -> None:
    async with opened(url, schema) as jobs:
        if preview:
            _show(await jobs.bulk.preview_undo(id, seconds=10.0), as_json)
            return
        ref = await jobs.bulk.undo(id, name=name, rate=rate, started_by=_user())
        nodes = await jobs.bulk.nodes()
    _started(ref.id, nodes, as_json)


def _show(made: BulkPreview, as_json: bool) -> None:
    if as_json:
        write_json(made)
        return
    show_page(list(made.samples), {})
    least = "" if made.exact else "at least "
    done = {"cancel": "cancelled", "requeue": "queued again", "undo": "brought back"}[made.action]
    write(f"{least}{counted(made.count, 'job')} would be {done}; nothing was changed")


def _started(id: int, nodes: int, as_json: bool) -> None:
    if as_json:
        write_json({"id": id, "nodes": nodes})
        return
    write(str(id))
    if not nodes:
        typer.echo("no living node runs bulk actions: it waits until a worker starts", err=True)


async def _list(url: str | None, schema: str, before: int | None, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        found = await jobs.bulk.list(before_id=before)
    if as_json:
        for one in found:
            write_json(one)
    elif found:
        write_table(_COLUMNS, [_row(one) for one in found], styles=STATE_STYLES)
    else:
        write("no bulk actions")


async def _stop(id: int, url: str | None, schema: str) -> None:
    async with opened(url, schema) as jobs:
        if not await jobs.bulk.stop(id):
            raise DbjobsError(f"bulk action {id} had ended before")
    write(f"bulk action {id} is stopped")


def _row(one: BulkAction) -> tuple[str, ...]:
    progress = "" if one.progress is None else f"{one.progress:.0%}"
    return (
        str(one.id), one.name, one.action, one.search, one.state, progress, one.status or "", one.started_by or "",
        moment(one.created_at),
    )  # fmt: skip


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, in a container
        return "command line"
