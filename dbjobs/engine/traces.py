"""Tracebacks as a job keeps them: within a limit, with the first and the last frames and the error's text."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence

MAX_TRACEBACK_CHARACTERS = 10_000


def trace_of(error: BaseException, limit: int = MAX_TRACEBACK_CHARACTERS) -> str:
    """The traceback of an exception, its causes included; nothing about the exception makes this raise.

    Args:
        limit: characters. The middle is left out: first of a long text, then of the frames.
    """
    try:
        pieces = traceback.format_exception(error)
    except BaseException:  # it formats every cause and note, and any of them may raise
        try:
            pieces = traceback.format_tb(error.__traceback__)
        except BaseException:
            return "(its traceback cannot be shown)"
    return _shortened(pieces, limit)


def _shortened(pieces: Sequence[str], limit: int) -> str:
    """Pieces (a frame each, or an error's text) put together within a limit."""
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    pieces = [_without_middle(piece, limit // 2) for piece in pieces]
    room = limit - 60  # the line about what is left out
    # The end names the error and its place: it gets the larger part.
    first = _as_many(pieces, room // 3)
    last = _as_many(reversed(pieces[len(first) :]), room - sum(map(len, first)))[::-1]
    left_out = len(pieces) - len(first) - len(last)
    gap = [f"  ... {left_out} frames or lines left out ...\n"] if left_out else []
    return "".join([*first, *gap, *last])


def _as_many(pieces: Iterable[str], room: int) -> list[str]:
    taken: list[str] = []
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        taken.append(piece)
    return taken


def _without_middle(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    kept = limit - 60
    end = kept // 3
    return f"{text[: kept - end]}\n... {len(text) - kept} characters left out ...\n{text[len(text) - end :]}"
