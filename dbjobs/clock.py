"""The clock that leases are compared on: it counts the time that the machine was suspended.

``time.monotonic()`` stands still on Linux while a laptop sleeps, and the database's clock does not. A process that
compared its lease on it would wake up and believe that the lease holds, when others have taken its jobs.
"""

from __future__ import annotations

import sys
import time

__all__ = ["now"]

if sys.platform == "linux":

    def now() -> float:
        """Seconds since some moment, never set back; suspension counts (CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

elif sys.platform == "darwin":

    def now() -> float:
        """Seconds since some moment, never set back; sleep counts (macOS's CLOCK_MONOTONIC, not its uptime)."""
        return time.clock_gettime(time.CLOCK_MONOTONIC)

else:
    now = time.monotonic  # Windows counts sleep in it (GetTickCount64, and QueryPerformanceCounter)
