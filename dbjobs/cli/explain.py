"""`dbjobs explain`: why does a job not run?"""

from __future__ import annotations

from dbjobs.cli.connection import find, opened, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Reference, Schema, Url
from dbjobs.cli.output import STATE_STYLES, one_line, write, write_json


def explain(reference: Reference, url: Url = None, schema: Schema = DEFAULT_SCHEMA, as_json: AsJson = False) -> None:
    """Say why a job does not run, or what it did.

    The first reason is the one that must change first.
    """
    run(_explain(reference, url, schema, as_json))


async def _explain(reference: str, url: str | None, schema: str, as_json: bool) -> None:
    async with opened(url, schema) as jobs:
        told = await jobs.explain((await find(jobs, reference)).id)
    if as_json:
        write_json(told, indent=2)
        return
    write(f"job {told.job_id}  {one_line(told.command)}  {told.state}", STATE_STYLES.get(told.state))
    width = max(len(reason.code) for reason in told.reasons)
    for reason in told.reasons:
        write(f"  {reason.code.ljust(width)}  {one_line(reason.text)}")
