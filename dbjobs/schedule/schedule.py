"""When something recurs: an interval, or a cron expression in a time zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from dbjobs.errors import InvalidOption
from dbjobs.schedule import cron
from dbjobs.schedule.zones import zone_of

_LEAST_SECONDS = 1.0
_MOST_SECONDS = 100 * 365 * 86400.0


@dataclass(frozen=True)
class Schedule:
    """When a task runs. Made with ``Schedule.every`` or ``Schedule.cron``, or one of the constants.

    Attributes:
        interval_seconds: seconds from one run to the next, for an interval.
        expression: the cron expression, for the others.
        tz: name of the zone in which it is read.
    """

    interval_seconds: float | None = None
    expression: str | None = None
    tz: str = "UTC"

    every_minute: ClassVar[Schedule]
    hourly: ClassVar[Schedule]
    daily: ClassVar[Schedule]
    weekly: ClassVar[Schedule]
    monthly: ClassVar[Schedule]
    yearly: ClassVar[Schedule]

    @classmethod
    def every(cls, interval: float | timedelta) -> Schedule:
        """A run each time this long has passed, whatever clocks on the wall do.

        It is counted from the time of the run before, not from its end, and so does not drift.

        Args:
            interval: in seconds or as a timedelta; at least 1 s, in whole milliseconds.

        Raises:
            InvalidOption.
        """
        seconds = interval.total_seconds() if isinstance(interval, timedelta) else interval
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise InvalidOption(f"Schedule.every({interval!r}): give a number of seconds or a timedelta")
        if not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
            raise InvalidOption(f"Schedule.every({interval!r}): must be between 1 second and 100 years")
        if abs(seconds * 1000 - round(seconds * 1000)) > 1e-6:
            raise InvalidOption(f"Schedule.every({interval!r}): must be a whole number of milliseconds")
        return cls(interval_seconds=round(seconds, 3))

    @classmethod
    def cron(cls, expression: str, *, tz: str = "UTC") -> Schedule:
        """Runs at the times that a cron expression names.

        Args:
            expression: minute, hour, day of month, month, day of week, with a field for the seconds first if there
                are six; ``L`` (last day), ``LW`` (last weekday), ``5#2`` (second Friday), ``5L`` (last Friday), names
                of months and days, ``@daily`` and the like.
            tz: name of the time zone in which it is read.

        Raises:
            InvalidOption: the expression or the zone is not understood, or it names no time.
        """
        text = cron.checked(expression)
        if not isinstance(tz, str):
            tz = getattr(tz, "key", None) or str(tz)
        zone_of(tz)
        return cls(expression=text, tz=tz)

    def next_after(self, after: datetime, anchor: datetime | None = None) -> datetime | None:
        """The first time later than ``after``, in UTC; None if there is none within 50 years.

        Args:
            after: an aware time.
            anchor: for an interval: one of its times; ``after`` itself if it is not given.
        """
        after = after.astimezone(UTC)
        if self.expression is not None:
            return cron.next_match(self.expression, zone_of(self.tz), after)
        assert self.interval_seconds is not None
        step = timedelta(seconds=self.interval_seconds)
        if anchor is None:
            anchor = after
        try:
            return anchor + ((after - anchor) // step + 1) * step if anchor <= after else anchor
        except OverflowError:
            return None

    def times_after(self, after: datetime, anchor: datetime | None = None) -> Iterator[datetime]:
        """The times later than ``after``, in order."""
        following = self.next_after(after, anchor)
        while following is not None:
            yield following
            following = self.next_after(following, following)

    def in_words(self) -> str:
        """What it says, in English."""
        if self.expression is None:
            return f"Every {timedelta(seconds=self.interval_seconds or 0)} (h:mm:ss)"
        words = cron.in_words(self.expression)
        return words if self.tz == "UTC" else f"{words} ({self.tz})"

    def __str__(self) -> str:
        if self.expression is None:
            return f"every {self.interval_seconds:g} s"
        return f"{self.expression} ({self.tz})"


Schedule.every_minute = Schedule(expression="* * * * *")
Schedule.hourly = Schedule(expression="0 * * * *")
Schedule.daily = Schedule(expression="0 0 * * *")
Schedule.weekly = Schedule(expression="0 0 * * 0")
Schedule.monthly = Schedule(expression="0 0 1 * *")
Schedule.yearly = Schedule(expression="0 0 1 1 *")
