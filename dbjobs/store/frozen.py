"""Time that stands still, for tests: a database whose clock is ours to turn (an SQLite file) takes it from here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path


class FrozenClock:
    """The time of one database.

    Attributes:
        now: the moment it shows, in UTC; None: it runs again.
    """

    def __init__(self, now: datetime | None) -> None:
        self.now: datetime | None = None if now is None else now.astimezone(UTC)

    @property
    def text(self) -> str:
        """What the database takes for 'now'."""
        return "now" if self.now is None else self.now.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    def move(self, by: timedelta) -> None:
        """Move it forward, or back."""
        if self.now is not None:
            self.now += by


# By the path of the file. A connection has the clock that is here when it is opened.
frozen_clocks: dict[Path, FrozenClock] = {}
