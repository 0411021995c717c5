"""The callers of a soak: what they ask for, what they were told, and so what must have come of it."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

from benchmarks.soak.app import declare
from dbjobs import DatabaseError, JobRef, Jobs, JobState
from tests.conformance.callers import CALLERS
from tests.conformance.raw import Raw

COMPLETED, FAILED, CANCELLED = JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED
CALLERS_AT_ONCE = 8
PAUSE_SECONDS = 0.15
FAR_SECONDS = 86_400.0
LANES = 12
# How long a caller's transaction stays open, at least and at most. On a file it keeps everybody else from writing.
OPEN_SECONDS = {"sqlite": (0.02, 0.2)}
SERVERS_OPEN_SECONDS = (0.2, 8.0)
# A caller whose statements do not block this event loop.
CALLER_KIND = {"sqlite": "aiosqlite-statements", "postgres": "asyncpg", "mysql": "aiomysql", "sqlserver": "aioodbc"}
# A call that has not ended by then has failed to.
LONGEST_CALL_SECONDS = 90.0

T = TypeVar("T")


class Load:
    """Callers that go on whatever the database answers, and write down what they were promised.

    Attributes:
        expected: jobs whose enqueue was answered, and how they may end.
        never: tags of jobs whose transaction was rolled back (a file gives their ids once more).
        lanes: jobs of each lane in the order of their enqueues.
        batches: names of batches.
        calls: how many calls were answered, by use.
        refused: how many failed because of the database.
        hung: calls that did not end.
        surprises: any other error.
    """

    def __init__(self, url: str, raw: Raw) -> None:
        self.jobs = Jobs(url)
        declare(self.jobs)
        self.expected: dict[int, tuple[JobState, ...]] = {}
        self.never: set[str] = set()
        self.lanes: dict[str, list[int]] = {}
        self.batches: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.hung: list[str] = []
        self.surprises: Counter[str] = Counter()
        self._raw = raw
        self._numbers = itertools.count(1)
        self._ended = False
        self._uses = [
            *[self._plain] * 8, *[self._lane] * 4, self._ref_id, self._ref_id, self._family, self._family, self._doomed,
            self._many, self._later, self._other, self._other, self._other, self._long, self._callback,
            self._transaction, self._transaction, self._cancel_far, self._cancel_running, self._expires, self._requeue,
            self._wait, self._callers, self._callers,
        ]  # fmt: skip

    async def run(self) -> None:
        """Until ``end``."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS_AT_ONCE):
                callers.create_task(self._caller())

    def end(self) -> None:
        """No more calls; those under way go on to their end."""
        self._ended = True

    async def finish(self) -> None:
        """Cancel what does not end by itself."""
        with suppress(DatabaseError):
            for tag in ("far", "hold"):
                await self.jobs.cancel_many(tag=tag)

    async def _caller(self) -> None:
        while not self._ended:
            use = random.choice(self._uses)
            try:
                async with asyncio.timeout(LONGEST_CALL_SECONDS):
                    await use(next(self._numbers))
                self.calls[use.__name__] += 1
            except DatabaseError:
                self.refused[use.__name__] += 1
            except TimeoutError:
                self.hung.append(use.__name__)
            except Exception as error:
                self.surprises[f"{use.__name__}: {error!r}"[:300]] += 1
            await asyncio.sleep(random.uniform(0, 2 * PAUSE_SECONDS))

    async def _note(self, enqueue: Coroutine[Any, Any, JobRef], *states: JobState) -> JobRef:
        ref = await enqueue
        self.expected[ref.id] = states
        return ref

    def _batch(self, n: int) -> str:
        batch = f"batch {n // 200}"
        self.batches.add(batch)
        return batch

    # --- the uses -------------------------------------------------------------------------------

    async def _plain(self, n: int) -> None:
        await self._note(self.jobs.enqueue("work", n, queue=f"q{n % 20}", priority=n % 3), COMPLETED)

    async def _lane(self, n: int) -> None:
        lane = f"lane {n % LANES}"
        command = "flaky" if n % 4 == 0 else "work"
        ref = await self._note(self.jobs.enqueue(command, n, worker=lane), COMPLETED)
        self.lanes.setdefault(lane, []).append(ref.id)

    async def _ref_id(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("work", n, ref_id=f"ref {n}", batch_id=self._batch(n)), COMPLETED)
        again = await self.jobs.enqueue("work", n, ref_id=f"ref {n}", batch_id=self._batch(n))
        assert (again.id, again.created) == (ref.id, False)

    async def _family(self, n: int) -> None:
        parent = await self._note(self.jobs.enqueue(random.choice(["work", "flaky", "long"]), n), COMPLETED)
        lane = f"lane {n % LANES}" if n % 3 == 0 else None
        child = await self._note(self.jobs.enqueue("work", n, depends_on=parent, worker=lane), COMPLETED)
        await self._note(self.jobs.enqueue("work", n, depends_on=[parent, child], batch_id=self._batch(n)), COMPLETED)

    async def _doomed(self, n: int) -> None:
        parent = await self._note(self.jobs.enqueue("fail", n), FAILED)
        await self._note(self.jobs.enqueue("work", n, depends_on=parent), CANCELLED)
        await self._note(self.jobs.enqueue("work", n, depends_on=parent, depends_on_policy="finished"), COMPLETED)

    async def _many(self, n: int) -> None:
        for ref in await self.jobs.enqueue_many("work", range(50), batch_id=self._batch(n)):
            self.expected[ref.id] = (COMPLETED,)

    async def _later(self, n: int) -> None:
        await self._note(self.jobs.enqueue("work", n, run_after=random.uniform(0.01, 3.0)), COMPLETED)

    async def _other(self, n: int) -> None:
        await self._note(self.jobs.enqueue(random.choice(["flaky", "plain", "in_process"]), n), COMPLETED)

    async def _long(self, n: int) -> None:
        await self._note(self.jobs.enqueue("long", n), COMPLETED)

    async def _callback(self, n: int) -> None:
        await self._note(self.jobs.enqueue("work", n, callback="after"), COMPLETED)

    async def _transaction(self, n: int) -> None:
        await self._note(self.jobs.enqueue("own_transaction", n, tag="own_transaction"), COMPLETED)

    async def _cancel_far(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("work", n, run_after=FAR_SECONDS, tag="far"), CANCELLED)
        await self.jobs.cancel(ref)

    async def _cancel_running(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("hold", n, tag="hold"), CANCELLED)
        await asyncio.sleep(random.uniform(0.0, 0.5))
        await self.jobs.cancel(ref)

    async def _expires(self, n: int) -> None:
        await self._note(self.jobs.enqueue("work", n, queue=f"q{n % 20}", expires_after=0.2), COMPLETED, CANCELLED)

    async def _requeue(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("fail", n), FAILED)
        await self.jobs.wait(ref)
        await self.jobs.requeue(ref)

    async def _wait(self, n: int) -> None:
        ref = await self._note(self.jobs.enqueue("work", n), COMPLETED)
        await self.jobs.wait(ref)

    async def _callers(self, n: int) -> None:
        """A caller's transaction that stays open for a while: a batch, a ref_id, a parent of any kind."""
        dialect = self._raw.dialect
        parent = await self._note(self.jobs.enqueue("work", n, worker=f"lane {n % LANES}", run_after=0.05), COMPLETED)
        commits = random.random() < 0.7
        ids: list[int] = []
        async with AsyncExitStack() as stack:
            caller = await _own(stack.enter_async_context(CALLERS[dialect][CALLER_KIND[dialect]](self._raw)))
            await _own(caller.begin())
            for options in ({"batch_id": self._batch(n)}, {"ref_id": f"callers {n}"}, {"depends_on": parent}):
                ref = await self.jobs.enqueue("work", n, connection=caller.given, tag=f"callers {n}", **options)
                ids.append(ref.id)
            await asyncio.sleep(random.uniform(*OPEN_SECONDS.get(dialect, SERVERS_OPEN_SECONDS)))
            if not commits:
                await _own(caller.rollback())
                self.never.add(f"callers {n}")
                return
            await _own(caller.commit())
        self.expected |= dict.fromkeys(ids, (COMPLETED,))


async def _own(work: Awaitable[T]) -> T:
    """What a caller does on a connection of its own: its driver's errors are the caller's, and the server's."""
    try:
        return await work
    except Exception as error:
        raise DatabaseError(f"the caller's own connection: {error}") from error
