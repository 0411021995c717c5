"""How many wrong tokens the login form looks at."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from dbjobs.errors import DbjobsError

SECONDS = 60.0
# Wrong tokens in that time, after which no further one is looked at: of a browser that has logged in before, which is
# counted by itself; of one peer with the same beginning; of one peer; of all peers together.
MOST_OF_BROWSER = 10
MOST_OF_BEGINNING = 10
MOST_OF_PEER = 100
MOST_OF_ALL = 1_000
# Of a token, so that somebody who tries the wrong one does not stop those who have another.
BEGINNING = 4
# Counters that are kept; the oldest are forgotten first.
MOST_COUNTERS = 20_000


class TooMany(DbjobsError):
    """Too many wrong tokens."""


class Throttle:
    """Counts wrong tokens.

    Behind a proxy all visitors may be one peer. So a browser that has logged in before has a counter of its own: what
    others try does not keep it out.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counters: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def check(self, peer: str, token: str, browser: str | None) -> None:
        """Refuse to look at a token.

        Args:
            peer: the address that is connected.
            browser: names one that has logged in before; None: it has not.

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
    """The counters that a token counts in, each with the most it may reach."""
    if browser is not None:
        return [(("browser", browser), MOST_OF_BROWSER)]
    return [
        (("beginning", peer, token[:BEGINNING]), MOST_OF_BEGINNING),
        (("peer", peer), MOST_OF_PEER),
        (("all",), MOST_OF_ALL),
    ]
