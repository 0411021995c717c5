"""Plain rows as COPY takes them: as Python values on our own connections, as text on a caller's.

asyncpg encodes values by the type codecs of the connection, and psycopg by its adapters. An application may have set
its own (a codec that makes JSON of Python objects is in asyncpg's own manual), and would get its JSON encoded twice.
COPY's text form is the same whatever they have set.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from msgspec.structs import astuple

from dbjobs.store.records import NewJob

# Columns that a COPY fills (see copy_jobs.sql, too).
COLUMNS = (
    "id", "parent_id", "worker", "queue", "priority", "tag", "callback", "created_by", "user_id", "request_type",
    "command", "request", "request_body", "retry_limit", "retry", "on_failure", "timeout_seconds", "reply_to",
    "args", "meta", "trace_context",
)  # fmt: skip
_copied = itemgetter(*(NewJob.__struct_fields__.index(column) for column in COLUMNS[1:]))
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_ROWS_AT_ONCE = 500

Record = tuple[Any, ...]


def records(ids: Sequence[int], jobs: Sequence[NewJob]) -> list[Record]:
    """One tuple a job, in the order of ``COLUMNS``."""
    return [(id, *_copied(astuple(job))) for id, job in zip(ids, jobs, strict=True)]


def as_text(rows: Sequence[Record]) -> Iterator[str]:
    """The same in COPY's text form, some hundred rows at a time."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield "".join(["\t".join(map(_field, row)) + "\n" for row in rows[start : start + _ROWS_AT_ONCE]])


def _field(value: Any) -> str:
    return r"\N" if value is None else str(value).translate(_ESCAPES)
