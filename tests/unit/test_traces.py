"""A traceback that is too long keeps its first and its last frames and the text of its error."""

from __future__ import annotations

from typing import NoReturn

import pytest

from dbjobs.engine.traces import trace_of


def deep(depth: int, text: str) -> NoReturn:
    if depth:
        deeper(depth - 1, text)
    raises(text)


def deeper(depth: int, text: str) -> NoReturn:  # two functions in turn: Python folds the frames of one
    deep(depth, text)


def raises(text: str) -> NoReturn:
    raise ValueError(text)


def outermost(depth: int, text: str) -> BaseException:
    try:
        deep(depth, text)
    except ValueError as error:
        return error


def trace(depth: int, text: str, limit: int = 10_000) -> str:
    told = trace_of(outermost(depth, text), limit)
    assert len(told) <= limit
    assert "in outermost" in told
    assert "in raises" in told
    return told


def test_a_short_one_is_whole() -> None:
    told = trace(3, "no")
    assert told.count("in deep") == 7
    assert told.endswith("ValueError: no\n")


def test_of_many_frames_the_middle_is_left_out() -> None:
    told = trace(100, "no")
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("ValueError: no\n")
    assert "frames or lines left out ..." in told


@pytest.mark.parametrize("depth", [3, 100])
def test_a_long_text_leaves_room_for_frames(depth: int) -> None:
    told = trace(depth, "begins " + "x" * 1_000_000 + " ends")
    assert "ValueError: begins xxx" in told
    assert "characters left out ..." in told
    assert told.endswith("xxx ends\n")


def test_a_cause_with_a_long_text_does_not_hide_the_error() -> None:
    error = outermost(3, "at last")
    error.__cause__ = outermost(100, "y" * 50_000)
    told = trace_of(error)
    assert len(told) <= 10_000
    assert "in raises" in told
    assert told.endswith("ValueError: at last\n")


def test_an_error_that_cannot_be_told_is_named_by_its_frames() -> None:
    class Mute(ValueError):
        def __str__(self) -> str:
            raise ValueError

        @property
        def __notes__(self) -> list[str]:  # type: ignore[override]
            raise MemoryError

    with pytest.raises(Mute) as caught:
        raise Mute
    assert "in test_an_error_that_cannot_be_told" in trace_of(caught.value)
