"""How many wrong tokens the login form looks at."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from dbjobs.errors import DbjobsError

SECONDS = 60.0
# After this many wrong tokens in that time we check no further one: from a browser that has logged in before (it is
# counted by itself), from one peer with the same prefix, from one peer, from all peers together.
MOST_OF_BROWSER = 10
MOST_OF_BEGINNING = 10
MOST_OF_PEER = 100
MOST_OF_ALL = 1_000
# Length of a token's prefix: somebody who tries a wrong token does not block those with another prefix.
BEGINNING = 4
# Most counters kept; the oldest are dropped first.
MOST_COUNTERS = 20_000


class TooMany(DbjobsError):
    """Too many wrong tokens."""


class Throttle:
    """Counts wrong tokens.

    Behind a proxy all visitors may be one peer. So a browser that has logged in before has its own counter: others'
    attempts do not lock it out.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counters: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def check(self, peer: str, token: str, browser: str | None) -> None:
        """Refuse to look at a token.

        Args:
            peer: the address that is connected.
            browser: its name, if it has logged in before; else None.

        Raises:
            TooMany: there were too many wrong ones.
        """
        since = self._now() - SECONDS
        for key, most in _counted(peer, token, browser):
            times = self._counters.get(key)
            while times and times[0] <= since:
                times.popleft()
            if times and len(times) >= most:
                raise TooMany(f"{most:,} wrong tokens in a minute: wait for one")

    def count(self, peer: str, token: str, browser: str | None) -> None:
        """Note a wrong token."""
        now = self._now()
        for key, most in _counted(peer, token, browser):
            self._counters.setdefault(key, deque(maxlen=most)).append(now)
            self._counters.move_to_end(key)
        while len(self._counters) > MOST_COUNTERS:
            self._counters.popitem(last=False)


def _counted(peer: str, token: str, browser: str | None) -> list[tuple[tuple[str, ...], int]]:
    """The counters of a token, each with its limit."""
    if browser is not None:
        return [(("browser", browser), MOST_OF_BROWSER)]
    return [
        (("beginning", peer, token[:BEGINNING]), MOST_OF_BEGINNING),
        (("peer", peer), MOST_OF_PEER),
        (("all",), MOST_OF_ALL),
    ]
