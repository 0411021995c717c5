"""Time that a test moves: later jobs become due without a sleep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbjobs.commands.options import duration
from dbjobs.errors import InvalidOption
from dbjobs.jobs import Jobs
from dbjobs.store.frozen import FrozenClock, frozen_clocks


class Clock:
    """The database's clock while it is frozen."""

    def __init__(self, jobs: Jobs, clock: FrozenClock) -> None:
        self._jobs = jobs
        self._clock = clock

    @property
    def now(self) -> datetime:
        """What it shows, in UTC.

        Raises:
            InvalidOption: the block of ``frozen_time`` has ended.
        """
        if self._clock.now is None:
            raise InvalidOption("this clock is not frozen any more: the block of frozen_time has ended")
        return self._clock.now

    def move(self, by: timedelta | float) -> None:
        """Move it forward by a time, given as a timedelta or in seconds."""
        self.move_to(self.now + timedelta(seconds=duration(by, "move: by")))

    def move_to(self, moment: datetime) -> None:
        """Move it to a later moment, or to an earlier one."""
        if moment.tzinfo is None:
            raise InvalidOption(f"move_to: {moment!r} must have a time zone (use datetime.now(timezone.utc))")
        self._clock.move(moment - self.now)
        engine = self._jobs._client.engine
        if engine is not None:
            engine.timekeeper.look_now()


@contextmanager
def frozen_time(jobs: Jobs, at: datetime | None = None) -> Iterator[Clock]:
    """The time of the jobs' database stands still while the block runs, and moves when it is told to.

    Times of jobs (``created_at``, ``run_after``, a retry's delay) come from there. What a handler itself asks its
    system for, timeouts, and the leases of nodes go on with the real time, and so does what the application writes over
    a connection of its own (``connection=``).

    Args:
        jobs: on an SQLite file: a ``temporary_database``, or one that is not open yet.
        at: the moment to begin with, with a time zone; the present one, if left out.

    Raises:
        InvalidOption: another database, whose time is the server's; one that is open; it is frozen already.
    """
    if at is not None and at.tzinfo is None:
        raise InvalidOption(f"frozen_time: at={at!r} must have a time zone (use datetime.now(timezone.utc))")
    db = jobs._client.opening.unchecked
    path = getattr(db, "path", None)
    if not isinstance(path, Path):
        raise InvalidOption(
            f"frozen_time: the time of {db.dialect} is its server's; run the test on SQLite (temporary_database(jobs))"
        )
    clock = frozen_clocks.get(path)
    is_ours = clock is None
    if clock is None:
        if jobs._client.opening.is_open:
            raise InvalidOption(
                "frozen_time: the database is open already: freeze the time before 'async with jobs', or use a "
                "temporary_database(jobs)"
            )
        clock = frozen_clocks[path] = FrozenClock(None)
    elif clock.now is not None:
        raise InvalidOption("frozen_time: the time of this database is frozen already")
    clock.now = (at or datetime.now(UTC)).astimezone(UTC)
    try:
        yield Clock(jobs, clock)
    finally:
        clock.now = None
        if is_ours:
            del frozen_clocks[path]
