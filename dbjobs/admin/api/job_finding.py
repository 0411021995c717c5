"""Finding jobs: pages of a search, the counts beside it, and completion in its box."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from dbjobs.admin.api.job_completion import Completion, complete_text
from dbjobs.admin.api.job_rows import JobPage, page_of, rows_of
from dbjobs.admin.call import Call, Refused, shown
from dbjobs.admin.operations import Nothing, Operations
from dbjobs.errors import InvalidOption
from dbjobs.inspect.language import parse
from dbjobs.inspect.meaning import find_key, meaning
from dbjobs.inspect.query import Group, Query, Term, Value, every_term
from dbjobs.jobs import Jobs
from dbjobs.models import FINAL_STATES, JobState, JobSummary
from dbjobs.store import repository

OPERATIONS = Operations("jobs")
# How long one look may take: a page must arrive within 150 ms.
LOOK_SECONDS = 0.05
# How many jobs we sort by anything but age: the newest that match.
SORTED_JOBS = 1_000
MOST_SORTS = 3
# How far we count live jobs in each queue and state.
BOUND = 10_000
LIVE_SECONDS, MONTHS_SECONDS = 2.0, 15.0

_SORTS: dict[str, Callable[[JobSummary], Any]] = {
    "id": lambda job: job.id,
    "command": lambda job: job.command,
    "queue": lambda job: job.queue,
    "worker": lambda job: job.worker,
    "state": lambda job: [*JobState].index(job.state),
    "tag": lambda job: job.tag,
    "user": lambda job: job.user_id,
    "priority": lambda job: job.priority,
    "attempts": lambda job: job.attempt,
    "created": lambda job: job.created_at,
    "due": lambda job: job.run_after,
    "started": lambda job: job.started_at,
    "ended": lambda job: job.completed_at,
    "run": lambda job: job.duration_ms,
    "progress": lambda job: job.progress,
    "error": lambda job: job.error,
}
SORTS = tuple(_SORTS)
# Jobs are found in this order, so it costs nothing.
_NATURAL = ("", "-id", "-created")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A search.

    Attributes:
        q: in the search language, such as ``state:failed command:send_* since:2h``.
        state: one state, in addition to ``q``; ``live`` and ``ended`` stand for several.
        month: when the jobs were created: ``2026-11``.
        limit: jobs per page, 1 to 1000.
        before_id: ``before_id`` of the previous page.
        sort: up to three of id, command, queue, worker, state, tag, user, priority, attempts, created, due, started,
            ended, run, progress, error, separated by commas; ``-`` before one: largest first. Left out: newest first.
        offset: of a page in a sorted list.
        details: parents, request and the like, too.
    """

    q: str = ""
    state: str = ""
    month: str = ""
    limit: int = 50
    before_id: int | None = None
    sort: str = ""
    offset: int = 0
    details: bool = False


class MonthCount(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that ended in a month (``2026-11``, UTC), by outcome, from the roll-ups."""

    month: str
    completed: int
    failed: int
    cancelled: int
    total: int


class JobCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs there are. Only live jobs are counted for it, up to a bound.

    Attributes:
        states: live states counted up to ``bound``; ended ones from the roll-ups.
        months: the months of the history, newest first.
    """

    states: dict[str, int]
    bound: int
    months: list[MonthCount]


class Completing(msgspec.Struct, frozen=True, kw_only=True):
    """A search that somebody is typing.

    Attributes:
        text: what is typed so far.
        at: the cursor's place in it; its end if left out.
    """

    text: str = ""
    at: int | None = None


def query_of(call: Call, asked: Finding) -> Query:
    """The terms of a search, including those of the tab and the month.

    Raises:
        QueryError. Refused: it asks about values the visitor may not see.
    """
    query = parse(asked.q)
    extra: list[Term | Group] = []
    if asked.state:
        if asked.state not in ("live", "ended", *JobState):
            raise InvalidOption(f"state={asked.state!r} must be live, ended or one of {', '.join(JobState)}")
        extra.append(Term("state", (), (Value("", asked.state),)))
    if asked.month:
        extra.append(Term("created", (), (Value("", asked.month),)))
    refuse_hidden(call, query)
    return (*query, *extra)


def refuse_hidden(call: Call, query: Query) -> None:
    """Refuse a search that would reveal redacted values.

    Raises:
        Refused.
    """
    if call.settings.redact is None or call.visitor.may("reveal"):
        return
    for term in every_term(query):
        key = find_key(term.key)
        if key is None or key.holds != "json":
            continue
        path = ".".join((key.column, *term.path))
        if not term.path or any(shown(call, path, value.text) != value.text for value in term.values):
            raise Refused(f"values of {path} may be hidden from you: a search for them needs the verb reveal")


@OPERATIONS.get("/jobs")
async def find_jobs(call: Call, asked: Finding) -> JobPage:
    """Jobs, live and in history, newest first: one bounded look at what fits.

    It says how far back it got; pass ``before_id`` to the next call to go on there.
    """
    search = meaning(query_of(call, asked))
    if not 1 <= asked.limit <= 1000 or asked.offset < 0:
        raise InvalidOption(f"limit={asked.limit} must be between 1 and 1000, and offset={asked.offset} not negative")
    if asked.sort in _NATURAL:
        found = await call.jobs.find(**search, limit=asked.limit, before_id=asked.before_id, seconds=LOOK_SECONDS)
        return page_of(found, await rows_of(call, found.jobs, details=asked.details))
    keys = _sort_keys(asked.sort)
    found = await call.jobs.find(**search, limit=SORTED_JOBS, before_id=asked.before_id, seconds=LOOK_SECONDS)
    ordered = sort(found.jobs, keys)
    following = asked.offset + asked.limit
    rows = await rows_of(call, ordered[asked.offset : following], details=asked.details)
    page = page_of(found, rows)
    return msgspec.structs.replace(
        page,
        sorted_jobs=None if found.complete and asked.before_id is None else len(ordered),
        offset=following if following < len(ordered) else None,
    )


def _sort_keys(text: str) -> list[tuple[str, bool]]:
    keys = [(one.removeprefix("-"), one.startswith("-")) for one in text.split(",")]
    for name, _ in keys:
        if name not in _SORTS:
            raise InvalidOption(f"sort={text!r}: {name!r} is not one of {', '.join(SORTS)}")
    if len(keys) > MOST_SORTS:
        raise InvalidOption(f"sort={text!r} has more than {MOST_SORTS} keys")
    return keys


def sort(jobs: Sequence[JobSummary], keys: Sequence[tuple[str, bool]]) -> list[JobSummary]:
    """Sort by several keys; jobs without a value come last."""
    ordered = list(jobs)
    for name, falling in reversed(keys):
        value = _SORTS[name]
        given = [job for job in ordered if value(job) is not None]
        empty = [job for job in ordered if value(job) is None]
        ordered = sorted(given, key=value, reverse=falling) + empty
    return ordered


_kept: WeakKeyDictionary[Jobs, dict[str, tuple[float, Any]]] = WeakKeyDictionary()


async def _recent(call: Call, name: str, seconds: float, make: Callable[[], Any]) -> Any:
    """The answer read less than this many seconds ago, or read now."""
    mine = _kept.setdefault(call.jobs, {})
    if name not in mine or time.monotonic() - mine[name][0] > seconds:
        mine[name] = (time.monotonic(), await make())
    return mine[name][1]


def forget_counts(call: Call) -> None:
    """Drop the counts after an action, so that the page shows its effect."""
    _kept.pop(call.jobs, None)


@OPERATIONS.get("/jobs/counts")
async def count_jobs(call: Call, asked: Nothing) -> JobCounts:
    """How many jobs are in each state and ended in each month.

    Live jobs are counted up to a bound, ended ones come from the roll-ups; both are at most a few seconds old.
    """
    states = dict.fromkeys((state.value for state in JobState), 0)
    live = await _recent(call, "live", LIVE_SECONDS, lambda: call.jobs.counts(bound=BOUND))
    for (_, state), count in live.items():
        states[state] = min(states[state] + count, BOUND)
    months = await _recent(call, "months", MONTHS_SECONDS, lambda: _months(call))
    for state in FINAL_STATES:
        states[state.value] = sum(getattr(month, state.value) for month in months)
    return JobCounts(states=states, bound=BOUND, months=months)


async def _months(call: Call) -> list[MonthCount]:
    counted = {month.month: month for month in await repository.count_months(call.db)}
    now = await repository.current_month(call.db)
    known = {month for month in await repository.list_partitions(call.db) if month <= now} | {now, *counted}
    found = []
    for month in sorted(known, reverse=True):
        one = counted.get(month) or repository.MonthCount(month, 0, 0, 0)
        total = one.completed + one.failed + one.cancelled
        name = f"{month[:4]}-{month[4:]}"
        found.append(
            MonthCount(month=name, completed=one.completed, failed=one.failed, cancelled=one.cancelled, total=total)
        )
    return found


@OPERATIONS.get("/jobs/complete")
async def complete(call: Call, asked: Completing) -> Completion:
    """Complete the text in the search box: keys, and for each key the known values.

    Values come from the latest jobs, the queues and the registered commands: they are proposals, not a full list.
    """
    return await complete_text(call, asked.text, asked.at)
