"""Asks whether a socket has something to read: no wait, no round trip, about a microsecond."""

from __future__ import annotations

import select
from typing import Protocol


class Poll(Protocol):
    """What ``select.poll()`` makes."""

    def poll(self, timeout: int, /) -> object:
        """A true value if there is something to read, waiting at most ``timeout`` milliseconds."""
        ...


def poll_of(descriptor: int) -> Poll:
    """A poll object that tells whether this socket has something to read.

    Raises:
        OSError, ValueError: it is not a socket.
    """
    if not hasattr(select, "poll"):  # Windows
        return _Select(descriptor)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll


class _Select:
    def __init__(self, descriptor: int) -> None:
        if descriptor < 0:
            raise ValueError("the socket is closed")
        self._descriptor = descriptor

    def poll(self, timeout: int, /) -> object:
        try:
            return select.select([self._descriptor], [], [], timeout / 1000)[0]
        except (OSError, ValueError):  # it has been closed meanwhile
            return True
