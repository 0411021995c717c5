"""`dbjobs show`: everything about one job."""

from __future__ import annotations

from collections.abc import Iterator

from dbjobs.cli.connection import find, opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Reference, Schema, Url
from dbjobs.cli.output import STATE_STYLES, clean, milliseconds, moment, one_line, pretty, share, write, write_json
from dbjobs.models import Job, JobState
from dbjobs.wording import lasting


def show(reference: Reference, url: Url = None, schema: Schema = DEFAULT_SCHEMA, as_json: AsJson = False) -> None:
    """Show everything about one job.

    Its options, its request and response, and every failed attempt.
    """
    run(_show(reference, url, schema, as_json))


async def _show(reference: str, url: str | None, schema: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        job = await find(jobs, reference)
        estimate = (await jobs.estimates([job])).get(job.id) if not as_json else None
    if as_json:
        write_json(job, indent=2)
        return
    write(f"job {job.id}  {one_line(job.command)}  {job.state}", STATE_STYLES.get(job.state))
    facts = [(name, value) for name, value in _facts(job, estimate) if value]
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        write(f"  {name.ljust(width)}  {one_line(value)}")
    _block("request" + (f" ({one_line(job.request_name)})" if job.request_name else ""), pretty(job.request))
    if job.finished or job.response is not None:
        _block("response", pretty(job.response))
    if job.args:
        _block("args", pretty(job.args))
    if job.meta:
        _block("meta", pretty(job.meta))
    for failure in job.errors:
        at = "" if failure.at is None else f" at {moment(failure.at, millis=True)}"
        node = f", node {failure.node_id}" if failure.node_id is not None else ""
        if failure.code == "cancelled":
            title = f"attempt {failure.attempt} was cancelled{at}{node}"
        else:
            title = f"attempt {failure.attempt} failed{at}{node}: {one_line(failure.code)}"
        _block(title, clean(failure.traceback or failure.message))
    write()
    write(f"what it logged: dbjobs logs {job.id}")
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        write(f"to run it again: dbjobs requeue {job.id}")


def _facts(job: Job, estimate: float | None) -> Iterator[tuple[str, str]]:
    yield "queue", job.queue
    yield "worker", job.worker or ""
    yield "priority", str(job.priority) if job.priority else ""
    yield "ref_id", job.ref_id or ""
    yield "tag", job.tag or ""
    yield "batch", job.batch_id or ""
    yield "user", job.user_id or ""
    yield "created by", job.created_by or ""
    yield "reply to", job.reply_to or ""
    yield "callback", job.callback or ""
    yield "parent", str(job.parent_id or "")
    yield "depends on", ", ".join(map(str, job.depends_on))
    yield "created", moment(job.created_at, millis=True)
    yield "run after", moment(job.run_after, millis=True)
    yield "expires", moment(job.expires_at, millis=True)
    yield "started", moment(job.started_at, millis=True)
    yield "completed", moment(job.completed_at, millis=True)
    yield "cancel asked", moment(job.cancel_requested_at, millis=True)
    yield "took", milliseconds(job.duration_ms)
    # Not "3 of 2": the number of attempts goes on after a requeue, and tries are then counted anew.
    yield "attempt", str(job.attempt)
    yield "retry limit", str(job.retry_limit)
    yield "timeout", lasting(job.timeout_seconds) if job.timeout_seconds else "none"
    yield "node", str(job.node_id or "")
    yield "progress", share(job.progress, estimate)
    yield "status", job.status or ""
    yield "error", job.error or ""


def _block(title: str, text: str) -> None:
    write()
    write(title, "bold")
    for line in text.rstrip("\n").split("\n"):
        write(f"  {line}")
