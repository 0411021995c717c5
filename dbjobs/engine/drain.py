"""Runs everything that may run now, then says so: for tests, and for programs that work off a queue and exit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dbjobs.engine.dependencies import Dependencies
from dbjobs.engine.dispatcher import Dispatcher
from dbjobs.engine.finisher import Finisher
from dbjobs.engine.memory import Memory
from dbjobs.engine.reporter import Reporter
from dbjobs.engine.timekeeper import Timekeeper
from dbjobs.store.records import Claimed

_LOOK_SECONDS = 0.001


class Drain:
    """Looks in rounds, until a round starts nothing.

    Attributes:
        ran: ids of the jobs that were started, in the order of their first start.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        memory: Memory,
        finisher: Finisher,
        timekeeper: Timekeeper,
        dependencies: Dependencies,
        reports: Reporter,
    ) -> None:
        self._dispatcher = dispatcher
        self._memory = memory
        self._finisher = finisher
        self._timekeeper = timekeeper
        self._dependencies = dependencies
        self._reports = reports
        self._claims = 0
        self.ran: dict[int, None] = {}

    @property
    def running(self) -> list[tuple[int, str]]:
        """(id, command) of the jobs that are in memory now."""
        return [(attempt.job.id, attempt.job.command) for attempt in self._memory.all()]

    async def run(self) -> None:
        """Run all due jobs, their children and retries without a delay included, until none is left.

        Jobs that wait for their time, for a node that knows their command, or in a paused queue stay where they are.
        """
        before, self._dispatcher.on_claimed = self._dispatcher.on_claimed, self._claimed
        try:
            self.ran.update((id, None) for id, _ in self.running)  # they were started before, and still run
            while True:
                claims = self._claims
                await self._dependencies.catch_up()
                self._timekeeper.look_now()
                while await self._timekeeper.expire() == 0.0:
                    pass
                self._dispatcher.look_now()
                while not self._is_quiet:  # noqa: ASYNC110 - no one event covers all of this
                    await asyncio.sleep(_LOOK_SECONDS)
                if self._claims == claims:
                    break
            await self._reports.flush_quietly()
        finally:
            self._dispatcher.on_claimed = before

    @property
    def _is_quiet(self) -> bool:
        return (
            not self._memory.held
            and self._finisher.is_idle
            and self._dependencies.is_quiet
            and self._timekeeper.is_quiet
            and self._dispatcher.is_quiet
        )

    def _claimed(self, jobs: Sequence[Claimed]) -> None:
        self._claims += 1
        self.ran.update((job.id, None) for job in jobs)
