"""The texts that travel between nodes."""

from __future__ import annotations

import pytest

from dbjobs.store.notices import QUEUES, parse_cancel, parse_ready, ready_notices
from dbjobs.store.records import Ready


@pytest.mark.parametrize("queue", ["default", "with space", "ü", "ready 0 j x", "a\nb"])
@pytest.mark.parametrize("lane", [True, False])
@pytest.mark.parametrize("behind", [True, False])
def test_what_is_sent_is_read_back(queue: str, lane: bool, behind: bool) -> None:
    job = Ready(queue, -5, lane, behind)
    (notice,) = ready_notices([job])
    assert parse_ready(notice) == job


def test_there_is_one_notice_a_queue_and_kind_with_the_most_urgent_priority() -> None:
    notices = ready_notices(
        [
            Ready("a", 5, False),
            Ready("a", -1, False),
            Ready("a", 3, True),
            Ready("b", 0, False),
            Ready("a", 0, False, True),
        ]
    )
    assert sorted(notices) == ["again 0 j a", "ready -1 j a", "ready 0 j b", "ready 3 l a"]


def test_a_cancel_names_its_job() -> None:
    assert parse_cancel("cancel 17") == 17
    assert parse_cancel("ready 0 j cancel") is None


def test_other_texts_are_neither() -> None:
    for notice in (QUEUES, "", "something of a later release"):
        assert parse_ready(notice) is None
        assert parse_cancel(notice) is None
