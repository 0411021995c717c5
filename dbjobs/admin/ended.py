"""Sessions that were ended early: a sealed cookie alone cannot tell."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict

from dbjobs.store import repository
from dbjobs.store.repository.rows import Fetcher

# We believe for this long that a session still stands, so pages and streams do not ask on each call.
BELIEVED_SECONDS = 1.0
MOST_BELIEVED = 1_000
# Settings between these two names: one per ended session.
FIRST, BEHIND = "ended:", "ended;"


class Ended:
    """Which sessions were ended. It is in the database, so every process knows.

    Args:
        kept_seconds: how long to remember an end; after that the cookie itself is too old.
    """

    def __init__(self, kept_seconds: float) -> None:
        self._kept_seconds = kept_seconds
        self._believed: OrderedDict[str, float] = OrderedDict()

    async def add(self, db: Fetcher, sealed: str) -> None:
        """End the session of this cookie."""
        name = _name_of(sealed)
        await repository.drop_settings(db, FIRST, BEHIND, self._kept_seconds)
        await repository.put_setting(db, name, "")
        self._believed.pop(name, None)

    async def knows(self, db: Fetcher, sealed: str) -> bool:
        """Whether the session of this cookie was ended: at most one statement a second per session."""
        name, now = _name_of(sealed), time.monotonic()
        if now < self._believed.get(name, 0.0):
            return False
        if await repository.get_setting(db, name) is not None:
            return True
        self._believed[name] = now + BELIEVED_SECONDS
        self._believed.move_to_end(name)
        while len(self._believed) > MOST_BELIEVED:
            self._believed.popitem(last=False)
        return False


def _name_of(sealed: str) -> str:
    return FIRST + hashlib.sha256(sealed.encode()).hexdigest()[:32]
