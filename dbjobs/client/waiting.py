"""Waiting for jobs to end: all callers in this process share one look at the database."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dbjobs.errors import DatabaseUnavailable, NotRunning, UnknownJob
from dbjobs.models import Job
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.retrying import without_conflict

# Pause between two looks at a job: the first one, and the longest.
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.25
# Jobs due within this window share one query.
TOGETHER_SECONDS = 0.005
IDS_PER_STATEMENT = 1000
CLOSE_SECONDS = 5.0


@dataclass(slots=True)
class _Awaited:
    """A job that at least one caller waits for.

    Attributes:
        answers: one for each caller that waits.
        due: when it is looked at next, on the monotonic clock; an entry of the heap with another time is void.
        pause: seconds until the look after that one.
        is_known: it has been seen.
        is_missing: the last look did not find it. A second look decides, because a job may be moving during the first.
    """

    answers: set[asyncio.Future[Job]] = field(default_factory=set)
    due: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    is_known: bool = False
    is_missing: bool = False


class Waits:
    """Callers waiting for jobs: woken by this process's workers, otherwise by polling.

    One task polls while anybody waits: a thousand callers cost one statement at a time, and a caller who gives up
    cancels only their own wait.
    """

    def __init__(self, db: Callable[[], Database]) -> None:
        self._db = db
        self._awaited: dict[int, _Awaited] = {}
        self._heap: list[tuple[float, int]] = []
        self._sooner = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def job(self, id: int) -> Job:
        """Wait until this job has ended; the job as it ended.

        Raises:
            UnknownJob. DatabaseError: the database could not be asked.
        """
        self._db()  # it must be open
        awaited = self._awaited.get(id)
        if awaited is None:
            awaited = self._awaited[id] = _Awaited()
            self._look_at(id, awaited, 0.0)
        answer: asyncio.Future[Job] = asyncio.get_running_loop().create_future()
        awaited.answers.add(answer)
        if self._looking is None or self._looking.done():
            self._sooner = asyncio.Event()  # belongs to this event loop; an earlier one may have had another
            self._looking = asyncio.create_task(self._run())
        try:
            return await answer
        finally:
            awaited.answers.discard(answer)
            if answer.done() and not answer.cancelled():
                answer.exception()  # mark the exception as read: the caller may have given up
            if not awaited.answers and self._awaited.get(id) is awaited:
                del self._awaited[id]

    def ended(self, ids: Iterable[int]) -> None:
        """Jobs have ended on this process's workers: their callers hear at once."""
        if self._awaited:
            for id in ids:
                awaited = self._awaited.get(id)
                if awaited is not None:
                    self._look_at(id, awaited, 0.0)

    async def close(self) -> None:
        """Stop; callers that still wait get an error: the database is closed."""
        self._fail(list(self._awaited), NotRunning("the database was closed"))
        self._heap.clear()
        self._sooner.set()
        looking, self._looking = self._looking, None
        if looking is not None:
            _, still = await asyncio.wait([looking], timeout=CLOSE_SECONDS)
            for task in still:
                task.cancel()
                await asyncio.wait([task])

    # --- looking --------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self._awaited:
                due = self._take_due()
                try:
                    await (self._look(due) if due else self._until_due())
                except Exception as error:  # only this task can tell the callers that wait
                    self._fail(due or list(self._awaited), error)
        finally:
            # This task was cancelled; its callers must not wait for ever.
            self._fail(list(self._awaited), DatabaseUnavailable("the wait for jobs to end was interrupted"))

    def _look_at(self, id: int, awaited: _Awaited, pause: float) -> None:
        awaited.due = time.monotonic() + pause
        heapq.heappush(self._heap, (awaited.due, id))
        self._sooner.set()

    def _take_due(self) -> list[int]:
        """Jobs to look at now, as many as one statement takes."""
        until = time.monotonic() + TOGETHER_SECONDS
        due: list[int] = []
        while self._heap and self._heap[0][0] <= until and len(due) < IDS_PER_STATEMENT:
            moment, id = heapq.heappop(self._heap)
            awaited = self._awaited.get(id)
            if awaited is not None and awaited.due == moment:
                awaited.due = 0.0  # being looked at: a change from here on needs another look
                due.append(id)
        return due

    async def _until_due(self) -> None:
        self._sooner.clear()
        pause = self._heap[0][0] - time.monotonic() if self._heap else None
        try:
            async with asyncio.timeout(pause):
                await self._sooner.wait()
        except TimeoutError:
            return

    async def _look(self, ids: Sequence[int]) -> None:
        db = self._db()
        seen = [id for id in ids if self._is_seen(id)]
        over = await without_conflict(lambda: repository.find_ends(db, seen)) if seen else {}
        wanted = (set(ids) - set(seen)) | over.keys()
        found = await without_conflict(lambda: repository.get_jobs(db, sorted(wanted))) if wanted else {}
        for id in ids:
            awaited = self._awaited.get(id)
            if awaited is None:
                continue  # its callers have given up
            job = found.get(id)
            if job is not None and job.state.finished:
                self._answer(id, job)
            elif job is None and id in wanted and awaited.is_missing:
                self._fail([id], UnknownJob(_missing(id, awaited.is_known)))
            else:
                awaited.is_missing = job is None and id in wanted
                awaited.is_known = awaited.is_known or job is not None
                if not awaited.due:
                    self._look_at(id, awaited, awaited.pause * random.uniform(0.8, 1.2))
                    awaited.pause = min(awaited.pause * 1.5, LONGEST_PAUSE_SECONDS)

    def _is_seen(self, id: int) -> bool:
        """True if the last look found the job: then asking history for it is enough."""
        awaited = self._awaited.get(id)
        return awaited is not None and awaited.is_known and not awaited.is_missing

    def _answer(self, id: int, job: Job) -> None:
        for answer in self._awaited.pop(id).answers:
            if not answer.done():
                answer.set_result(job)

    def _fail(self, ids: Iterable[int], error: Exception) -> None:
        for id in ids:
            awaited = self._awaited.pop(id, None)
            for answer in awaited.answers if awaited is not None else ():
                if not answer.done():
                    answer.set_exception(error)


def _missing(id: int, was_there: bool) -> str:
    return f"job {id} has ended, but its history has been dropped" if was_there else f"there is no job {id}"
