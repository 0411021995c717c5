"""`dbjobs find` and `dbjobs replay`: jobs by any condition, and one of them once more."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
import typer

from dbjobs.cli.connection import find as find_job
from dbjobs.cli.connection import opened, run
from dbjobs.cli.listing import show_page
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Before, Limit, Reference, Schema, Url
from dbjobs.cli.output import moment, write, write_json
from dbjobs.errors import InvalidRequest
from dbjobs.inspect.finding import LOOK_SECONDS
from dbjobs.inspect.terms import HELP, parse
from dbjobs.models import JobSummary

_LONGEST = "--seconds"
Terms = Annotated[list[str] | None, typer.Argument(metavar="TERM...", help=f"Quoted for your shell; {HELP}.")]


def find(
    terms: Terms = None,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    limit: Limit = 50,
    before: Before = None,
    seconds: Annotated[
        float, typer.Option(_LONGEST, min=0, help="Stop looking after about this long; --before goes on from there.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Find jobs, live and finished, by any of their columns.

    All terms must fit: 'state:failed command:send_* attempts:>1 since:2h error:"timed out" -tag:test', the language of
    the admin page, or state=failed 'command^=send_' 'attempt>1' 'error~timed out'. Newest first.
    --json writes one object a line.
    """
    run(_find(terms or [], url, schema, limit, before, seconds, as_json))


async def _find(
    terms: list[str], url: str | None, schema: str, limit: int, before: int | None, seconds: float, as_json: bool
) -> None:
    search = parse(terms)
    jobs_found: list[JobSummary] = []
    deadline = time.monotonic() + seconds
    async with opened(url, schema) as jobs:
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            found = await jobs.find(
                **search, before_id=before, limit=limit - len(jobs_found), seconds=min(left, LOOK_SECONDS)
            )
            jobs_found += found.jobs
            before = found.before_id
            if found.complete or len(jobs_found) >= limit or left == 0:
                break
        estimates = {} if as_json else await jobs.estimates(jobs_found)
    if as_json:
        for summary in jobs_found:
            write_json(summary)
    else:
        show_page(jobs_found, estimates)
    if not found.complete:
        typer.echo(f"looked back to {moment(found.reached_at)}; further back: --before {found.before_id}", err=True)


def replay(
    reference: Reference,
    request: Annotated[
        str | None, typer.Argument(metavar="REQUEST", help="A changed request, as JSON; the same if left out.")
    ] = None,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    as_json: AsJson = False,
) -> None:
    """Run a job that has ended once more, as a new job.

    The old one stays as it is; the new one has its id as parent.
    """
    run(_replay(reference, request, url, schema, as_json))


async def _replay(reference: str, request: str | None, url: str | None, schema: str, as_json: bool) -> None:
    changed: Any = None
    if request is not None:
        try:
            changed = msgspec.json.decode(request)
        except msgspec.DecodeError as error:
            raise InvalidRequest(f"the request {request!r} is not JSON: {error}") from None
    async with opened(url, schema) as jobs:
        job = await find_job(jobs, reference)
        for name in {job.command, job.callback} - {None}:
            jobs.declare(str(name))  # a worker that has the command runs it
        ref = await jobs.replay(job.id, changed)
    if as_json:
        write_json({"id": ref.id, "replay_of": job.id})
    else:
        write(str(ref.id))
