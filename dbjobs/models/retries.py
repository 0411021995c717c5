"""When an attempt is tried again: between attempts, and inside one."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from dbjobs.errors import InvalidOption


@dataclass(frozen=True, init=False)
class Backoff:
    """When a failed attempt is tried again: ``first_seconds * factor ** (failures - 1)``, capped.

    Attributes:
        first_seconds: delay after the first failure, in seconds or as a timedelta.
        factor: growth per further failure, >= 1.
        max_seconds: upper bound of the delay, in seconds or as a timedelta.
        jitter: fraction in [0, 1] by which a delay is shortened or stretched at random, so that
            jobs which failed together do not come back together.

    Raises:
        InvalidOption: a setting of another name.
    """

    first_seconds: float = 2.0
    factor: float = 3.0
    max_seconds: float = 3600.0
    jitter: float = 0.2

    if not TYPE_CHECKING:  # type checkers know the fields; others learn them from an error

        def __new__(cls, *unnamed: Any, **given: Any) -> Self:
            """Name the fields to those who guess one."""
            if unnamed:
                raise InvalidOption("Backoff: name its settings, as in Backoff(first_seconds=2, factor=3)")
            for name in given:
                if name not in cls.__dataclass_fields__:
                    known = ", ".join(cls.__dataclass_fields__)
                    raise InvalidOption(f"Backoff: there is no setting {name!r}; the settings are {known}")
            return super().__new__(cls)

    def __init__(
        self,
        *,
        first_seconds: float | timedelta = 2.0,
        factor: float = 3.0,
        max_seconds: float | timedelta = 3600.0,
        jitter: float = 0.2,
    ) -> None:
        given = {"first_seconds": first_seconds, "factor": factor, "max_seconds": max_seconds, "jitter": jitter}
        for name, value in given.items():
            object.__setattr__(self, name, value.total_seconds() if isinstance(value, timedelta) else value)


@dataclass(frozen=True, init=False)
class QuickRetry:
    """Tries again at once, inside the same attempt: for errors that pass in a moment.

    The pause before the second retry is a random part (full jitter) of ``base_seconds``, before the third of twice as
    much, and so on. The job's timeout is for all tries together.

    Attributes:
        times: how often it is tried again, at least 1.
        first_seconds: the pause before the first retry is a random part of it; 0: at once. In seconds or as a
            timedelta, like the next two.
        base_seconds: see above.
        max_seconds: no pause is longer.
        never: errors that would only occur again.

    Raises:
        InvalidOption: a setting is out of range.
    """

    times: int = 3
    first_seconds: float = 0.0
    base_seconds: float = 0.1
    max_seconds: float = 60.0
    never: tuple[type[Exception], ...] = (ValueError, TypeError)

    def __init__(
        self,
        *,
        times: int = 3,
        first_seconds: float | timedelta = 0.0,
        base_seconds: float | timedelta = 0.1,
        max_seconds: float | timedelta = 60.0,
        never: tuple[type[Exception], ...] = (ValueError, TypeError),
    ) -> None:
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= 1000:
            raise InvalidOption(f"QuickRetry: times={times!r} must be a whole number between 1 and 1000")
        if not isinstance(never, tuple) or not all(_is_error(kind) for kind in never):
            raise InvalidOption(f"QuickRetry: never={never!r} must be a tuple of classes of errors")
        given = {"first_seconds": first_seconds, "base_seconds": base_seconds, "max_seconds": max_seconds}
        for name, value in given.items():
            seconds = value.total_seconds() if isinstance(value, timedelta) else value
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
                raise InvalidOption(f"QuickRetry: {name}={value!r} must be a number of seconds >= 0, or a timedelta")
            object.__setattr__(self, name, float(seconds))
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "never", never)

    def pause(self, retry: int) -> float:
        """Seconds to wait before a retry, counted from 1."""
        longest = self.first_seconds if retry == 1 else self.base_seconds * 2.0 ** min(retry - 2, 64)
        return random.uniform(0.0, min(longest, self.max_seconds))


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Exception)
