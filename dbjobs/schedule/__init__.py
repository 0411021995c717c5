"""Pure arithmetic of recurring times: intervals, cron expressions, zones, and which runs are due."""

from dbjobs.schedule.due import Due, due_runs
from dbjobs.schedule.schedule import Schedule

__all__ = ["Due", "Schedule", "due_runs"]
