"""Bulk actions: ``jobs.bulk``. A frozen search, worked through by a durable job, at a rate, with a history."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Literal, Unpack

from dbjobs.bulk_history import BOUND, BulkAction, BulkPreview, action_of, request_of
from dbjobs.bulk_run import COMMAND, TAG, BulkRequest, BulkRun
from dbjobs.bulk_undo import conditions_of
from dbjobs.calls.reference import Reference, id_of
from dbjobs.client.client import Client
from dbjobs.commands.options import MAX_ID, aware, duration, whole
from dbjobs.commands.registry import BUILT_IN_QUEUE, Registry
from dbjobs.errors import InvalidOption, UnknownJob
from dbjobs.inspect import acting, finding, frozen
from dbjobs.inspect import search as searching
from dbjobs.inspect.conditions import JobSearch
from dbjobs.inspect.spelled import spelled_out
from dbjobs.models import Backoff, Job, JobRef, JobSummary
from dbjobs.store import repository

Action = Literal["cancel", "requeue"]
ACTIONS: tuple[Action, ...] = ("cancel", "requeue")
# How long a preview counts.
PREVIEW_SECONDS = 2.0
SAMPLES = 10
MOST_RATE = 10_000.0
_LONGEST_NAME = 200
# A bulk action outlives many nodes and outages of the database.
_RETRIES = 1_000


class BulkActions:
    """Cancel or requeue many jobs as a durable job (``jobs.bulk``)."""

    def __init__(self, client: Client, registry: Registry, enqueue: Callable[..., Awaitable[JobRef[Any]]]) -> None:
        self._client = client
        self._enqueue = enqueue
        self._stored_names = registry.stored_names
        registry.build_in(
            BulkRun(lambda: self._client).run,
            name=COMMAND,
            defaults={
                "queue": BUILT_IN_QUEUE,
                "tag": TAG,
                "timeout": 0,
                "retry_limit": _RETRIES,
                "retry": Backoff(first_seconds=1.0, factor=2.0, max_seconds=60.0),
            },
        )

    async def preview(
        self, action: Action, *, seconds: float | timedelta = PREVIEW_SECONDS, **search: Unpack[JobSearch]
    ) -> BulkPreview:
        """Count what would be reached, and show the newest of it; nothing is changed.

        Args:
            action: ``"cancel"`` live jobs, or ``"requeue"`` failed and cancelled ones.
            seconds: about how long it may count.
            search: see JobSearch; at least one condition.

        Raises:
            InvalidOption.
        """
        where = f"bulk.preview of {action!r}"
        at = await repository.database_time(self._client.db)
        before_id = await self._end()
        conditions = _conditions(action, spelled_out(search, self._stored_names), at, where)
        longest = duration(seconds, f"{where}: seconds")
        count, exact, samples = await self._count(_search(action, conditions, where), before_id, longest)
        return BulkPreview(
            action=action, count=count, exact=exact, samples=samples, before_id=before_id, at=at,
            nodes=await self.nodes(),
        )  # fmt: skip

    async def start(
        self,
        action: Action,
        *,
        name: str,
        words: str | None = None,
        rate: float | None = None,
        reason: str | None = None,
        started_by: str | None = None,
        before_id: int | None = None,
        at: datetime | None = None,
        **search: Unpack[JobSearch],
    ) -> JobRef[Any]:
        """Store a bulk action; any node runs it, whatever queues it serves.

        Jobs that are enqueued, or that end, after the preview are not reached.

        Args:
            action: ``"cancel"`` or ``"requeue"``.
            name: what it is called in the history.
            words: the search as its author wrote it, for the history.
            rate: jobs a second at most, above 0 and up to 10,000; None: as fast as it goes.
            reason: kept as the error text of jobs that are cancelled, with the action's number behind it.
            started_by: who asks for it.
            before_id, at: from the preview; without them everything up to now is meant.
            search: see JobSearch; at least one condition.

        Returns:
            Its job: wait for it, look at its progress, cancel it to stop it.

        Raises:
            InvalidOption.
        """
        where = f"bulk.start of {action!r}"
        called = _name(name, where)
        checked = _rate(rate, where)
        now = await repository.database_time(self._client.db)
        moment = now if at is None else min(aware(at, f"{where}: at"), now)
        end = await self._end()
        end = end if before_id is None else min(whole(before_id, f"{where}: before_id", 0, MAX_ID), end)
        conditions = _conditions(action, spelled_out(search, self._stored_names), moment, where)
        expected, exact, _ = await self._count(_search(action, conditions, where), end, PREVIEW_SECONDS)
        request = BulkRequest(
            action=action, name=called, search=words or _in_words(conditions), conditions=conditions,
            before_id=end, rate=checked, expected=expected, exact=exact,
            reason=acting.reason_of(reason or f"cancelled by {called!r}", where),
        )  # fmt: skip
        return await self._enqueue(COMMAND, request, created_by=started_by)

    async def stop(self, id: Reference) -> bool:
        """Stop a bulk action where it is; what it has done stays done. False if it had ended.

        Raises:
            UnknownJob: there is no bulk action of this id.
        """
        id = id_of(id)
        await self.get(id)
        return await self._client.cancel((id,), "stopped") == 1

    async def preview_undo(self, id: Reference, *, seconds: float | timedelta = PREVIEW_SECONDS) -> BulkPreview:
        """Count the jobs that would come back if a bulk cancel was undone; nothing is changed.

        Args:
            id: of the bulk action.
            seconds: about how long it may count.

        Raises:
            UnknownJob: there is no bulk action of this id. InvalidOption: it cannot be undone.
        """
        where = "bulk.preview_undo"
        job, at = await self._job(id), await repository.database_time(self._client.db)
        conditions, before_id = conditions_of(job, at, where), request_of(job).before_id
        longest = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
        count, exact, samples = await self._count(_search("undo", conditions, where), before_id, longest)
        return BulkPreview(
            action="undo", count=count, exact=exact, samples=samples, before_id=before_id, at=at,
            nodes=await self.nodes(),
        )  # fmt: skip

    async def undo(
        self, id: Reference, *, name: str | None = None, rate: float | None = None, started_by: str | None = None
    ) -> JobRef[Any]:
        """Bring back what a bulk cancel has cancelled while it waited, each job as it was: at its time, in its lane.

        A job that ran, or waited for another try, stays cancelled, and so does one that depends on a cancelled job. The
        undo is a bulk action itself, in the history, which any node runs.

        Args:
            id: of the bulk action.
            name: what the undo is called in the history.
            rate: jobs a second at most, above 0 and up to 10,000; None: as fast as it goes.
            started_by: who asks for it.

        Raises:
            UnknownJob: there is no bulk action of this id. InvalidOption: it cannot be undone, or has nothing left.
        """
        where = "bulk.undo"
        checked = _rate(rate, where)
        job, at = await self._job(id), await repository.database_time(self._client.db)
        undone, conditions = request_of(job), conditions_of(job, at, where)
        called = _name(f"undo of {undone.name}"[:_LONGEST_NAME] if name is None else name, where)
        search = _search("undo", conditions, where)
        expected, exact, _ = await self._count(search, undone.before_id, PREVIEW_SECONDS)
        if not expected and exact:
            raise InvalidOption(
                f"{where}: no job is left that bulk action {job.id} cancelled while it waited: they were running, are "
                "back already, or have left the history"
            )
        request = BulkRequest(
            action="undo", name=called, search=f"what bulk action {job.id} cancelled", conditions=conditions,
            before_id=undone.before_id, rate=checked, expected=expected, exact=exact, undoes=job.id,
        )  # fmt: skip
        return await self._enqueue(COMMAND, request, created_by=started_by)

    async def get(self, id: Reference) -> BulkAction:
        """A bulk action.

        Raises:
            UnknownJob: there is none of this id.
        """
        return action_of(await self._job(id))

    async def list(self, *, before_id: int | None = None, limit: int = 50) -> list[BulkAction]:
        """Bulk actions, the newest first.

        Args:
            before_id: the last id of the page before, to go on from there.
            limit: how many, 1 to 200.
        """
        whole(limit, "bulk.list: limit", 1, 200)
        if before_id is not None:
            whole(before_id, "bulk.list: before_id", 0, MAX_ID)
        asked = searching.make({"tag": TAG, "command": COMMAND}, "bulk.list")
        found = await finding.look(self._client.db, asked, before_id, limit, 1.0)
        jobs = await self._client.get_many([job.id for job in found.jobs])
        return [action_of(jobs[id]) for id in sorted(jobs, reverse=True)]

    # --- parts ----------------------------------------------------------------------------------

    async def _job(self, id: Reference) -> Job[Any]:
        id = id_of(id)
        job = (await self._client.get_many((id,))).get(id)
        if job is None or job.command != COMMAND:
            raise UnknownJob(f"there is no bulk action {id}")
        return job

    async def _end(self) -> int:
        """An id after all that there are."""
        everything = searching.make({}, "bulk").asked
        newest = await repository.list_page(self._client.db, everything, finding.NEWEST, 1)
        return newest[0].id + 1 if newest else 1

    async def _count(
        self, search: searching.Search, before_id: int, seconds: float
    ) -> tuple[int, bool, tuple[JobSummary, ...]]:
        """How many fit, whether these are all, and the newest."""
        deadline = time.monotonic() + seconds
        count, at = 0, before_id
        samples: list[JobSummary] = []
        while True:
            left = deadline - time.monotonic()
            most = min(1000, BOUND + 1 - count)
            found = await finding.look(self._client.db, search, at, most, min(max(left, 0.0), 0.1))
            count += len(found.jobs)
            samples += found.jobs[: SAMPLES - len(samples)]
            if found.before_id is None:
                return min(count, BOUND), count <= BOUND, tuple(samples)
            if count > BOUND or left <= 0:
                return min(count, BOUND), False, tuple(samples)
            at = found.before_id

    async def nodes(self) -> int:
        """Living nodes that have the command."""
        nodes = await repository.list_nodes(self._client.db)
        return sum(
            node.alive and not node.buried and COMMAND in (node.info.get("commands") or {}).get("loop", ())
            for node in nodes
        )


def _conditions(action: str, search: Any, at: datetime, where: str) -> tuple[frozen.FrozenCondition, ...]:
    if action not in ACTIONS:
        raise InvalidOption(f"{where}: the action must be 'cancel' or 'requeue'")
    searching.refuse_nothing(search, where)
    conditions = frozen.freeze(search, at, where)
    # It reaches none of its own kind; and what it has requeued, or what ends later, is none of its business.
    own = frozen.FrozenCondition("command", "not", (COMMAND,))
    late = frozen.FrozenCondition("completed_at", "<=", (at,))
    return (*conditions, own, *((late,) if action == "requeue" else ()))


def _search(action: str, conditions: tuple[frozen.FrozenCondition, ...], where: str) -> searching.Search:
    """The search, where the action finds its jobs.

    Raises:
        InvalidOption: no job that it could reach is in such a state.
    """
    search = BulkRun.search_of(action, conditions, where)
    if not (search.asked.live or search.asked.failed):
        words = "has not ended" if action == "cancel" else "has failed or was cancelled"
        raise InvalidOption(f"{where}: the search leaves no state of a job that {words}")
    return search


def _name(name: str, where: str) -> str:
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidOption(f"{where}: name={name!r} must be a text of at most {_LONGEST_NAME} characters")
    return name.strip()


def _rate(rate: float | None, where: str) -> float | None:
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not math.isfinite(rate):
        raise InvalidOption(f"{where}: rate={rate!r} must be a number of jobs a second")
    if not 0 < rate <= MOST_RATE:
        raise InvalidOption(f"{where}: rate={rate!r} must be above 0 and at most {MOST_RATE:,.0f}")
    return float(rate)


def _in_words(conditions: tuple[frozen.FrozenCondition, ...]) -> str:
    """What its author asked for, without what we have added (see ``_conditions``)."""
    own = next(place for place, one in enumerate(conditions) if one.values == (COMMAND,))
    return " ".join(f"{one.column} {one.operation} {', '.join(map(str, one.values))}" for one in conditions[:own])
