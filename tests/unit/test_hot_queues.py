"""Which queues a claim looks at, from where, and whose turn comes next."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from dbjobs.engine import hot_queues
from dbjobs.engine.hot_queues import START, HotQueues
from dbjobs.store.records import Claimed

FREE: dict[str, int] = {}


def job(queue: str, id: int, priority: int = 0) -> Claimed:
    values = dict.fromkeys(Claimed.__struct_fields__)
    return Claimed(**{**values, "id": id, "queue": queue, "priority": priority})  # type: ignore[arg-type]


def names(wanted: Sequence[tuple[str, int, int, int]]) -> list[str]:
    return [queue for queue, *_ in wanted]


@pytest.fixture
def hot() -> HotQueues:
    FREE.clear()
    return HotQueues(FREE.get)


def test_a_queue_is_looked_at_while_the_last_claim_was_cut_off_there(hot: HotQueues) -> None:
    hot.news("a", 0, behind=False)
    wanted = hot.wanted(2, restart=False)
    assert wanted == [("a", 2, *START)]
    assert hot.claimed(wanted, [job("a", 1), job("a", 2)], 2)
    wanted = hot.wanted(2, restart=False)
    assert wanted == [("a", 2, 0, 2)]
    assert not hot.claimed(wanted, [job("a", 3)], 2)
    assert hot.wanted(2, restart=False) == []


def test_it_goes_on_behind_the_last_job_when_there_is_news(hot: HotQueues) -> None:
    hot.news("a", 0, behind=False)
    hot.claimed(hot.wanted(5, restart=False), [job("a", 7)], 5)
    hot.news("a", 0, behind=False)
    assert hot.wanted(5, restart=True) == [("a", 5, 0, 7)]


@pytest.mark.parametrize(("priority", "behind"), [(-1, False), (0, True)])
def test_a_job_behind_the_last_one_is_looked_for_from_the_start(hot: HotQueues, priority: int, behind: bool) -> None:
    hot.news("a", 0, behind=False)
    hot.claimed(hot.wanted(5, restart=False), [job("a", 7)], 5)
    hot.news("a", priority, behind=behind)
    assert hot.behind
    assert hot.wanted(5, restart=False) == [("a", 5, 0, 7)]
    wanted = hot.wanted(5, restart=True)
    assert wanted == [("a", 5, *START)]
    hot.claimed(wanted, [job("a", 3, -1)], 5)
    assert not hot.behind
    hot.news("a", 0, behind=False)
    assert hot.wanted(5, restart=True) == [("a", 5, 0, 7)]  # where it had been before


def test_what_is_behind_is_not_forgotten_by_a_claim_from_the_last_place(hot: HotQueues) -> None:
    hot.news("a", 0, behind=False)
    hot.claimed(hot.wanted(5, restart=False), [job("a", 7)], 5)
    hot.news("a", 0, behind=True)
    assert not hot.claimed(hot.wanted(5, restart=False), [], 5)
    assert hot.behind
    assert hot.open
    assert hot.wanted(5, restart=True) == [("a", 5, *START)]


def test_a_look_from_the_start_that_is_cut_off_goes_on_from_there(hot: HotQueues) -> None:
    hot.news("a", 0, behind=False)
    hot.claimed(hot.wanted(5, restart=False), [job("a", 90)], 5)
    hot.found(["a"])
    wanted = hot.wanted(2, restart=True)
    assert hot.claimed(wanted, [job("a", 3), job("a", 4)], 2)
    assert hot.wanted(2, restart=False) == [("a", 2, 0, 4)]


def test_queues_take_turns(hot: HotQueues) -> None:
    hot.found(["a", "b", "c", "d"])
    wanted = hot.wanted(2, restart=True)
    assert names(wanted) == ["a", "b", "c", "d"]
    # `a` had nothing, `b` was cut off, `c` and `d` were not reached.
    assert hot.claimed(wanted, [job("b", 1), job("b", 2)], 2)
    assert names(hot.wanted(2, restart=False)) == ["c", "d", "b"]


def test_a_queue_at_its_limit_keeps_its_place_until_it_has_room(hot: HotQueues) -> None:
    FREE["a"] = 1
    hot.found(["a"])
    assert hot.claimed(hot.wanted(9, restart=True), [job("a", 5)], 9)
    FREE["a"] = 0
    assert not hot.open
    assert hot.wanted(9, restart=False) == []
    FREE["a"] = 1
    assert hot.open
    assert hot.wanted(9, restart=False) == [("a", 1, 0, 5)]


def test_one_claim_looks_at_a_bounded_number_and_the_next_at_the_rest(hot: HotQueues) -> None:
    queues = [f"q{n:04}" for n in range(250)]
    hot.found(queues)
    seen: list[str] = []
    for _ in range(4):
        wanted = hot.wanted(1000, restart=True)
        assert len(wanted) <= hot_queues.MOST_QUEUES
        seen += names(wanted)
        hot.claimed(wanted, [], 1000)
    assert seen == queues


def test_few_queues_are_asked_when_few_fill_the_room(hot: HotQueues) -> None:
    hot.found(f"q{n:04}" for n in range(250))
    for _ in range(50):
        wanted = hot.wanted(10, restart=False)
        assert hot.claimed(wanted, [job(wanted[0][0], n) for n in range(10)], 10)
    assert len(hot.wanted(10, restart=False)) <= 2 + hot_queues.MORE_QUEUES


def test_a_queue_that_is_not_served_any_more_is_forgotten(hot: HotQueues) -> None:
    hot.found(["a", "b"])
    hot.keep(lambda queue: queue == "b")
    assert names(hot.wanted(5, restart=True)) == ["b"]


def test_old_places_are_forgotten(hot: HotQueues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_queues, "PLACES_KEPT", 2)
    for number, queue in enumerate("abc", 1):
        hot.news(queue, 0, behind=False)
        hot.claimed(hot.wanted(5, restart=False), [job(queue, number)], 5)
    hot.found("abc")
    assert {queue: (priority, id) for queue, _, priority, id in hot.wanted(5, restart=False)} == {
        "a": START,
        "b": (0, 2),
        "c": (0, 3),
    }


def test_a_queue_that_was_found_and_has_no_place_needs_no_look_from_the_start(hot: HotQueues) -> None:
    hot.news("a", 0, behind=False)
    hot.claimed(hot.wanted(5, restart=False), [job("a", 7)], 5)
    hot.found(["a", "b"])
    assert hot.wanted(9, restart=False) == [("a", 9, 0, 7), ("b", 9, *START)]
    assert names(hot.wanted(9, restart=True)) == ["a", "b"]
    hot.claimed(hot.wanted(9, restart=True), [], 9)
    assert not hot.behind


def test_a_claim_that_was_cut_off_has_more_whatever_is_behind(hot: HotQueues) -> None:
    hot.news("a", 0, behind=False)
    hot.claimed(hot.wanted(1, restart=False), [job("a", 7)], 1)
    hot.found(["a"])
    assert hot.claimed(hot.wanted(1, restart=False), [job("a", 8)], 1)
    assert hot.behind
