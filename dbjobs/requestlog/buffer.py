"""Holds requests that are not written yet: bounded, and it never waits."""

from __future__ import annotations

from collections import deque

from dbjobs.requestlog.seen import Seen, size_of
from dbjobs.requests import RequestCounts


class Buffer:
    """Requests on their way to the database.

    Args:
        counts: counts what goes in and what is dropped.
        most: how many records it holds at most.
        most_characters: how many characters these have at most.
    """

    def __init__(self, counts: RequestCounts, most: int, most_characters: int) -> None:
        self._counts = counts
        self._most = most
        self._most_characters = most_characters
        self._waiting: deque[tuple[Seen, int]] = deque()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, seen: Seen) -> None:
        """Take one in; if there is no room, this newest one is dropped."""
        self._counts.seen += 1
        size = size_of(seen)
        if len(self._waiting) >= self._most or self._characters + size > self._most_characters:
            self._counts.dropped += 1
            return
        self._waiting.append((seen, size))
        self._characters += size
        self._counts.buffered += 1

    def take(self, most: int, most_characters: int) -> list[Seen]:
        """Take the oldest ones out, at least one if there is any."""
        taken: list[Seen] = []
        room = most_characters
        while self._waiting and len(taken) < most and (not taken or self._waiting[0][1] <= room):
            seen, size = self._waiting.popleft()
            taken.append(seen)
            room -= size
            self._characters -= size
        return taken
