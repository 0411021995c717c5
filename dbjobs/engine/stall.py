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
# If the watching thread itself has slept for this long, the process stood still, not its loop.
_SLEPT_SECONDS = 1.0


class StallWatch:
    """A mark that the loop renews, and a thread that looks at it.

    It has a thread of its own, not the heartbeat's: to report what it sees, it needs the lock of ``logging``, and the
    line that blocks the loop may hold that lock.

    Args:
        loop: the loop to watch; made on its own thread.
        limit_seconds: report a loop that has not turned for this long; again each time the stall has doubled.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit_seconds: float) -> None:
        self._loop = loop
        self._limit = limit_seconds
        self._loops_thread = threading.get_ident()
        self._mark = time.monotonic()
        self._worst = 0.0
        self._report_at = limit_seconds
        self._handle: asyncio.TimerHandle | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="dbjobs-stall", daemon=True)

    def start(self) -> None:
        """Begin to mark and to watch; on the loop."""
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """End; on the loop. The thread ends by itself: it may wait for a lock."""
        self._stopped.set()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def take_lag(self) -> float:
        """The longest that the loop has let the mark wait since the last call, in seconds; in any thread."""
        worst, self._worst = self._worst, 0.0
        return max(worst, time.monotonic() - self._mark - _BEAT_SECONDS, 0.0)

    def _beat(self) -> None:
        now = time.monotonic()
        if self._handle is not None:
            self._worst = max(self._worst, now - self._mark - _BEAT_SECONDS)
        self._mark = now
        self._handle = self._loop.call_later(_BEAT_SECONDS, self._beat)

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._stopped.wait(_BEAT_SECONDS):
            now = time.monotonic()
            if now - looked < _SLEPT_SECONDS:
                try:
                    self._look(now - self._mark)
                except Exception:  # a handler of the application's logging, or a frame that ended meanwhile
                    log.debug("could not look at the event loop", exc_info=True)
            else:
                self._report_at = self._limit
            looked = time.monotonic()

    def _look(self, stalled: float) -> None:
        if stalled < self._limit:
            self._report_at = self._limit
        elif stalled >= self._report_at:
            self._report_at = stalled * 2
            frame = sys._current_frames().get(self._loops_thread)
            where = "".join(traceback.format_stack(frame)[-6:]) if frame is not None else "(unknown)"
            log.error(
                "the event loop has been blocked for %.1f s, so no other job here makes progress; it is at\n%s",
                stalled,
                where,
            )
