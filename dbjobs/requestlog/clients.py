"""The address of the client: we believe forwarding headers only from trusted proxies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from dbjobs.errors import InvalidOption

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MOST_HOPS = 32  # read of a forwarding header: anybody can send one


class Proxies:
    """The proxies in front of the application.

    Args:
        trusted: their addresses and networks.

    Raises:
        InvalidOption: one of them is neither.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        networks: list[Network] = []
        for text in trusted:
            try:
                networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise InvalidOption(
                    f"trusted_proxies: {text!r} is neither an address nor a network such as 10.0.0.0/8"
                ) from None
        self._networks = tuple(networks)
        self.trusts = lru_cache(maxsize=1024)(self._trusts)

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client(self, peer: str | None, forwarded_for: str | None, forwarded: str | None) -> str | None:
        """The address of the client.

        Args:
            peer: the connected address.
            forwarded_for, forwarded: the headers X-Forwarded-For and Forwarded.
        """
        peer = None if peer is None else plain_address(peer)
        if peer is None or not self._networks or not self.trusts(peer):
            return peer
        hops = _hops(forwarded_for, forwarded)
        # From the nearest: each hop was added by the next one, so the first that is not our proxy is the client.
        for hop in reversed(hops[-_MOST_HOPS:]):
            address = plain_address(hop)
            if address is None:
                return peer
            if not self.trusts(address):
                return address
            peer = address
        return peer


def _hops(forwarded_for: str | None, forwarded: str | None) -> list[str]:
    if forwarded_for:
        return [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    found = []
    for element in (forwarded or "").split(","):
        for pair in element.split(";"):
            name, _, value = pair.strip().partition("=")
            if name.lower() == "for":
                found.append(value.strip('"'))
    return found


@lru_cache(maxsize=4096)
def plain_address(text: str) -> str | None:
    """An address without port, brackets and zone, IPv4 as IPv4; None if it is not one (a Unix socket, "unknown")."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
