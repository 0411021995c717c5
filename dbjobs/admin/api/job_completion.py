"""Completion in the search box."""

from __future__ import annotations

import time
from collections.abc import Iterable
from weakref import WeakKeyDictionary

import msgspec

from dbjobs.admin.call import Call
from dbjobs.inspect.language import LONGEST, quoted
from dbjobs.inspect.meaning import KEYS, find_key
from dbjobs.jobs import Jobs
from dbjobs.models import JobState

MOST_PROPOSALS = 12
# We propose names from this many of the latest jobs, and remember them for this many seconds.
LATEST, KEPT_SECONDS = 500, 10.0
_TIMES = ("15m", "1h", "24h", "7d", "today", "yesterday")
_FIXED = {"type": ("command", "api"), "run": (">1s", ">30s", ">5m"), "attempts": (">1",), "progress": ("<50%",)}


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One proposal.

    Attributes:
        text: what to insert.
        note: what it is, for people.
    """

    text: str
    note: str


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """Proposals to replace the letters from ``start`` to ``end``."""

    start: int
    end: int
    proposals: list[Proposal]


async def complete_text(call: Call, text: str, at: int | None) -> Completion:
    """See ``complete`` of the API."""
    text = text[:LONGEST]
    end = len(text) if at is None else max(0, min(at, len(text)))
    start = _term_start(text, end)
    term = text[start:end]
    if term.startswith("-"):
        start, term = start + 1, term[1:]
    name, colon, given = term.partition(":")
    if not colon:
        found = [Proposal(text=f"{key.name}:", note=key.says) for key in KEYS if key.name.startswith(term.lower())]
        if term and "or".startswith(term.lower()) and text[:start].strip():
            found.insert(0, Proposal(text="or", note="either what stands before it or what follows"))
        return Completion(start=start, end=end, proposals=found[:MOST_PROPOSALS])
    key = find_key(name.partition(".")[0])
    if key is None:
        return Completion(start=end, end=end, proposals=[])
    begun = given.rpartition(",")[2] if '"' not in given else given
    wanted = begun.strip('"').lower()
    values = await _values(call, key.name, key.column)
    fitting = [value for value in values if value.lower().startswith(wanted)]
    fitting += [value for value in values if wanted in value.lower() and value not in fitting]
    return Completion(
        start=end - len(begun),
        end=end,
        proposals=[
            Proposal(text=value if key.name in _FIXED else quoted(value), note=key.says)
            for value in fitting[:MOST_PROPOSALS]
            if value.lower() != wanted or len(fitting) > 1
        ],
    )


def _term_start(text: str, end: int) -> int:
    """The start of the term that ends here: a blank inside quotes does not end one."""
    start, inside, at = 0, False, 0
    while at < end:
        sign = text[at]
        if inside and sign == "\\":
            at += 1
        elif sign == '"':
            inside = not inside
        elif (sign.isspace() or sign in "()") and not inside:
            start = at + 1
        at += 1
    return start


async def _values(call: Call, key: str, column: str) -> tuple[str, ...]:
    match key:
        case "state":
            return ("live", "ended", *JobState)
        case "has":
            return tuple(one.name for one in KEYS if one.column and one.name not in ("since", "until"))
        case _ if key in _FIXED:
            return _FIXED[key]
        case "since" | "until" | "created" | "started" | "ended":
            return _TIMES
    return tuple(sorted((await _seen(call)).get(column, set())))


_kept: WeakKeyDictionary[Jobs, tuple[float, dict[str, set[str]]]] = WeakKeyDictionary()


async def _seen(call: Call) -> dict[str, set[str]]:
    """Names from the latest jobs, live and failed, from the queues, and from the commands this process knows."""
    if call.jobs in _kept and time.monotonic() - _kept[call.jobs][0] < KEPT_SECONDS:
        return _kept[call.jobs][1]
    latest = [*await call.jobs.list(limit=LATEST), *await call.jobs.list(limit=LATEST // 2, state="failed")]
    columns = ("command", "queue", "worker", "tag", "batch_id", "user_id", "ref_id", "error_code", "status")
    seen = {column: _given(getattr(job, column) for job in latest) for column in columns}
    seen["command"].update(call.jobs.stored_commands)
    seen["queue"].update(info.queue for info in await call.jobs.queues.list())
    _kept[call.jobs] = (time.monotonic(), seen)
    return seen


def _given(values: Iterable[str | None]) -> set[str]:
    return {value for value in values if value}
