"""`dbjobs queues`, `pause`, `resume` and `limit`: settings of queues, for all nodes."""

from __future__ import annotations

from typing import Annotated

import typer

from dbjobs.cli.connection import opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Schema, Url
from dbjobs.cli.output import Column, one_line, write, write_json, write_table
from dbjobs.wording import counted

QueueName = Annotated[str, typer.Argument(metavar="QUEUE", help="Its name.")]

_COLUMNS = (Column("QUEUE"), Column("PAUSED"), Column("LIMIT A NODE", right=True))


def queues(url: Url = None, schema: Schema = DEFAULT_SCHEMA, as_json: AsJson = False) -> None:
    """List the queues and their settings.

    --json writes one object a line.
    """
    run(_queues(url, schema, as_json))


def pause(queue: QueueName, url: Url = None, schema: Schema = DEFAULT_SCHEMA) -> None:
    """Start no more jobs of a queue; running ones go on."""
    run(_pause(queue, url, schema))


def resume(queue: QueueName, url: Url = None, schema: Schema = DEFAULT_SCHEMA) -> None:
    """Start jobs from a paused queue again."""
    run(_resume(queue, url, schema))


def limit(
    queue: QueueName,
    concurrency: Annotated[str, typer.Argument(metavar="NUMBER", help="Jobs at the same time, or none.")],
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
) -> None:
    """Run at most this many jobs of a queue at the same time on each node.

    "none" takes the limit away.
    """
    if concurrency != "none" and not (concurrency.isdecimal() and int(concurrency)):
        raise typer.BadParameter(f"{concurrency!r} is neither a number >= 1 nor none", param_hint="NUMBER")
    run(_limit(queue, None if concurrency == "none" else int(concurrency), url, schema))


async def _queues(url: str | None, schema: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        found = await jobs.queues.list()
    if as_json:
        for queue in found:
            write_json(queue)
        return
    if not found:
        write("no queues")
        return
    rows = [(queue.queue, "paused" if queue.paused else "", str(queue.concurrency or "")) for queue in found]
    write_table(_COLUMNS, rows)


async def _pause(queue: str, url: str | None, schema: str) -> None:
    async with opened(url, schema) as jobs:
        await jobs.queues.pause(queue)
    write(f"queue {one_line(queue)} is paused; to go on: dbjobs resume {one_line(queue)}")


async def _resume(queue: str, url: str | None, schema: str) -> None:
    async with opened(url, schema) as jobs:
        await jobs.queues.resume(queue)
    write(f"queue {one_line(queue)} goes on")


async def _limit(queue: str, concurrency: int | None, url: str | None, schema: str) -> None:
    async with opened(url, schema) as jobs:
        await jobs.queues.limit(queue, concurrency)
    if concurrency is None:
        write(f"queue {one_line(queue)} has no limit of its own")
    else:
        write(f"queue {one_line(queue)} runs at most {counted(concurrency, 'job')} at the same time on each node")
