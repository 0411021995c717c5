"""Cron expressions: what cronsim matches on a wall clock, and Debian's rule for the days on which the clock changes.

* An expression whose minute or hour field begins with ``*`` follows real time: it runs whenever the wall clock shows a
  time that matches. So it skips the hour that does not exist in spring and runs in both hours of the autumn overlap.
* Every other expression names fixed local times. One in the spring gap runs at the first instant after the gap, one in
  the autumn overlap runs at the first of the two.

cronsim has the same rule, but not everywhere: with a seconds field it forgets the second half, within an overlap it can
answer with a time that is over, and where clocks change by half an hour it can leave out a match. So it is only asked
about wall clocks without a zone, and the rule is kept here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from dbjobs.errors import InvalidOption
from dbjobs.schedule.zones import instant_of, local_of, next_change, offset_at

if TYPE_CHECKING:
    from cronsim import CronSim

_MAX_CHARACTERS = 200
_MAX_FIELD_ITEMS = 60
_FIELD = re.compile(r"[0-9A-Za-z*/,#-]+\Z")
_LONG_NUMBER = re.compile(r"[0-9]{3}")
_SECOND = timedelta(seconds=1)
# What cron daemons know as well.
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# Years of which the arithmetic of dates has room to spare.
_LAST = datetime(9000, 1, 1, tzinfo=UTC)


def checked(expression: str) -> str:
    """The expression with single blanks and without macros.

    Bounded before anything is expanded: a field has at most 60 items, a number two digits.

    Raises:
        InvalidOption.
    """
    if not isinstance(expression, str):
        raise InvalidOption(f"a cron expression is a string, not {expression!r}")
    if len(expression) > _MAX_CHARACTERS:
        raise InvalidOption(
            f"cron {expression[:20]!r}... has {len(expression)} characters; at most {_MAX_CHARACTERS} are taken"
        )
    from cronsim import CronSimError

    text = " ".join(_MACROS.get(expression.strip().lower(), expression).split())
    fields = text.split(" ")
    if len(fields) not in (5, 6):
        raise InvalidOption(
            f"cron {expression!r} has {len(fields)} fields, not five (minute, hour, day of month, month, day of week) "
            "or six (a second first)"
        )
    for field in fields:
        if not _FIELD.match(field) or _LONG_NUMBER.search(field) or field.count(",") >= _MAX_FIELD_ITEMS:
            raise InvalidOption(f"cron {expression!r}: the field {field!r} is not understood")
    try:
        matcher = _sim(text, datetime(2024, 1, 1))
        next(matcher)
    except CronSimError as error:
        raise InvalidOption(f"cron {expression!r}: {error}") from None
    except StopIteration:
        raise InvalidOption(f"cron {expression!r} names a day that does not come within 50 years") from None
    return text


def is_fixed(expression: str) -> bool:
    """True if the expression names fixed local times, False if it follows real time."""
    *_, minute, hour, _, _, _ = expression.split(" ")
    return not minute.startswith("*") and not hour.startswith("*")


def next_match(expression: str, zone: tzinfo, after: datetime) -> datetime | None:
    """The first time, in UTC, that is later than ``after``; None if there is none within 50 years.

    Args:
        expression: as ``checked`` returns it.
        after: an aware time.
    """
    after = after.astimezone(UTC)
    if after > _LAST:
        return None
    find = _next_fixed if is_fixed(expression) else _next_real
    return find(expression, zone, after)


def _next_fixed(expression: str, zone: tzinfo, after: datetime) -> datetime | None:
    local = local_of(after, zone)
    while (following := _next_local(expression, local)) is not None:
        instant = instant_of(following, zone)
        if instant > after:
            return instant
        local = following  # in the second half of an overlap: it ran in the first
    return None


def _next_real(expression: str, zone: tzinfo, after: datetime) -> datetime | None:
    while True:
        offset = offset_at(after, zone)
        following = _next_local(expression, (after + offset).replace(tzinfo=None))
        if following is None:
            return None
        instant = following.replace(tzinfo=UTC) - offset
        change = next_change(after, instant, zone)
        if change is None:
            return instant
        # From here on the wall clock shows another time; the instant of the change itself counts.
        after = change - _SECOND
        following = _next_local(expression, (after + offset_at(change, zone)).replace(tzinfo=None))
        if following is None:
            return None
        instant = following.replace(tzinfo=UTC) - offset_at(change, zone)
        if next_change(change, instant, zone) is None:
            return instant
        after = change


def _sim(expression: str, local: datetime) -> CronSim:
    from cronsim import CronSim  # for those who have a cron expression

    return CronSim(expression, local)


def _next_local(expression: str, local: datetime) -> datetime | None:
    try:
        return next(_sim(expression, local))
    except (StopIteration, OverflowError, ValueError):
        return None


def in_words(expression: str) -> str:
    """What the expression says, in English."""
    return _sim(expression, datetime(2024, 1, 1)).explain()
