"""What a node does for a bulk action: it works through the frozen search, newest first, and remembers its place.

The place is a setting of its own (``bulk:<job id>``), written before each handful of jobs is touched, with their ids.
So a node that takes over after a crash looks at that handful again, counts how much of it was done, and goes on after
it. Each step can be repeated: a cancelled job is no longer live, and a requeued one has ended later than the search
allows, or not yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

import anyio
import msgspec

from dbjobs.bulk_undo import mark_of, restorable
from dbjobs.client.client import Client
from dbjobs.context import JobContext
from dbjobs.inspect import finding, frozen
from dbjobs.inspect import search as searching
from dbjobs.models import FINAL_STATES, Job, JobState
from dbjobs.store import repository
from dbjobs.wording import counted

COMMAND = "dbjobs.bulk"
TAG = "dbjobs.bulk"
# Jobs of one step, and how long one look for them takes.
STEP = 200
LOOK_SECONDS = 0.25
# Places of actions that were stopped are forgotten after a week.
_KEPT_SECONDS = 7 * 86400.0
_DONE = {"cancel": "cancelled or asked to stop", "requeue": "queued again", "undo": "brought back"}


class BulkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk action as its job holds it.

    Attributes:
        search: in words.
        conditions: the search itself, frozen.
        before_id: jobs from this id on are not meant.
        rate: jobs a second; None: as fast as it goes.
        expected, exact: what the preview had counted.
        reason: of cancellations.
        undoes: the bulk action whose jobs an undo brings back.
    """

    action: Literal["cancel", "requeue", "undo"]
    name: str
    search: str
    conditions: tuple[frozen.FrozenCondition, ...]
    before_id: int
    rate: float | None = None
    expected: int = 0
    exact: bool = False
    reason: str = "cancelled"
    undoes: int = 0


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk action has done: of the jobs that it looked at, it reached all that had not changed by themselves."""

    reached: int
    looked_at: int


class _Place(msgspec.Struct, kw_only=True):
    """How far it is.

    Attributes:
        before_id: everything from this id on is done, but for ``step``.
        step: ids that are being worked on.
    """

    before_id: int
    reached: int = 0
    looked_at: int = 0
    step: list[int] = []


class BulkRun:
    """The handler of the command."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    async def run(self, request: BulkRequest, job: JobContext) -> BulkResult:
        """Work through the search from where the last attempt has got to."""
        db = self._client().db
        await repository.drop_settings(db, "bulk:", "bulk;", _KEPT_SECONDS)
        key = f"bulk:{job.id}"
        search = self.search_of(request.action, request.conditions, f"bulk action {request.name!r}")
        kept = await repository.get_setting(db, key)
        place = _Place(before_id=request.before_id) if kept is None else msgspec.json.decode(kept, type=_Place)
        if place.step:
            job.log(f"goes on after job {place.before_id}: {counted(place.reached, 'job')} {_DONE[request.action]}")
            place.reached += await self._again(request, job.id, search, place.step)
            place.step = []
        most = STEP if request.rate is None else max(1, min(STEP, int(request.rate)))
        pace, began = _Pace(request.rate), time.monotonic()
        while place.before_id > 0:
            found = await finding.look(db, search, place.before_id, most, LOOK_SECONDS)
            ids = [one.id for one in found.jobs]
            place.before_id = found.before_id or 0
            place.looked_at += len(ids)
            place.step = ids
            if ids or time.monotonic() - began > 1.0:  # a search that finds little must not begin anew either
                began = time.monotonic()
                await repository.put_setting(db, key, msgspec.json.encode(place).decode())
            if ids:
                place.reached += await self._act(request, job.id, ids)
                place.step = []
            _tell(job, request, place)
            await pace.wait(len(ids))
        await repository.drop_settings(db, key, f"{key}!", 0.0)
        return BulkResult(reached=place.reached, looked_at=place.looked_at)

    @staticmethod
    def search_of(action: str, conditions: Sequence[frozen.FrozenCondition], where: str) -> searching.Search:
        """Where the action finds its jobs: among the live ones, or those that failed or were cancelled."""
        if action == "cancel":
            return frozen.search_of(conditions, where, live=True, history=False)
        ended = frozen.FrozenCondition("state", "is", (JobState.FAILED, JobState.CANCELLED))
        return frozen.search_of((*conditions, ended), where, live=False, history=True)

    async def _act(self, request: BulkRequest, own_id: int, ids: Sequence[int]) -> int:
        client = self._client()
        match request.action:
            case "cancel":
                return await client.cancel(ids, f"{request.reason} {mark_of(own_id)}")
            case "undo":
                return await client.requeue(await restorable(client, ids, request.undoes), as_they_were=True)
        return await client.requeue(ids)

    async def _again(self, request: BulkRequest, own_id: int, search: searching.Search, ids: Sequence[int]) -> int:
        """A step that was cut off: finish it; how many jobs it has reached in all."""
        jobs = await self._client().get_many(ids)
        left = [id for id, job in jobs.items() if all(one.fits(job) for one in search.conditions)]
        await self._act(request, own_id, left)
        jobs = await self._client().get_many(ids)
        return sum(_reached(request, job) for job in jobs.values())


def _reached(request: BulkRequest, job: Job[Any]) -> bool:
    if request.action == "cancel":
        return job.state is JobState.CANCELLED or job.cancel_requested_at is not None
    frozen_at = _moment(request)
    if job.state not in FINAL_STATES or frozen_at is None or job.completed_at is None:
        return job.state not in FINAL_STATES
    return job.completed_at > frozen_at


def _moment(request: BulkRequest) -> datetime | None:
    """When the search was frozen."""
    found = [one.values[0] for one in request.conditions if (one.column, one.operation) == ("completed_at", "<=")]
    return datetime.fromisoformat(found[-1]) if found and isinstance(found[-1], str) else None


def _tell(job: JobContext, request: BulkRequest, place: _Place) -> None:
    done = place.looked_at / request.expected if request.exact and request.expected else 0.0
    if not request.exact:
        done = 1 - place.before_id / max(request.before_id, 1)
    of = f" of {request.expected:,}{'' if request.exact else '+'}" if request.expected else ""
    job.progress(min(max(done, 0.0), 1.0), f"{place.reached:,}{of} {_DONE[request.action]}")


class _Pace:
    """Lets ``rate`` jobs pass in a second, from now on.

    The pause is slept through inside the attempt: a handler that sleeps costs its node one slot and nothing else, and a
    stop or a shutdown ends it at once.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._next = time.monotonic()

    async def wait(self, jobs: int) -> None:
        """After this many."""
        if self._rate is None or not jobs:
            return
        self._next = max(self._next, time.monotonic() - 1.0) + jobs / self._rate
        await anyio.sleep(max(self._next - time.monotonic(), 0.0))
