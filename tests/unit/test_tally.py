"""What a node counts in memory: every attempt once, whatever becomes of a write or of the node's id."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dbjobs.engine.tally import SAMPLE, Tally, bucket_of
from dbjobs.errors import DatabaseUnavailable
from dbjobs.inspect.spreads import percentile
from dbjobs.store.records import Outcome


class Written:
    """A database that keeps the rows that it was given, each in place of the one with its key."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], Any] = {}
        self.failures = 0
        self.clock = 6_000_000.0 - time.monotonic()

    async def fetch(self, statement: str, **parameters: Any) -> list[Any]:
        if statement == "read_clock":
            return [(self.clock + time.monotonic(),)]
        if statement == "sample_waits":
            return [(id, 8.0) for id in parameters["ids"]]
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailable("away")
        for row in parameters["rows"].rows:
            self.rows[row[:4]] = row
        return []

    def completed(self) -> dict[int, int]:
        """By counter."""
        counted: Counter[int] = Counter()
        for row in self.rows.values():
            counted[row[3]] += row[7]
        return dict(counted)


def ended(count: int, kind: Any = "completed") -> list[Any]:
    job = SimpleNamespace(queue="q", command="c", worker=None, attempt=1)
    outcome = Outcome(id=1, attempt=1, kind=kind, duration_ms=2.0)
    return [(SimpleNamespace(job=SimpleNamespace(id=n, **vars(job))), outcome) for n in range(count)]


def test_a_write_that_fails_loses_nothing_and_one_that_is_repeated_counts_once() -> None:
    db = Written()
    tally = Tally(cast(Any, db), lambda: 1)

    async def work() -> None:
        await tally.flush()
        tally.count(ended(3))
        db.failures = 1
        with pytest.raises(DatabaseUnavailable):
            await tally.flush()
        tally.count(ended(2))
        tally.count(ended(5, "hand_back"))
        await tally.flush()
        await tally.flush()
        tally.count(ended(1))
        await tally.flush()

    asyncio.run(work())
    assert db.completed() == {1: 6}
    assert sum(row[13] for row in db.rows.values()) == 6  # waits


def test_a_node_with_a_new_id_counts_on_from_nothing() -> None:
    db = Written()
    ids = [1]
    tally = Tally(cast(Any, db), lambda: ids[0])

    async def work() -> None:
        tally.count(ended(2))
        await tally.flush()
        ids[0] = 2
        tally.count(ended(1))
        await tally.flush()
        tally.count(ended(4))
        await tally.flush()

    asyncio.run(work())
    assert db.completed() == {1: 3, 2: 4}


@pytest.mark.parametrize("milliseconds", [0.002, 0.5, 1.0, 3.0, 1000.0, 86_400_000.0])
def test_a_percentile_is_exact_to_a_tenth(milliseconds: float) -> None:
    assert percentile({bucket_of(milliseconds): 1}, 1, 0.5) == pytest.approx(milliseconds, rel=0.1)


def test_percentiles_are_in_their_order() -> None:
    histogram = {bucket_of(1.0): 90, bucket_of(10.0): 8, bucket_of(100.0): 2}
    assert (
        percentile(histogram, 100, 0.5) < 2 < percentile(histogram, 100, 0.95) < 20 < percentile(histogram, 100, 0.99)
    )
    assert bucket_of(0.0) == bucket_of(0.0001)


def test_each_attempt_has_the_same_chance_to_be_asked_how_long_it_waited() -> None:
    taken: Counter[int] = Counter()
    for _ in range(300):
        tally = Tally(cast(Any, None), lambda: 1)
        entries: Any = [
            (
                SimpleNamespace(job=SimpleNamespace(id=id, queue="q", command="c", worker=None, attempt=1)),
                SimpleNamespace(kind="completed", duration_ms=1.0),
            )
            for id in range(1000)
        ]
        tally.count(entries)
        assert len(tally._sample) == len({id for id, *_ in tally._sample}) == SAMPLE
        taken.update(id // 100 for id, *_ in tally._sample)
    # 6,000 of each tenth; a standard deviation is about 70
    assert all(5_500 < taken[tenth] < 6_500 for tenth in range(10)), taken
