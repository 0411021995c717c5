"""Fires scheduled tasks that are due: those that this node declares, and those made at run time whose command it knows.

No node is the leader. All look, and the revision of a task's row decides who fires it. The look is part of the
timekeeper's own (``next_due``): a node without tasks asks the database nothing more.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence

import msgspec

from dbjobs.commands.registry import Registry
from dbjobs.engine.transient.runs import Transients
from dbjobs.engine.waker import Waker
from dbjobs.errors import DataRefused, DbjobsError, InvalidOption, UnknownCommand
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.notices import ready_notices
from dbjobs.store.records import NewJob, Ready
from dbjobs.store.transactions import scheduling
from dbjobs.store.transactions.appending import learn_queues
from dbjobs.store.transactions.queues import KnownQueues

log = logging.getLogger("dbjobs")

TASKS_PER_LOOK = 100
# A task that cannot be fired is left alone for this long.
ASIDE_SECONDS = 60.0
# Errors of the task, not of the database: a zone that this system does not know, a row of a newer release, a job that
# the server cannot store. After any other error the loop tries again.
_ITS_OWN_FAULT = (InvalidOption, DataRefused, msgspec.MsgspecError)


class Tasks:
    """The scheduled tasks of one node.

    Attributes:
        names: those that it declares.
    """

    def __init__(
        self, db: Database, registry: Registry, waker: Waker, transients: Transients, names: Sequence[str]
    ) -> None:
        self._db = db
        self._registry = registry
        self._waker = waker
        self._transients = transients
        self.names = sorted(names)
        self._aside: dict[str, float] = {}
        self._known_queues = KnownQueues()

    @property
    def commands(self) -> list[str]:
        """Commands whose tasks it may fire, if they were made at run time."""
        return self._registry.runnable()

    async def fire(self) -> bool:
        """Fire the due tasks; False if none was fired and another look at once would not help."""
        tasks, now = await repository.find_due_tasks(self._db, self.names, self.commands, TASKS_PER_LOOK)
        if now is None:
            return True  # another node was faster
        random.shuffle(tasks)  # nodes that look at the same moment begin with different ones
        jobs: list[NewJob] = []
        progress = False
        try:
            for task in tasks:
                if self._aside.get(task.name, 0.0) > time.monotonic():
                    continue
                try:
                    fired = await scheduling.fire(self._db, task, now)
                except _ITS_OWN_FAULT as error:
                    self._aside[task.name] = time.monotonic() + ASIDE_SECONDS
                    log.exception("scheduled task %r cannot be fired: %s", task.name, error)
                    continue
                if fired is not None:
                    progress = True
                    if scheduling.rules_of(task).transient:
                        self._run(task.name, fired)
                    else:
                        jobs += fired
        finally:
            if jobs:
                await self._tell(jobs)
        return progress

    def _run(self, name: str, jobs: Sequence[NewJob]) -> None:
        """Run a transient task. Its row has moved on already: a run that cannot start now is left out and logged."""
        for job in jobs:
            command = self._registry.get(job.command)
            try:
                if command is None:
                    raise UnknownCommand(f"command {job.command!r} is not registered in this process")
                self._transients.submit(command, job, exclusive=False)
            except DbjobsError as error:
                log.warning("scheduled task %r: a transient run is left out: %s", name, error)

    async def _tell(self, jobs: Sequence[NewJob]) -> None:
        await learn_queues(self._db, sorted({job.queue for job in jobs}), self._known_queues, None)
        ready = [Ready(job.queue, job.priority, job.worker is not None) for job in jobs if job.delay_seconds is None]
        if ready:
            self._waker.ready(ready)
            await repository.notify(self._db, ready_notices(ready))
