"""A node that is started again whenever it has stopped, and whose ends are written down."""

from __future__ import annotations

import asyncio
from typing import Any

from dbjobs import Jobs
from dbjobs.engine.supervisor import Engine


class Served:
    """Runs ``jobs.start()`` again and again until ended.

    Attributes:
        starts: how often it was started.
        reasons: errors with which the node stopped by itself.
        silent: how often it stopped by itself and gave no reason.
    """

    def __init__(self, jobs: Jobs, **settings: Any) -> None:
        self._jobs = jobs
        self._settings = settings
        self._stop = asyncio.Event()
        self._ended = False
        self.engine: Engine | None = None
        self.starts = 0
        self.reasons: list[BaseException] = []
        self.silent = 0

    def bounce(self) -> None:
        """Stop this node in its order, and start another one."""
        self._stop.set()

    def end(self) -> None:
        """Stop, for good."""
        self._ended = True
        self._stop.set()

    async def run(self) -> None:
        """Until ``end``."""
        while not self._ended:
            self._stop.clear()
            try:
                async with self._jobs.start(**self._settings) as self.engine:
                    self.starts += 1
                    await self._stop.wait()
            except (Exception, asyncio.CancelledError) as error:
                # A cancellation that comes out here was this task's own: somebody gave up waiting for the stop.
                task = asyncio.current_task()
                assert task is not None
                task.uncancel()
                self.reasons.append(error)
                await asyncio.sleep(0.01)
            else:
                if not self._stop.is_set():
                    self.silent += 1
            finally:
                self.engine = None
