"""The results of a search as a file: streamed, in bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal

import msgspec
from starlette.responses import Response, StreamingResponse

from dbjobs.admin.api.job_finding import Finding, query_of
from dbjobs.admin.api.job_rows import JobRow, row_of
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Operations
from dbjobs.errors import InvalidOption
from dbjobs.inspect.conditions import JobSearch
from dbjobs.inspect.meaning import meaning

OPERATIONS = Operations("jobs")
MOST_JOBS = 100_000
# How many jobs are in memory at a time.
PAGE = 500
COLUMNS = tuple(name for name in JobRow.__struct_fields__ if name not in ("id_text", "details"))
# A spreadsheet takes a text for a formula if it begins with one of these.
# Some programs also read the full-width forms so.
_FORMULA = (*"=+-@", *"\uff1d\uff0b\uff0d\uff20", "\t", "\r", "\n")


class Exporting(msgspec.Struct, frozen=True, kw_only=True):
    """A search, and the format for its jobs.

    Attributes:
        q, state, month: as in ``find_jobs``.
        format: csv, or a JSON array.
        limit: at most this many jobs, the newest.
    """

    q: str = ""
    state: str = ""
    month: str = ""
    format: Literal["csv", "json"] = "csv"
    limit: int = 1_000


@OPERATIONS.get("/jobs/export", also=("text/csv", "application/json"))
async def export_jobs(call: Call, asked: Exporting) -> Response:
    """The jobs of a search as CSV or JSON, newest first, streamed.

    In CSV, a text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    query = query_of(call, Finding(q=asked.q, state=asked.state, month=asked.month))
    if not 1 <= asked.limit <= MOST_JOBS:
        raise InvalidOption(f"limit={asked.limit} must be between 1 and {MOST_JOBS:,}")
    rows = _pages(call, meaning(query), asked.limit)
    name = f"jobs-{datetime.now():%Y%m%d-%H%M%S}.{asked.format}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    if asked.format == "csv":
        return StreamingResponse(_csv(rows), media_type="text/csv; charset=utf-8", headers=headers)
    return StreamingResponse(_json(rows), media_type="application/json", headers=headers)


async def _pages(call: Call, search: JobSearch, limit: int) -> AsyncIterator[list[JobRow]]:
    before: int | None = None
    while True:
        found = await call.jobs.find(**search, limit=min(PAGE, limit), before_id=before)
        limit -= len(found.jobs)
        yield [row_of(job) for job in found.jobs]
        if found.complete or limit <= 0:
            return
        before = found.before_id


async def _csv(pages: AsyncIterator[list[JobRow]]) -> AsyncIterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    async for page in pages:
        writer.writerows([cell(getattr(row, name)) for name in COLUMNS] for row in page)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def cell(value: Any) -> Any:
    """A value that is safe in a spreadsheet."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else str(value)
    return value


async def _json(pages: AsyncIterator[list[JobRow]]) -> AsyncIterator[bytes]:
    separator = b"[\n"
    async for page in pages:
        for row in page:
            yield separator + msgspec.json.encode(row)
            separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"
