"""Why no connection could be made, for people: no server listens there, or the host's name is unknown."""

from __future__ import annotations

import errno
import re
import socket

_NUMBER = re.compile(r"\[Errno (-?\d+)\]")
_REFUSED = frozenset({errno.ECONNREFUSED, getattr(errno, "WSAECONNREFUSED", errno.ECONNREFUSED)})


def why_unreachable(error: BaseException | None) -> str | None:
    """The reason behind an error of the network and what to look at; None if it is none of these."""
    if not isinstance(error, OSError):
        return None
    if isinstance(error, socket.gaierror):
        return f"this host name cannot be resolved; is it spelled right? ({error.strerror or error})"
    # asyncio tries each address of a name, and puts the texts of its errors together.
    numbers = {error.errno} if error.errno is not None else {int(number) for number in _NUMBER.findall(str(error))}
    if numbers and numbers <= _REFUSED:
        return "connection refused; is the server running, and is the port right?"
    return None
