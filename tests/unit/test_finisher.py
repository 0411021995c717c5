"""Outcomes of a burst go out together; one that is alone does not wait for more."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from dbjobs.engine import finisher
from dbjobs.engine.finisher import LARGEST_BATCH, Finisher
from dbjobs.store.records import Outcome

NODE = 7


class Recorder:
    """A database that takes every outcome; what came in each statement."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def fetch(self, statement: str, /, **parameters: Any) -> list[Any]:
        assert statement == "finish_jobs"
        ids = list(parameters["outcomes"].by_column()["id"])
        if ids:
            self.batches.append(ids)
        return [(id, False) for id in ids]


async def batches_of(bursts: list[list[int]]) -> list[list[int]]:
    """What was written when the ids of each burst came one a turn of the event loop, and the next after they were."""
    db = Recorder()
    nothing: Any = lambda *_: None  # noqa: E731
    waker: Any = SimpleNamespace(poke=nothing, look_for_lanes=nothing, lane_news=0)
    reporter: Any = SimpleNamespace(has_lines=False)
    database: Any = db
    writer = Finisher(database, reporter, waker, nothing, nothing, nothing, nothing)
    running = asyncio.create_task(writer.run(lambda: NODE))
    for burst in bursts:
        for id in burst:
            attempt: Any = SimpleNamespace(node_id=NODE, job=SimpleNamespace(worker=None), lane_goes_on=False)
            writer.submit(attempt, Outcome(id=id, attempt=1, kind="completed"))
            if len(burst) < LARGEST_BATCH:
                await asyncio.sleep(0)
        await writer.flush()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return db.batches


async def test_a_burst_is_one_statement(monkeypatch: Any) -> None:
    monkeypatch.setattr(finisher, "LONGEST_GATHERING_SECONDS", 60.0)
    burst = list(range(200))
    assert await batches_of([burst, [1000], burst]) == [burst, [1000], burst]


async def test_the_first_of_a_burst_waits_for_the_others_for_so_long_only(monkeypatch: Any) -> None:
    monkeypatch.setattr(finisher, "LONGEST_GATHERING_SECONDS", 0.0)
    burst = list(range(200))
    assert (await batches_of([burst]))[0][:2] != [0, 1]


async def test_a_batch_is_never_larger_than_its_limit() -> None:
    sizes = [len(batch) for batch in await batches_of([list(range(LARGEST_BATCH + 1))])]
    assert sizes == [LARGEST_BATCH, 1]


async def test_claims_that_stopped_while_a_batch_was_written_go_on_after_it(monkeypatch: Any) -> None:
    """It was not full when the write began; the outcomes that made it so came during the write."""
    monkeypatch.setattr(finisher, "MOST_WAITING", 3)
    monkeypatch.setattr(finisher, "LONGEST_GATHERING_SECONDS", 0.0)
    writing, go_on, poked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Recorder):
        async def fetch(self, statement: str, /, **parameters: Any) -> list[Any]:
            rows = await super().fetch(statement, **parameters)
            if rows:
                writing.set()
                await go_on.wait()
            return rows

    nothing: Any = lambda *_: None  # noqa: E731
    waker: Any = SimpleNamespace(poke=poked.set, look_for_lanes=nothing, lane_news=0)
    reporter: Any = SimpleNamespace(has_lines=False)
    database: Any = Slow()
    writer = Finisher(database, reporter, waker, nothing, nothing, nothing, nothing)
    running = asyncio.create_task(writer.run(lambda: NODE))

    def submit(*ids: int) -> None:
        for id in ids:
            attempt: Any = SimpleNamespace(node_id=NODE, job=SimpleNamespace(worker=None), lane_goes_on=False)
            writer.submit(attempt, Outcome(id=id, attempt=1, kind="completed"))

    submit(1, 2)
    await writing.wait()
    assert not writer.full
    submit(3, 4)
    assert writer.full
    writer.wants_room = True  # as claims do that find it full
    go_on.set()
    await asyncio.wait_for(poked.wait(), 20)
    assert not writer.wants_room
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
