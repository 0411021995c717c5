"""Which addresses a notice may be sent to, and a connection to exactly the address that was checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore2 as httpcore

from dbjobs.commands.options import switch
from dbjobs.errors import InvalidOption, NotDelivered

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[Iterable[str]]]

# IPv6 addresses with an IPv4 address inside, by which a gateway, a tunnel or the system itself reaches that one: mapped
# and compatible ones, translated ones (SIIT), NAT64 (well-known and local), Teredo, 6to4, ISATAP has no prefix.
_WRAPPED = tuple(
    map(
        ipaddress.IPv6Network,
        ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),
    )
)


class Addresses:
    """The rule for addresses.

    Args:
        allow_private: also private, loopback and link-local ones, and what wraps an IPv4 address.
        allow_networks: networks that are allowed whatever they are, such as ``10.1.0.0/16``.

    Raises:
        InvalidOption: one of them is not a network.
    """

    def __init__(self, *, allow_private: bool = False, allow_networks: Iterable[str] = ()) -> None:
        self._allow_private = switch(allow_private, "HttpNotifier: allow_private")
        if isinstance(allow_networks, str):
            raise InvalidOption(f"HttpNotifier: allow_networks={allow_networks!r} must be a list of networks")
        self._networks: list[Network] = []
        for network in allow_networks:
            try:
                self._networks.append(ipaddress.ip_network(network))
            except ValueError as error:
                raise InvalidOption(f"HttpNotifier: allow_networks: {error}") from None

    def allow(self, text: str) -> bool:
        """Whether a connection to this address may be made."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        if any(address in network for network in self._networks if network.version == address.version):
            return True
        if address.is_multicast or address.is_unspecified:
            return False
        if self._allow_private:
            return True
        if isinstance(address, ipaddress.IPv6Address) and (
            address.is_site_local or any(address in network for network in _WRAPPED)
        ):
            return False
        return address.is_global and not address.is_reserved and not address.is_loopback and not address.is_link_local


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them.

    Raises:
        OSError: there are none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to hosts whose addresses are allowed.

    The name is resolved here, once, and the connection is made to the address itself: what a name means a moment
    later does not matter.
    """

    def __init__(self, addresses: Addresses, resolver: Resolver) -> None:
        self._addresses = addresses
        self._resolver = resolver
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection to the first allowed address that answers."""
        try:
            found = [str(address) for address in await self._resolver(host, port)]
        except OSError as error:
            raise NotDelivered(f"the host {host!r} cannot be found: {error.strerror or error}") from None
        allowed = [address for address in found if self._addresses.allow(address)]
        if not allowed:
            refused = ", ".join(found) or "no address"
            raise NotDelivered(
                f"the host {host!r} is {refused}, which is not a public address; HttpNotifier(allow_networks=...) or "
                "allow_private=True would allow it",
                final=True,
            )
        trouble: Exception | None = None
        for address in allowed:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        assert trouble is not None
        raise trouble
