"""Options and arguments that several commands share, and how their values are read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from dbjobs.models import JobState
from dbjobs.store import schemas

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="DBJOBS_URL",
        show_envvar=True,
        metavar="URL",
        help="The database: postgresql://user@host/app or sqlite:///jobs.db.",
    ),
]
Schema = Annotated[
    str,
    typer.Option(
        "--schema",
        envvar="DBJOBS_SCHEMA",
        show_envvar=True,
        metavar="NAME",
        help="Schema (PostgreSQL, SQL Server) or name prefix (MySQL, SQLite) of the tables.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, times in ISO 8601 and UTC.")]
_SEVERAL = typer.Argument(metavar="JOB...", help="Ids or ref_ids; write ref:123 for a ref_id that is a number.")
References = Annotated[list[str], _SEVERAL]
MaybeReferences = Annotated[list[str] | None, _SEVERAL]
Reference = Annotated[
    str,
    typer.Argument(metavar="JOB", help="Its id or its ref_id; write ref:123 for a ref_id that is a number."),
]
Queue = Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Only this queue.")]
Worker = Annotated[str | None, typer.Option("--worker", metavar="NAME", help="Only this named worker.")]
CommandName = Annotated[str | None, typer.Option("--command", metavar="NAME", help="Only this command.")]
Tag = Annotated[str | None, typer.Option("--tag", metavar="TEXT", help="Only jobs with this tag.")]
Batch = Annotated[str | None, typer.Option("--batch", metavar="ID", help="Only jobs of this batch.")]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="Only jobs of this user_id.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Show at most this many jobs.")]
Before = Annotated[
    int | None, typer.Option("--before", metavar="ID", min=1, help="Jobs older than this id: the next page.")
]
Application = Annotated[
    str | None,
    typer.Option("--app", metavar="MODULE:NAME", help="Your application's Jobs object, such as myapp:jobs."),
]

DEFAULT_SCHEMA = schemas.DEFAULT

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?\Z")


def state(value: str | None) -> JobState | None:
    """Read the name of a state, as a parser of ``--state``."""
    if value is None or isinstance(value, JobState):
        return value
    try:
        return JobState(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(JobState)}") from None


def duration(value: str | timedelta) -> timedelta:
    """Read ``90``, ``1.5s``, ``10m``, ``1h30m`` or ``2d``: seconds where no unit is given."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value)
    if not value or match is None:
        raise typer.BadParameter(f"{value!r} is not a duration: write 90, 1.5s, 10m, 1h30m or 2d")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise typer.BadParameter(f"{value!r} is too long") from None


def moment_or_delay(value: str | datetime | timedelta) -> datetime | timedelta:
    """Read a duration from now, or an ISO 8601 time (UTC if it names no zone)."""
    if not isinstance(value, str):
        return value
    if _DURATION.match(value) and value:
        return duration(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(
            f"{value!r} is neither a duration (90, 10m, 1h30m) nor a time (2031-05-01T08:00, in UTC)"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def pair(value: str, *, option: str) -> tuple[str, str]:
    """Read ``name=value``."""
    name, equals, text = value.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{value!r} is not NAME=VALUE", param_hint=option)
    return name, text
