"""`dbjobs enqueue`: store a job by the name of its command."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
import typer

from dbjobs.cli.application import load
from dbjobs.cli.connection import needed_url, refuse_both, run
from dbjobs.cli.failures import EXIT_ERROR, complain
from dbjobs.cli.options import DEFAULT_SCHEMA, Application, AsJson, Schema, Url, duration, moment_or_delay, pair
from dbjobs.cli.output import pretty, write, write_json
from dbjobs.errors import InvalidRequest
from dbjobs.jobs import Jobs
from dbjobs.models import Job, JobRef, JobState
from dbjobs.wording import lasting


class Enqueued(msgspec.Struct, frozen=True, kw_only=True):
    """The job that was stored, and with ``--wait`` how it ended."""

    id: int
    ref_id: str | None
    created: bool
    state: JobState | None = None
    response: Any = None
    error: str | None = None


def enqueue(
    context: typer.Context,
    command: Annotated[str, typer.Argument(metavar="NAME", help="The command's name.")],
    request: Annotated[
        str | None, typer.Argument(metavar="JSON", help="Its request as JSON; - reads standard input.")
    ] = None,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    app: Application = None,
    queue: Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Class of work.")] = None,
    worker: Annotated[str | None, typer.Option("--worker", metavar="NAME", help="Named worker: a serial lane.")] = None,
    priority: Annotated[int | None, typer.Option("--priority", help="Lower runs first.")] = None,
    run_after: Annotated[
        Any,
        typer.Option(
            "--run-after", parser=moment_or_delay, metavar="WHEN", help="A delay (90, 10m, 1h30m) or an ISO time (UTC)."
        ),
    ] = None,
    expires_after: Annotated[
        Any,
        typer.Option("--expires-after", parser=duration, metavar="TIME", help="Cancelled if not started by then."),
    ] = None,
    ref_id: Annotated[
        str | None, typer.Option("--ref-id", metavar="TEXT", help="Your own unique key; an existing job is kept.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="TEXT", help="Free text to find it by.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", metavar="ID", help="Batch that it belongs to.")] = None,
    depends_on: Annotated[
        list[str] | None,
        typer.Option("--depends-on", metavar="JOB", help="Id or ref_id (ref:123); repeat for several."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option("--depends-on-policy", metavar="WORD", help="completed (default), or finished: however they end."),
    ] = None,
    retry_limit: Annotated[int | None, typer.Option("--retry-limit", help="How often it is tried again.")] = None,
    timeout: Annotated[
        Any, typer.Option("--timeout", parser=duration, metavar="TIME", help="For one attempt; 0 for no limit.")
    ] = None,
    callback: Annotated[
        str | None, typer.Option("--callback", metavar="NAME", help="Command that gets the response.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Whom it runs for.")] = None,
    created_by: Annotated[str | None, typer.Option("--created-by", metavar="TEXT", help="Who enqueued it.")] = None,
    args: Annotated[list[str] | None, typer.Option("--arg", metavar="NAME=VALUE", help="Repeat for several.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended and print its response.")] = False,
    wait_timeout: Annotated[
        Any,
        typer.Option(
            "--wait-timeout",
            parser=duration,
            metavar="TIME",
            help="Stop waiting after this long; the job keeps running.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Store a job and print its id.

    With --app the command's own defaults and request type apply. With only a database the name and the
    request are stored unchecked: a worker that has the command runs it.

    --wait prints the response as JSON instead, and ends with 1 unless the job completed.
    """
    refuse_both(context)
    options = {
        "queue": queue,
        "worker": worker,
        "priority": priority,
        "run_after": run_after,
        "expires_after": expires_after,
        "ref_id": ref_id,
        "tag": tag,
        "batch_id": batch,
        "depends_on": [_parent(one) for one in depends_on or ()] or None,
        "depends_on_policy": policy,
        "retry_limit": retry_limit,
        "timeout": timeout,
        "callback": callback,
        "user_id": user,
        "created_by": created_by,
        "args": dict(pair(one, option="--arg") for one in args or ()) or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    jobs = load(app) if app else _declared(Jobs(needed_url(url), schema=schema, migrate=False), command, callback)
    limit = None if wait_timeout is None else wait_timeout.total_seconds()
    run(_enqueue(jobs, command, _request(request), given, wait, limit, as_json))


async def _enqueue(
    jobs: Jobs, command: str, request: Any, options: dict[str, Any], wait: bool, limit: float | None, as_json: bool
) -> None:
    async with jobs:
        ref = await jobs.enqueue(command, request, **options)
        if not ref.created:
            complain(f"created: false; job {ref.id} has the ref_id {ref.ref_id!r}")
        if not wait:
            if as_json:
                write_json(Enqueued(id=ref.id, ref_id=ref.ref_id, created=ref.created))
            else:
                write(str(ref.id))
            return
        if not as_json:
            typer.echo(f"job {ref.id}", err=True)
        try:
            job = await jobs.wait(ref, timeout=limit)
        except TimeoutError:
            complain(
                f"job {ref.id} has not ended within {lasting(limit or 0)}; it is still there (dbjobs show {ref.id})"
            )
            raise typer.Exit(EXIT_ERROR) from None
    _print_end(ref, job, as_json)


def _print_end(ref: JobRef, job: Job, as_json: bool) -> None:
    if as_json:
        write_json(
            Enqueued(
                id=ref.id,
                ref_id=ref.ref_id,
                created=ref.created,
                state=job.state,
                response=job.response,
                error=job.error,
            )
        )
    elif job.state is JobState.COMPLETED:
        write(pretty(job.response))
    if job.state is not JobState.COMPLETED:
        complain(f"job {job.id} ({job.command}) {job.state}: {job.error}")
        raise typer.Exit(EXIT_ERROR)


def _declared(jobs: Jobs, *names: str | None) -> Jobs:
    for name in names:
        if name is not None:
            jobs.declare(name)
    return jobs


def _request(text: str | None) -> Any:
    """The request as plain JSON data.

    Raises:
        InvalidRequest: it is not JSON.
    """
    if text is None:
        return None
    source = sys.stdin.read() if text == "-" else text
    try:
        return msgspec.json.decode(source)
    except (msgspec.DecodeError, UnicodeError) as error:
        shown = source if len(source) <= 60 else source[:57] + "..."
        raise InvalidRequest(
            f"the request {shown!r} is not JSON: {error} (a text needs its own quotes: '\"text\"')"
        ) from None


def _parent(reference: str) -> int | str:
    if reference.startswith("ref:"):
        return reference.removeprefix("ref:")
    return int(reference) if reference.isascii() and reference.isdigit() else reference
