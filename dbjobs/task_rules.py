"""Checks what is said of a scheduled task: its name, its schedule, its rules, and the options of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dbjobs.commands import options as job_options
from dbjobs.errors import InvalidOption
from dbjobs.models import TaskOptions
from dbjobs.schedule import Schedule
from dbjobs.store.transactions.scheduling import Rules

# Options of a task itself; the others are those of its jobs.
RULES = frozenset(TaskOptions.__optional_keys__) - frozenset(job_options.OPTION_NAMES)
_MOST_CHARACTERS = 200


def split(given: Mapping[str, Any], where: str) -> tuple[Rules, dict[str, Any]]:
    """The rules of a task, checked, and the options of its jobs.

    Raises:
        InvalidOption.
    """
    own = {name: value for name, value in given.items() if name in RULES}
    options = {name: value for name, value in given.items() if name not in RULES}
    job_options.check_names(options, where=where, job_only=False)
    misfire, overlap = own.get("misfire", "one"), own.get("overlap", "allow")
    for name, value, words in (
        ("misfire", misfire, ("one", "all", "none")),
        ("overlap", overlap, ("allow", "skip")),
    ):
        if value not in words:
            raise InvalidOption(f"{where}: {name}={value!r} must be one of {', '.join(map(repr, words))}")
    job_options.switch(own.get("run_at_once", False), f"{where}: run_at_once")
    transient = job_options.switch(own.get("transient", False), f"{where}: transient")
    start, end = _moment(own.get("start"), "start", where), _moment(own.get("end"), "end", where)
    if start is not None and end is not None and end < start:
        raise InvalidOption(f"{where}: end={end} is before start={start}")
    jitter = job_options.duration(own.get("jitter", 0.0), f"{where}: jitter")
    if transient and (overlap == "skip" or jitter):
        raise InvalidOption(
            f"{where}: transient=True runs at once and leaves no job by which other nodes could know of it, so it goes "
            "with neither jitter nor overlap='skip'"
        )
    rules = Rules(misfire=misfire, overlap=overlap, jitter_seconds=jitter, start=start, end=end, transient=transient)
    return rules, options


def _moment(value: Any, name: str, where: str) -> datetime | None:
    if value is None:
        return None
    return job_options.aware(value, f"{where}: {name}")


def check_schedule(schedule: Any, where: str) -> None:
    """Refuse what is not a Schedule.

    Raises:
        InvalidOption.
    """
    if not isinstance(schedule, Schedule):
        raise InvalidOption(
            f"{where}: {schedule!r} is not a schedule; write Schedule.cron('0 9 * * 1-5', tz='Europe/Paris') or "
            "Schedule.every(60)"
        )


def name_of_task(value: Any, where: str) -> str:
    """The name of a task, checked.

    Raises:
        InvalidOption.
    """
    try:
        name = job_options.text(value)
    except InvalidOption as error:
        raise InvalidOption(f"{where}: the name of a task {error}") from None
    if name is None:
        raise InvalidOption(f"{where}: the name of a task must not be None")
    if len(name) > _MOST_CHARACTERS:
        raise InvalidOption(f"{where}: the name of a task must have at most {_MOST_CHARACTERS} characters")
    return name
