"""`dbjobs logs`: what a job's handler logged, and what it goes on logging."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from dbjobs.cli.connection import find, opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Reference, Schema, Url
from dbjobs.cli.output import clean, moment, write, write_json
from dbjobs.jobs import Jobs
from dbjobs.models import LogLine

POLL_SECONDS = 0.5
LINES_PER_PAGE = 1000

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")]


def logs(
    reference: Reference,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    follow: Follow = False,
    as_json: AsJson = False,
) -> None:
    """Print the log lines of one job.

    Oldest first. --json writes one object a line.
    """
    run(_logs(reference, url, schema, follow, as_json))


async def _logs(reference: str, url: str | None, schema: str, follow: bool, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        id = (await find(jobs, reference)).id
        last = 0
        while True:
            # Ask before reading the lines, so that all lines written before the job's end are seen.
            job = await jobs.get(id)
            last = await _print_new(jobs, id, last, as_json)
            if not follow or job is None or job.finished:
                break
            await asyncio.sleep(POLL_SECONDS)
    if follow and job is not None:
        typer.echo(f"job {id} {job.state}" + (f": {clean(job.error)}" if job.error else ""), err=True)


async def _print_new(jobs: Jobs, id: int, after_id: int, as_json: bool) -> int:
    """Print the lines after ``after_id``; returns the id of the last one printed."""
    while lines := await jobs.logs(id, after_id=after_id, limit=LINES_PER_PAGE):
        for line in lines:
            if as_json:
                write_json(line)
            else:
                write(_text(line), _STYLES.get(line.level.lower()))
        after_id = lines[-1].id
    return after_id


_STYLES = {"warning": "yellow", "error": "red", "critical": "bold red", "debug": "dim"}


def _text(line: LogLine) -> str:
    return f"{moment(line.at, millis=True)}  #{line.attempt}  {clean(line.level):<7}  {clean(line.message)}"
