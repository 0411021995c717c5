"""The order in which outcomes are written: no lane is free before every outcome of its run is committed."""

from __future__ import annotations

from typing import Any

import pytest

from dbjobs.errors import DatabaseUnavailable
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.settlement import Settling

NODE = 7


class Recorder:
    """A database that takes everything, and says in which order; ``fails`` names a statement that it refuses once."""

    def __init__(self, fails: str = "") -> None:
        self.statements: list[tuple[str, list[int]]] = []
        self._fails = fails

    async def fetch(self, statement: str, /, **parameters: Any) -> list[Any]:
        if statement == "find_parents":
            return [(id, "completed") for id in parameters["ids"]]
        rows = parameters["outcomes"].by_column()
        self.statements.append((statement, list(rows["id"])))
        if statement == self._fails:
            self._fails = ""
            raise DatabaseUnavailable("the answer is lost")
        if statement == "finish_jobs":
            return [(id, state, None, False) for id, state in zip(rows["id"], rows["state"], strict=True)]
        return [(id,) for id in rows["id"]]


def outcome(id: int, kind: Any, **more: Any) -> Outcome:
    return Outcome(id=id, attempt=1, kind=kind, **more)


async def written(*outcomes: Outcome) -> list[tuple[str, list[int]]]:
    db: Any = Recorder()
    assert (await Settling(NODE, NODE, outcomes).run(db)).lost == frozenset()
    return list(db.statements)


async def test_an_earlier_failure_is_written_before_the_completion_that_frees_the_lane() -> None:
    assert await written(outcome(2, "completed", release_worker=True), outcome(1, "retry")) == [
        ("retry_jobs", [1]),
        ("finish_jobs", [2]),
    ]


async def test_earlier_completions_are_written_before_the_retry_that_blocks_or_frees_the_lane() -> None:
    for more in ({"block_worker": True}, {"release_worker": True}):
        assert await written(outcome(2, "retry", **more), outcome(1, "completed"), outcome(3, "hand_back")) == [
            ("hand_back_jobs", [3]),
            ("finish_jobs", [1]),
            ("retry_jobs", [2]),
        ]


async def test_the_last_job_handed_back_frees_the_lane_after_all_else() -> None:
    outcomes = [outcome(1, "completed"), outcome(2, "hand_back", release_worker=True), outcome(3, "hand_back")]
    assert await written(*outcomes) == [("hand_back_jobs", [3]), ("finish_jobs", [1]), ("hand_back_jobs", [2])]


async def test_after_an_error_it_goes_on_where_it_was_and_what_was_written_is_not_lost() -> None:
    db: Any = Recorder(fails="finish_jobs")
    settling = Settling(NODE, NODE, [outcome(1, "retry"), outcome(2, "completed")])
    with pytest.raises(DatabaseUnavailable):
        await settling.run(db)
    assert settling.left() == [2]
    # The statement had been committed: it finds nothing of ours any more, but history is as we would have it.
    db.fetch = _nothing_left(db.fetch)
    assert (await settling.run(db)).lost == frozenset()
    assert [statement for statement, _ in db.statements] == ["retry_jobs", "finish_jobs", "finish_jobs"]


def _nothing_left(fetch: Any) -> Any:
    async def fetch_nothing(statement: str, /, **parameters: Any) -> list[Any]:
        rows: list[Any] = await fetch(statement, **parameters)
        return rows if statement == "find_parents" else []

    return fetch_nothing
