"""Every duration of the public API is a number of seconds or a timedelta, and anything else is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dbjobs import Backoff, InvalidOption, Jobs, RetryAfter
from dbjobs.commands import options
from dbjobs.commands.registry import base_row
from dbjobs.engine.settings import make_settings

BASE = base_row(retry_limit=2, timeout_seconds=600.0)


def option(name: str, column: str) -> Callable[[Any], Any]:
    return lambda value: getattr(options.apply(BASE, {name: value}, where="here")[0], column)


def setting(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(make_settings(**{name: value}), name)


def policy(name: str) -> Callable[[Any], Any]:
    def given(value: Any) -> Any:
        backoff = Backoff(**{name: value})
        options.apply(BASE, {"retry": backoff}, where="here")
        return getattr(backoff, name)

    return given


DURATIONS: dict[str, Callable[[Any], Any]] = {
    "timeout": option("timeout", "timeout_seconds"),
    "run_after": option("run_after", "delay_seconds"),
    "expires_after": option("expires_after", "expires_seconds"),
    "Jobs: option timeout": lambda value: Jobs("sqlite:///never.db", timeout=value)._registry._base.timeout_seconds,
    "start: lease_seconds": setting("lease_seconds"),
    "start: grace_seconds": setting("grace_seconds"),
    "start: stall_seconds": setting("stall_seconds"),
    "start: unresponsive_seconds": setting("unresponsive_seconds"),
    "first_seconds": policy("first_seconds"),
    "max_seconds": policy("max_seconds"),
    "RetryAfter: seconds": lambda value: RetryAfter(value).seconds,
    "wait: timeout": lambda value: options.duration(value, "wait: timeout"),
}


@pytest.mark.parametrize("name", DURATIONS)
def test_a_duration_is_seconds_or_a_timedelta(name: str) -> None:
    given = DURATIONS[name]
    assert given(90) == given(90.0) == given(timedelta(minutes=1, seconds=30)) == 90.0
    assert given(1.5) == given(timedelta(seconds=1.5)) == 1.5


@pytest.mark.parametrize("name", DURATIONS)
@pytest.mark.parametrize("value", ["5", True, [5]], ids=repr)
def test_anything_else_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=name):
        DURATIONS[name](value)


# A handler's RetryAfter is not refused for its number: the engine takes the nearest delay that there is.
@pytest.mark.parametrize("name", [name for name in DURATIONS if name != "RetryAfter: seconds"])
@pytest.mark.parametrize("value", [-1, float("nan"), timedelta(-1), timedelta.max], ids=str)
def test_what_is_no_time_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=name):
        DURATIONS[name](value)


@pytest.mark.parametrize("value", ["5", True, -1])
async def test_a_wait_checks_its_limit(value: Any) -> None:
    with pytest.raises(InvalidOption, match="wait: timeout"):
        await Jobs("sqlite:///never.db").wait(1, timeout=value)
