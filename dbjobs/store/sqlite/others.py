"""Commits of other connections to the file, of this process or another: noticed by looking at its version."""

from __future__ import annotations

import time
from collections.abc import Callable

from dbjobs.store.sqlite.threads import Connected
from dbjobs.store.threads import Inbox

# Other processes are noticed by looking at the file this often.
LOOK_SECONDS = 0.015


class OtherCommits:
    """Looks at the file in the writer's thread.

    Args:
        inbox: takes calls to the event loop.
        connected: what the thread works on now.

    Attributes:
        on_change: called in the event loop after each commit of another connection; None: nobody asks.
    """

    def __init__(self, inbox: Inbox, connected: Callable[[], Connected]) -> None:
        self._inbox = inbox
        self._connected = connected
        self._version = 0
        self._looked = time.monotonic()
        self.on_change: Callable[[], None] | None = None

    def look(self) -> int:
        """The file's version, which each commit of another connection changes."""
        connection, _ = self._connected()
        return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def start_over(self) -> None:
        """The connection is a new one: each counts versions by itself."""
        self._version = self.look()

    def notice(self) -> None:
        """Tell of a commit since the last look, if it is time for the next one."""
        on_change = self.on_change  # once: the event loop may take it away at any moment
        now = time.monotonic()
        if on_change is None or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        version = self.look()
        if version != self._version:
            self._version = version
            self._inbox.call(on_change)
