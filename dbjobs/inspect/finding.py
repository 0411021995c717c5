"""Finds jobs in bounded looks: each reads for some milliseconds, says how far back it got, and goes on from there.

No index serves every condition, and the cost of a search must not grow with the history. So a look reads the jobs in
slices, newest first. A slice is a range of ids; how long the previous slice took sets its length. If a condition names
a tag, a batch, ids or ref_ids, the look follows their indexes instead. What statements cannot decide the same way on
every database, we decide here, on the rows found.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from dbjobs.commands.options import MAX_ID
from dbjobs.inspect.conditions import plain
from dbjobs.inspect.search import Search, storable
from dbjobs.models import Job, JobState, JobSummary
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.repository.searching import Slice

NEWEST = 2**63 - 1
# The last slice, and the look for what follows, come on top: a look is over within a tenth of a second.
LOOK_SECONDS = 0.05
# Ids of the first slice of a look; each later one is sized so that it takes about this long.
FIRST_SLICE = 2_000
SLICE_SECONDS = 0.015
LONGEST_SLICE = 500_000
# How many jobs along an index, and how many rows, one statement returns.
_PAGE = 500
# How many whole jobs we fetch at once: each may hold megabytes.
_WHOLE = 100
# Ids follow created_at, except for transactions that stayed open and for clock steps.
_SLACK = timedelta(hours=1)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found, newest first.

    Attributes:
        jobs: the matching jobs.
        before_id: pass it to the next look to go on there; None: everything was looked at.
        reached_at: when the last job before that place was created; None: everything was looked at.
    """

    jobs: tuple[JobSummary, ...]
    before_id: int | None
    reached_at: datetime | None

    @property
    def complete(self) -> bool:
        """Whether there is nothing further back."""
        return self.before_id is None


async def look(db: Database, search: Search, before_id: int | None, limit: int, seconds: float) -> Found:
    """One look: at most ``limit`` jobs, and about ``seconds``."""
    deadline = time.monotonic() + seconds
    jobs: list[JobSummary] = []
    at = start = NEWEST if before_id is None else max(min(before_id, NEWEST), 0)

    def room() -> int:
        return limit - len(jobs)

    async for found, reached in _slices(db, search, start, room):
        jobs += found
        at = reached
        if len(jobs) >= limit or time.monotonic() >= deadline:
            break
    else:
        return Found(jobs=tuple(jobs), before_id=None, reached_at=None)
    following = await repository.list_page(db, search.asked, at, 1)
    if not following or _is_past(search, following[0]):
        return Found(jobs=tuple(jobs), before_id=None, reached_at=None)
    return Found(jobs=tuple(jobs), before_id=at, reached_at=following[0].created_at)


async def every(db: Database, search: Search) -> AsyncIterator[list[int]]:
    """The ids of all matching jobs, newest first, some at a time."""
    async for found, _ in _slices(db, search, NEWEST, lambda: _PAGE):
        if found:
            yield [job.id for job in found]


async def count(db: Database, search: Search, at_most: int) -> int:
    """How many jobs match, counted up to ``at_most``."""
    counted = 0
    async for ids in every(db, search):
        counted += len(ids)
        if counted >= at_most:
            return at_most
    return counted


async def _slices(
    db: Database, search: Search, at: int, room: Callable[[], int]
) -> AsyncIterator[tuple[list[JobSummary], int]]:
    """The matches, slice by slice, each with the id before which the next slice goes on."""
    asked = search.asked
    if not (asked.live or asked.completed or asked.failed):
        return
    named = await _named(db, search)
    if named is not None:
        left = sorted({id for id in named if id < at}, reverse=True)
        while left:
            found, at = await _of_named(db, search, left[:_WHOLE], room())
            left = [id for id in left if id < at]
            yield found, at if left else 1
        return
    if at == NEWEST and search.until is not None:
        at = await _start(db, search, _shifted(search.until, _SLACK))
    tag, batch = (plain(search.conditions, column) for column in ("tag", "batch_id"))
    if tag is not None or batch is not None:
        if not all(value is None or storable(value) for value in (tag, batch)):
            return
        while page := await repository.list_page(db, asked, at, _PAGE, tag=tag, batch_id=None if tag else batch):
            found = await _fitting(db, search, page)
            at = page[-1].id
            if len(found) > (most := room()):
                found = found[:most]
                at = found[-1].id
            yield found, at
        return
    size = FIRST_SLICE
    while True:
        top = await repository.list_page(db, asked, at, 1)
        if not top or _is_past(search, top[0]):
            return
        at = top[0].id + 1
        while True:
            began, first = time.monotonic(), at - size
            rows = max(50, min(_PAGE, 2 * room()))
            page = await repository.find_jobs(db, asked, from_id=first, before_id=at, most=rows)
            found = await _fitting(db, search, page)
            full = len(page) == rows
            at = page[-1].id if full else first
            if len(found) > (most := room()):
                found = found[:most]
                at = found[-1].id
            took = max(time.monotonic() - began, 0.0001)
            if not full:
                size = max(100, min(LONGEST_SLICE, round(size * min(4.0, SLICE_SECONDS / took))))
            yield found, at
            if page and _is_past(search, page[-1]):
                return
            if not page:
                break  # a gap, or the end: look for the next existing job


async def _named(db: Database, search: Search) -> list[int] | None:
    """The ids, if the search names ids or ref_ids."""
    for one in search.conditions:
        if one.operation != "is" or one.column not in ("id", "ref_id"):
            continue
        if one.column == "id":
            return [value for value in one.values if isinstance(value, int) and -MAX_ID <= value <= MAX_ID]
        refs = [value for value in one.values if storable(value)]
        return list((await repository.find_refs(db, refs)).values()) if refs else []
    return None


async def _of_named(db: Database, search: Search, ids: Sequence[int], most: int) -> tuple[list[JobSummary], int]:
    """The matches among these, newest first, ``most`` at most, and the id before which the others are."""
    jobs = [job for job in await _whole(db, ids) if _where(search.asked, job)]
    found = [_summary(job) for job in jobs if all(one.fits(job) for one in search.conditions)]
    found.sort(key=lambda job: -job.id)
    return (found[:most], found[most - 1].id) if len(found) > most else (found, ids[-1])


async def _start(db: Database, search: Search, until: datetime) -> int:
    """An id above all jobs created before ``until``, found by bisection."""
    newest = await repository.list_page(db, search.asked, NEWEST, 1)
    if not newest or newest[0].created_at < until:
        return NEWEST
    low, high = 0, newest[0].id
    while high - low > FIRST_SLICE:
        middle = (low + high) // 2
        at = await repository.list_page(db, search.asked, middle, 1)
        if at and at[0].created_at >= until:
            high = at[0].id
        else:
            low = middle
    return high


async def _fitting(db: Database, search: Search, page: Sequence[JobSummary]) -> list[JobSummary]:
    jobs = [job for job in page if search.fits(job)]
    if not search.whole or not jobs:
        return jobs
    fitting = {
        job.id for job in await _whole(db, [job.id for job in jobs]) if all(one.fits(job) for one in search.whole)
    }
    return [job for job in jobs if job.id in fitting]


async def _whole(db: Database, ids: Sequence[int]) -> list[Job]:
    jobs: list[Job] = []
    for start in range(0, len(ids), _WHOLE):
        jobs += (await repository.get_jobs(db, ids[start : start + _WHOLE])).values()
    return jobs


def _where(asked: Slice, job: Job) -> bool:
    """Whether the job is where the search looks."""
    if job.state is JobState.COMPLETED:
        return asked.completed
    return asked.failed if job.finished else asked.live


def _summary(job: Job) -> JobSummary:
    return JobSummary(**{name: getattr(job, name) for name in JobSummary.__struct_fields__})


def _is_past(search: Search, job: JobSummary) -> bool:
    """Whether no job before this one is young enough."""
    return search.since is not None and job.created_at < _shifted(search.since, -_SLACK)


def _shifted(moment: datetime, by: timedelta) -> datetime:
    """A moment later or earlier; itself at the ends of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return moment
