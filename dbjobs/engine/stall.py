"""Notices that the application's event loop does not turn, and says which line blocks it."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback

log = logging.getLogger("dbjobs")

_BEAT_SECONDS = 0.1


class StallWatch:
    """A mark that the loop renews, and a look at it from another thread.

    Args:
        loop: the loop to watch; made on its own thread.
        limit_seconds: report a loop that has not turned for so long; again each time the stall has doubled.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_seconds: float) -> None:
        self._loop = loop
        self._limit = limit_seconds
        self._thread_id = threading.get_ident()
        self._mark = time.monotonic()
        self._report_at = limit_seconds
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to mark; on the loop."""
        self._mark = time.monotonic()
        self._handle = self._loop.call_later(_BEAT_SECONDS, self.start)

    def stop(self) -> None:
        """Mark no more; on the loop."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def look(self) -> None:
        """Report a stall; from any other thread."""
        stalled = time.monotonic() - self._mark
        if stalled < self._limit or self._handle is None:
            self._report_at = self._limit
        elif stalled >= self._report_at:
            self._report_at = stalled * 2
            frame = sys._current_frames().get(self._thread_id)
            where = "".join(traceback.format_stack(frame)[-6:]) if frame is not None else "(unknown)"
            log.error(
                "the event loop has been blocked for %.1f s, so no other job here makes progress; it is at\n%s",
                stalled,
                where,
            )
