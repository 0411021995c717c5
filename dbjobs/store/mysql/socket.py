"""Asks the socket whether the server has closed an idle connection: no round trip, about a microsecond."""

from __future__ import annotations

from typing import Any

from dbjobs.store.readable import poll_of


class SocketEnd:
    """The end of a driver's connection, seen from here.

    An idle connection has nothing to read. If it has, the server has said good-bye, or has closed or lost its end. The
    event loop may have noticed (the driver's reader knows), or not have come to it yet (the socket knows).

    Args:
        raw: aiomysql's or asyncmy's connection.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        writer = getattr(raw, "_writer", None)
        self._transport = writer.transport if writer is not None else getattr(raw, "_transport", None)
        self._poll: Any = None
        socket = None if self._transport is None else self._transport.get_extra_info("socket")
        if socket is not None:
            self._poll = poll_of(socket.fileno())

    def is_reached(self) -> bool:
        """True if an idle connection can no longer be used."""
        if self._transport is None or self._transport.is_closing():
            return True
        reader = getattr(self._raw, "_reader", None) or getattr(self._raw, "_proto", None)
        if getattr(reader, "eof_received", False) or getattr(reader, "eof", False):
            return True
        return self._poll is not None and bool(self._poll.poll(0))
