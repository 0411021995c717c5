"""Why no connection could be made, for people: no server listens there, or the host's name is unknown."""

from __future__ import annotations

import errno
import re
import socket

_NUMBER = re.compile(r"\[Errno (-?\d+)\]")
_REFUSED = frozenset({errno.ECONNREFUSED, getattr(errno, "WSAECONNREFUSED", errno.ECONNREFUSED)})


def place(host: str, port: int) -> str:
    """A server's address for messages; an IPv6 address stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why_unreachable(error: BaseException | None, where: str = "") -> str | None:
    """The reason behind an error of the network and what to look at; None if it is none of these.

    Args:
        where: the server, as messages call it; it begins with a slash if it is a socket in the file system.
    """
    if not isinstance(error, OSError):
        return None
    if isinstance(error, socket.gaierror):
        return f"this host name cannot be resolved; is it spelled right? ({error.strerror or error})"
    # asyncio tries each address of a name, and puts the texts of its errors together.
    numbers = {error.errno} if error.errno is not None else {int(number) for number in _NUMBER.findall(str(error))}
    if numbers and numbers <= _REFUSED:
        return "connection refused; is the server running, and is the port right?"
    if where.startswith("/") and numbers == {errno.ENOENT}:
        return "there is no such socket; is the server running, and is the path right?"
    return None
