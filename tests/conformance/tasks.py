"""Scheduled tasks that are due when a test says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from dbjobs import Jobs, Schedule
from dbjobs.store import repository
from dbjobs.store.repository.tasks import TaskRow

MINUTE = timedelta(minutes=1)
# Far enough ahead not to come while a test runs.
YEARLY = Schedule.cron("30 4 1 1 *")


def tick(request: Any = None) -> None: ...


async def row(jobs: Jobs, name: str) -> TaskRow:
    (found,) = await repository.list_tasks(jobs._client.db, name)
    return found


async def set_next(jobs: Jobs, name: str, ahead: timedelta) -> datetime:
    """Make a task due this long from now, by the database's clock; that time."""
    while True:
        task = await row(jobs, name)
        moment = (await repository.database_time(jobs._client.db)).replace(microsecond=0) + ahead
        changed = TaskRow(
            **{field: getattr(task, field) for field in TaskRow.__struct_fields__} | {"next_run_at": moment}
        )
        if await repository.update_task(jobs._client.db, changed):
            jobs._client.tasks_changed()
            return moment


async def jobs_of(jobs: Jobs, name: str) -> list[str]:
    """The times of a task's runs, oldest first."""
    return [f"{run.scheduled_for:%H:%M:%S}" for run in reversed(await jobs.schedules.runs(name))]
