"""What one caller's open transaction costs everybody else: their rate beside it, as a share of their rate without."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from benchmarks.ours.workload import CONCURRENCY, Workload
from benchmarks.peers import timing
from benchmarks.tables.job_tables import HOLD, NOOP
from benchmarks.tables.site import Site
from dbjobs import JobRef, Jobs
from tests.conformance.isolation import LEVELS, begin_at
from tests.conformance.raw import Raw

CALLERS = 50
LANES = 20
BATCH = "shared"
FAR_SECONDS = 86_400.0
# Times with and without follow each other closely, because the machine's speed changes from minute to minute.
PAIRS = 4

Prepare = Callable[[Jobs], Awaitable[dict[str, Any]]]


async def open_callers(site: Site, jobs: int) -> Mapping[str, float]:
    """For each kind of open transaction and each level: the rate beside it divided by the rate without.

    Args:
        jobs: enqueued, claimed and finished for each rate.
    """
    raw = Raw("mysql" if site.dialect == "mariadb" else site.dialect, site.url)
    workload = Workload(site.url)
    shares: dict[str, float] = {}
    async with workload.jobs.start(concurrency=CONCURRENCY, grace_seconds=0):
        others = Others(workload, jobs)
        await others.seconds()  # connections and prepared statements
        if not LEVELS[raw.dialect]:
            # On a file a transaction that has written keeps out all other writers: an open one can only have read.
            shares["reads"] = await _share(others, partial(_reader, raw))
        for level in LEVELS[raw.dialect]:
            for kind, prepare in KINDS.items():
                options = await prepare(workload.jobs)
                opened = partial(_caller, raw, workload.jobs, level, options)
                shares[f"{kind}, {level.lower()}"] = await _share(others, opened)
        await workload.jobs.cancel_many(tag="parent")
    return shares


async def _share(others: Others, opened: Callable[[], Any]) -> float:
    beside = without = 0.0
    for pair in range(PAIRS):
        if pair % 2:
            without += await others.seconds()
        async with opened():
            beside += await others.seconds()
        if not pair % 2:
            without += await others.seconds()
    return without / beside


class Others:
    """Everybody else: callers with plain jobs, jobs of the same batch, with new ref_ids, and of named workers."""

    def __init__(self, workload: Workload, jobs: int) -> None:
        self._workload = workload
        self._jobs = jobs
        self._number = 0

    async def seconds(self) -> float:
        """How long it takes from the first enqueue until all have run and have an end."""
        tally = self._workload.tally
        tally.expect(self._jobs)
        refs: list[JobRef] = []
        began = time.perf_counter()
        async with asyncio.timeout(timing.patience(self._jobs)):
            left = iter(range(self._jobs))

            async def caller() -> None:
                for _ in left:
                    self._number += 1
                    refs.append(await self._workload.jobs.enqueue(NOOP, 1, **_options(self._number)))

            await asyncio.gather(*(caller() for _ in range(CALLERS)))
            await tally.reached.wait()
            await asyncio.gather(*(self._workload.jobs.wait(ref) for ref in refs))
        return time.perf_counter() - began


def _options(number: int) -> dict[str, Any]:
    match number % 10:
        case 0:
            return {"batch_id": BATCH}
        case 1:
            return {"ref_id": f"other {number}"}
        case 2:
            return {"worker": f"lane {number // 10 % LANES}"}
    return {}


# --- the open transaction --------------------------------------------------------------------------


@asynccontextmanager
async def _caller(raw: Raw, jobs: Jobs, level: str, options: Mapping[str, Any]) -> AsyncIterator[None]:
    """A transaction in which a job was enqueued, and which is rolled back at the end of the block."""
    async with raw.connection() as own:
        await begin_at(raw.dialect, own, level)
        await jobs.enqueue(NOOP, 1, connection=own.driver, **options)
        yield
        await own.rollback()


@asynccontextmanager
async def _reader(raw: Raw) -> AsyncIterator[None]:
    async with raw.connection() as own:
        await own.execute("BEGIN")
        await own.execute("SELECT count(*) FROM note")
        yield
        await own.rollback()


async def _batch(jobs: Jobs) -> dict[str, Any]:
    return {"batch_id": BATCH}


async def _ref_id(jobs: Jobs) -> dict[str, Any]:
    return {"ref_id": "the caller's"}


async def _running_parent(jobs: Jobs) -> dict[str, Any]:
    parent = await jobs.enqueue(HOLD, 1, tag="parent")
    async with asyncio.timeout(10):
        while (job := await jobs.get(parent)) is None or job.state != "started":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return {"depends_on": parent}


async def _waiting_parent(jobs: Jobs) -> dict[str, Any]:
    return {"depends_on": await jobs.enqueue(NOOP, 1, run_after=FAR_SECONDS, tag="parent")}


async def _parent_in_a_lane(jobs: Jobs) -> dict[str, Any]:
    """It waits behind a job that is held up, in a lane of its own."""
    lane = f"parent's {time.monotonic_ns()}"
    await jobs.enqueue(HOLD, 1, worker=lane, tag="parent")
    return {"depends_on": await jobs.enqueue(NOOP, 1, worker=lane, tag="parent")}


async def _ended_parent(jobs: Jobs) -> dict[str, Any]:
    parent = await jobs.enqueue(HOLD, 1, tag="parent", run_after=FAR_SECONDS)
    await jobs.cancel(parent)
    return {"depends_on": parent, "depends_on_policy": "finished"}


KINDS: Mapping[str, Prepare] = {
    "batch": _batch,
    "ref_id": _ref_id,
    "running parent": _running_parent,
    "waiting parent": _waiting_parent,
    "parent in a lane": _parent_in_a_lane,
    "ended parent": _ended_parent,
}
