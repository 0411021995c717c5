"""`dbjobs stats` and `dbjobs workers`: what ran, how long it waited and took."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dbjobs.cli.connection import opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Schema, Url, duration
from dbjobs.cli.output import Column, milliseconds, moment, write, write_json, write_table
from dbjobs.inspect.spreads import Spread

_STATS = (
    Column("NAME"),
    Column("COMPLETED", right=True),
    Column("FAILED", right=True),
    Column("CANCELLED", right=True),
    Column("RETRIED", right=True),
    Column("WAIT P50", right=True),
    Column("P95", right=True),
    Column("P99", right=True),
    Column("RUN P50", right=True),
    Column("P95", right=True),
    Column("P99", right=True),
)
_WORKERS = (
    Column("WORKER"),
    Column("NODE", right=True),
    Column("QUEUED", right=True),
    Column("RECEIVED", right=True),
    Column("COMPLETED", right=True),
    Column("RETRIES", right=True),
    Column("FAILED", right=True),
    Column("RUNNING", right=True, optional=True),
    Column("SINCE (UTC)", optional=True),
)
_NODES = (
    Column("NODE", right=True),
    Column("NAME"),
    Column("ALIVE"),
    Column("RUNNING", right=True),
    Column("RECEIVED", right=True),
    Column("COMPLETED", right=True),
    Column("RETRIES", right=True),
    Column("FAILED", right=True),
)
Since = Annotated[
    Any, typer.Option("--since", parser=duration, metavar="TIME", help="How far back: 30m, 12h, 7d.", show_default="1h")
]


def stats(
    by: Annotated[str, typer.Argument(metavar="BY", help="queue, command or worker.")] = "command",
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    since: Since = "1h",
    as_json: AsJson = False,
) -> None:
    """Show what ended, and how long it waited and ran.

    By queue, command or named worker, from the roll-ups. --json writes one object a line.
    """
    if by not in ("queue", "command", "worker"):
        raise typer.BadParameter(f"{by!r} is not one of queue, command, worker", param_hint="BY")
    run(_stats(by, url, schema, duration(since).total_seconds(), as_json))


async def _stats(by: Any, url: str | None, schema: str, seconds: float, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        found = await jobs.stats(by=by, seconds=seconds)
    if as_json:
        for one in found:
            write_json(one)
        return
    if not found:
        write("nothing has ended in this time")
        return
    rows = [
        (
            one.name or "", str(one.completed), str(one.failed), str(one.cancelled), str(one.retried),
            *_spread(one.wait), *_spread(one.run),
        )
        for one in found
    ]  # fmt: skip
    write_table(_STATS, rows)


def _spread(spread: Spread) -> tuple[str, str, str]:
    return milliseconds(spread.p50), milliseconds(spread.p95), milliseconds(spread.p99)


def workers(
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    since: Since = "1h",
    as_json: AsJson = False,
) -> None:
    """Show named workers and nodes.

    What each does now, what waits for it, and what it has done.
    """
    run(_workers(url, schema, duration(since).total_seconds(), as_json))


async def _workers(url: str | None, schema: str, seconds: float, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        told = await jobs.workers.stats(seconds=seconds)
    if as_json:
        write_json(told, indent=2)
        return
    if told.workers:
        write_table(
            _WORKERS,
            [
                (
                    one.worker, str(one.node_id or ""), str(one.queued), str(one.together.received),
                    str(one.together.completed), str(one.together.retries), str(one.together.failed),
                    str(one.running_job or ""), moment(one.running_since),
                )
                for one in told.workers
            ],
        )  # fmt: skip
    else:
        write("no named worker has jobs, or has had any in this time")
    write()
    if not told.nodes:
        write("no node is alive")
        return
    write_table(
        _NODES,
        [
            (
                str(node.node_id), node.name, "yes" if node.alive else "no", str(node.running),
                str(node.together.received), str(node.together.completed), str(node.together.retries),
                str(node.together.failed),
            )
            for node in told.nodes
        ],
    )  # fmt: skip
