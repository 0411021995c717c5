"""The servers of a PostgreSQL URL, and the order in which to try them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, unquote

from dbjobs.errors import InvalidUrl
from dbjobs.wording import counted

DEFAULT_PORT = 5432
Address = tuple[str, int]

_IPV6 = re.compile(r"\[([^\]]+)\](?::(.*))?\Z")


class Hosts:
    """The servers of a URL, shared by all instances that were made from it, in any thread.

    Args:
        addresses: in the order of the URL. Empty, or one: the driver finds it in the URL by itself.
    """

    def __init__(self, addresses: tuple[Address, ...]) -> None:
        self.addresses = addresses
        self._first = 0

    @property
    def several(self) -> bool:
        """True if there are several servers."""
        return len(self.addresses) > 1

    def in_turn(self) -> Iterator[tuple[int, Address]]:
        """(number, address) of each server once; the one that worked last comes first."""
        first = self._first
        for step in range(len(self.addresses)):
            number = (first + step) % len(self.addresses)
            yield number, self.addresses[number]

    def failed(self, number: int) -> None:
        """Note that this server cannot be used now; the next caller begins with the one after it."""
        if self.several and self._first == number:
            self._first = (number + 1) % len(self.addresses)

    def worked(self, number: int) -> None:
        """This server can be used."""
        self._first = number


def hosts_of(parts: SplitResult, options: Mapping[str, str]) -> Hosts:
    """The servers of ``//user@a:1,b:2/db`` or of ``?host=a,b&port=1,2``, as libpq reads them.

    Raises:
        InvalidUrl: a port is not a number, or there are not as many ports as hosts.
    """
    names = parts.netloc.rpartition("@")[2]
    ports = options.get("port", "")
    if names:
        found = [_host_and_port(unquote(name)) for name in names.split(",")]
    elif options.get("host"):
        found = [_host_and_port(name) for name in options["host"].split(",")]
    else:
        return Hosts(())
    numbers = [_port(port) for port in ports.split(",")] if ports else []
    if len(numbers) == 1:
        numbers *= len(found)
    if numbers and len(numbers) != len(found):
        raise InvalidUrl(f"the database URL names {counted(len(found), 'host')} and {counted(len(numbers), 'port')}")
    return Hosts(
        tuple(
            (host, (numbers[number] if numbers else None) or port or DEFAULT_PORT)
            for number, (host, port) in enumerate(found)
        )
    )


def _host_and_port(text: str) -> tuple[str, int | None]:
    if text.startswith("/"):
        return text, None
    if found := _IPV6.match(text):
        return found[1], _port(found[2]) if found[2] else None
    host, colon, port = text.partition(":")
    return host or "localhost", _port(port) if colon and port else None


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise InvalidUrl(f"the database URL's port {text!r} is not a number from 1 to 65535")
    return int(text)
