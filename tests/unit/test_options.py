"""From options to a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from dbjobs import Backoff, InvalidOption, JobRef, RetryAfter
from dbjobs.commands import options
from dbjobs.commands.registry import base_row

BASE = base_row(retry_limit=2, timeout_seconds=600.0)


def test_no_option_changes_nothing() -> None:
    assert options.apply(BASE, {}, where="here") == (BASE, ())


@pytest.mark.parametrize(
    ("option", "value", "column", "stored"),
    [
        ("timeout", timedelta(minutes=1), "timeout_seconds", 60.0),
        ("timeout", 0, "timeout_seconds", 0.0),
        ("run_after", timedelta(hours=1), "delay_seconds", 3600.0),
        ("run_after", 1.5, "delay_seconds", 1.5),
        ("run_after", datetime(2030, 1, 1, tzinfo=UTC), "run_after", datetime(2030, 1, 1, tzinfo=UTC)),
        ("run_after", None, "delay_seconds", None),
        ("expires_after", timedelta(days=1), "expires_seconds", 86400.0),
        ("retry", Backoff(), "retry", '{"first_seconds":2.0,"factor":3.0,"max_seconds":3600.0,"jitter":0.2}'),
        ("args", {"a": "b"}, "args", '{"a":"b"}'),
        ("args", {}, "args", None),
        ("meta", {"a": [1, None]}, "meta", '{"a":[1,null]}'),
        ("tag", None, "tag", None),
        ("tag", "x" * 255, "tag", "x" * 255),
        ("priority", -(2**31), "priority", -(2**31)),
    ],
)
def test_a_value_becomes_its_column(option: str, value: Any, column: str, stored: Any) -> None:
    row, _ = options.apply(BASE, {option: value}, where="here")
    assert getattr(row, column) == stored


@pytest.mark.parametrize(
    ("value", "parents"),
    [
        (JobRef(7), (7,)),
        (7, (7,)),
        ("ref", ("ref",)),
        ([JobRef(7), 7, "ref", 8, "ref"], (7, "ref", 8)),
        ((), ()),
        (None, ()),
    ],
)
def test_parents_are_named_in_any_way_and_once(value: Any, parents: tuple[Any, ...]) -> None:
    row, found = options.apply(BASE, {"depends_on": value}, where="here")
    assert found == parents
    assert (row.depends_on is not None) == bool(parents)


def test_an_error_names_the_call_the_option_and_the_value() -> None:
    with pytest.raises(InvalidOption, match=r"enqueue of 'x': option priority='high': must be a whole number"):
        options.apply(BASE, {"priority": "high"}, where="enqueue of 'x'")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_json_cannot_say_is_refused_and_not_stored_as_null(number: float) -> None:
    with pytest.raises(InvalidOption, match=r"here: option meta=.*: cannot be serialised: .* is not a JSON number"):
        options.apply(BASE, {"meta": {"a": [None, {"b": number}]}}, where="here")


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_a_moment_that_is_none_in_utc_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidOption, match=r"here: option run_after=.*: leads out of the calendar"):
        options.apply(BASE, {"run_after": moment}, where="here")
    with pytest.raises(InvalidOption, match=r"here: at=.* leads out of the calendar"):
        options.aware(moment, "here: at")


def test_a_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(InvalidOption) as caught:
        options.apply(BASE, {"tag": "x" * 10_000}, where="here")
    assert len(str(caught.value)) < 250


def test_an_unknown_option_without_a_near_name_lists_them() -> None:
    with pytest.raises(InvalidOption, match="the options are args, batch_id"):
        options.check_names({"zzz": 1}, where="here")


@pytest.mark.parametrize("name", ["ref_id", "depends_on", "parent_id", "batch_id"])
def test_what_belongs_to_one_job_is_no_default(name: str) -> None:
    with pytest.raises(InvalidOption, match=name):
        options.check_names({name: None}, where="here", job_only=False)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("eta", "run_after"), ("countdown", "run_after"), ("delay", "run_after"), ("retries", "retry_limit")],
)
def test_another_library_s_word_is_told_as_ours(theirs: str, ours: str) -> None:
    with pytest.raises(InvalidOption, match=f"unknown option '{theirs}'; did you mean '{ours}'"):
        options.apply(BASE, {theirs: 1}, where="here")


def test_a_backoff_takes_timedeltas_and_names_its_settings() -> None:
    assert Backoff(first_seconds=timedelta(minutes=1), max_seconds=timedelta(hours=2)) == Backoff(
        first_seconds=60.0, max_seconds=7200.0
    )
    with pytest.raises(InvalidOption, match="there is no setting 'initial'; the settings are first_seconds, factor"):
        Backoff(initial=5)  # type: ignore[call-arg]


def test_retry_after_takes_a_timedelta() -> None:
    assert RetryAfter(timedelta(minutes=2)).seconds == 120.0
