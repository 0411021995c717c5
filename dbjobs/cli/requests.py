"""`dbjobs requests`: the latest requests of the log, one of them, and sums."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, get_args

import typer

from dbjobs.cli.connection import opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Schema, Url, duration
from dbjobs.cli.output import Column, milliseconds, moment, one_line, pretty, write, write_json, write_table
from dbjobs.requests import LoggedRequest, RequestStat, StatKind

requests = typer.Typer(
    help="The latest requests of the log; 'stats' sums them up, 'show' shows one of them.",
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
)

_COLUMNS = (
    Column("ID"),
    Column("TIME (UTC)"),
    Column("STATUS", right=True),
    Column("METHOD"),
    Column("PATH", may_shrink=True),
    Column("TOOK", right=True),
    Column("USER", optional=True),
    Column("ADDRESS", optional=True),
    Column("ERROR", may_shrink=True, optional=True),
)
_STAT_COLUMNS = (
    Column("NAME", may_shrink=True),
    Column("REQUESTS", right=True),
    Column("ERRORS", right=True),
    Column("MEAN", right=True),
    Column("P50", right=True),
    Column("P95", right=True),
    Column("MAX", right=True),
    Column("SENT", right=True),
)


def since(value: str | timedelta | datetime) -> timedelta | datetime:
    """Read how long ago (2h), or a moment."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value) if "-" in value else duration(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is neither how long ago (2h, 7d) nor a time (2031-05-01T08:00)") from None


def slow(value: str | timedelta) -> timedelta:
    """Read a duration; 250ms, too."""
    if isinstance(value, str) and value.endswith("ms") and value[:-2].isdecimal():
        return timedelta(milliseconds=int(value[:-2]))
    return duration(value)


Since = Annotated[
    Any, typer.Option("--since", parser=since, metavar="TIME", help="Since then: 2h, 7d, or 2031-05-01T08:00 (UTC).")
]
Route = Annotated[str | None, typer.Option("--route", metavar="ROUTE", help="Only this route: '/users/{user_id}'.")]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="Only this user.")]
Address = Annotated[str | None, typer.Option("--ip", metavar="ADDRESS", help="Only this address.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="Only this API key, or its hash.")]
Status = Annotated[str | None, typer.Option("--status", metavar="CODE", help="Only this status: 404, or 5xx.")]


@requests.callback()
def latest(
    context: typer.Context,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    status: Status = None,
    route: Route = None,
    path: Annotated[str | None, typer.Option("--path", metavar="PATH", help="Only this path.")] = None,
    user: User = None,
    ip: Address = None,
    key: Key = None,
    method: Annotated[str | None, typer.Option("--method", metavar="METHOD", help="Only this method.")] = None,
    trace: Annotated[str | None, typer.Option("--trace", metavar="ID", help="Only this trace.")] = None,
    since: Since = None,
    slow: Annotated[
        Any, typer.Option("--slow", parser=slow, metavar="TIME", help="Only what took at least this long: 250ms, 2s.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only requests with an exception.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Show at most this many.")] = 50,
    before: Annotated[
        str | None, typer.Option("--before", metavar="ID", help="Older than this: the next page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The latest requests of the log.

    Newest first. --json writes one object a line. 'dbjobs requests stats' sums requests up, 'dbjobs requests show'
    shows everything about one.
    """
    if context.invoked_subcommand is not None:
        context.obj = (url, schema)
        return
    filters = {
        "status": status, "route": route, "path": path, "user": user, "ip": ip, "key": key, "method": method,
        "trace_id": trace, "since": since, "slow": slow, "failed": failed,
    }  # fmt: skip
    run(_latest(url, schema, as_json, limit, before, filters))


@requests.command()
def stats(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", metavar="KIND", help=f"One of {', '.join(get_args(StatKind))}.")] = "route",
    url: Url = None,
    schema: Annotated[
        str | None, typer.Option("--schema", envvar="DBJOBS_SCHEMA", metavar="NAME", help="As above.")
    ] = None,
    since: Since = None,
    route: Route = None,
    user: User = None,
    key: Key = None,
    ip: Address = None,
    status: Annotated[str | None, typer.Option("--status", metavar="CODE", help="Only this status: 404.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Show at most this many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Sums of requests, by route, user, API key, address, status and more.

    Those with the most requests first. --json writes one object a line.
    """
    of = {"route": route, "user": user, "key": key, "ip": ip, "status": status}
    given = context.obj or (None, DEFAULT_SCHEMA)
    run(_stats(url or given[0], schema or given[1], as_json, by, since, limit, of))


@requests.command()
def show(
    context: typer.Context,
    request: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it.")],
    url: Url = None,
    schema: Annotated[
        str | None, typer.Option("--schema", envvar="DBJOBS_SCHEMA", metavar="NAME", help="As above.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """All that the log has of one request."""
    given = context.obj or (None, DEFAULT_SCHEMA)
    run(_show(url or given[0], schema or given[1], as_json, request))


async def _latest(
    url: str | None, schema: str, as_json: bool, limit: int, before: str | None, filters: dict[str, Any]
) -> None:
    async with opened(url, schema) as jobs:
        page = await jobs.requests.list(limit=limit, before=before, **filters)
    if as_json:
        for request in page:
            write_json(request)
    elif page.requests:
        write_table(_COLUMNS, [_row(request) for request in page])
    else:
        write("no requests" if page.next is None else f"no requests back to {moment(page.back_to)}")
    if page.next is not None:
        typer.echo(f"looked back to {moment(page.back_to)}; to go on: --before {page.next}", err=True)


async def _stats(
    url: str | None, schema: str, as_json: bool, by: Any, since: Any, limit: int, of: dict[str, Any]
) -> None:
    async with opened(url, schema) as jobs:
        found = await jobs.requests.stats(by, since=since, limit=limit, **of)
    if as_json:
        for stat in found:
            write_json(stat)
    elif found:
        write_table(_STAT_COLUMNS, [_stat_row(stat) for stat in found])
    else:
        write("no requests")


async def _show(url: str | None, schema: str, as_json: bool, id: str) -> None:
    async with opened(url, schema) as jobs:
        request = await jobs.requests.get(id)
    if request is None:
        typer.echo(f"there is no request {one_line(id)!r} in the log", err=True)
        raise typer.Exit(1)
    if as_json:
        write_json(request)
        return
    write(pretty(request))


def _row(request: LoggedRequest) -> tuple[str, ...]:
    return (
        request.id,
        moment(request.at),
        str(request.status),
        request.method,
        request.path + (f"?{request.query}" if request.query else ""),
        milliseconds(request.duration_ms),
        request.user or "",
        request.ip or "",
        request.error or "",
    )


def _stat_row(stat: RequestStat) -> tuple[str, ...]:
    return (
        stat.name,
        str(stat.requests),
        str(stat.errors),
        milliseconds(stat.mean_ms),
        milliseconds(stat.percentile_ms(0.5)),
        milliseconds(stat.percentile_ms(0.95)),
        milliseconds(stat.duration_max_ms),
        f"{stat.response_bytes} B",
    )
