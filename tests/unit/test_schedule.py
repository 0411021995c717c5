"""Intervals and cron expressions: what they mean, what is refused, and what holds for all of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dbjobs import InvalidOption, Schedule
from dbjobs.schedule import cron, due_runs
from dbjobs.schedule.due import MOST_CAUGHT_UP, MOST_COUNTED

SECOND = timedelta(seconds=1)
START = datetime(2026, 1, 15, 10, 0, 30, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("0 9 * * 1-5", ["2026-01-16 09:00:00", "2026-01-19 09:00:00"]),
        ("0 0 L * *", ["2026-01-31 00:00:00", "2026-02-28 00:00:00"]),
        ("0 0 LW * *", ["2026-01-30 00:00:00", "2026-02-27 00:00:00"]),
        ("0 0 * * 5#2", ["2026-02-13 00:00:00", "2026-03-13 00:00:00"]),
        ("0 0 * * 5L", ["2026-01-30 00:00:00", "2026-02-27 00:00:00"]),
        ("*/15 * * * * *", ["2026-01-15 10:00:45", "2026-01-15 10:01:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
        ("0 12 * JAN MON", ["2026-01-19 12:00:00", "2026-01-26 12:00:00"]),
        ("@weekly", ["2026-01-18 00:00:00", "2026-01-25 00:00:00"]),
    ],
)
def test_expressions(expression: str, shown: list[str]) -> None:
    times = islice(Schedule.cron(expression).times_after(START), 2)
    assert [f"{time:%Y-%m-%d %H:%M:%S}" for time in times] == shown


@pytest.mark.parametrize(
    ("schedule", "shown"),
    [
        (Schedule.every_minute, "2026-01-15 10:01"),
        (Schedule.hourly, "2026-01-15 11:00"),
        (Schedule.daily, "2026-01-16 00:00"),
        (Schedule.weekly, "2026-01-18 00:00"),
        (Schedule.monthly, "2026-02-01 00:00"),
        (Schedule.yearly, "2027-01-01 00:00"),
        (Schedule.every(90), "2026-01-15 10:02"),
        (Schedule.every(timedelta(days=1)), "2026-01-16 10:00"),
    ],
    ids=str,
)
def test_constants_and_intervals(schedule: Schedule, shown: str) -> None:
    following = schedule.next_after(START)
    assert following is not None
    assert f"{following:%Y-%m-%d %H:%M}" == shown


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * *", "has 3 fields"),
        ("61 * * * *", "Bad minute"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0-999999999 * * * *", "'0-999999999' is not understood"),
        ("*/99999999 * * * *", "is not understood"),
        (",".join(["1"] * 99) + " * * * *", "characters"),
        (",".join(["1"] * 61) + " * * * *", "is not understood"),
        ("0 0 * * MON$", "is not understood"),
        ("@sometimes", "has 1 fields"),
        ("", "has 1 fields"),
    ],
)
def test_an_expression_that_is_wrong_is_refused_before_it_is_expanded(expression: str, said: str) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidOption, match=said):
        Schedule.cron(expression)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", "Europe", "", "europe/paris "])
def test_a_zone_that_does_not_exist_is_named(zone: str) -> None:
    with pytest.raises(InvalidOption, match=f"there is no time zone '{zone}'"):
        Schedule.cron("0 0 * * *", tz=zone)


def test_a_zone_may_be_an_object() -> None:
    assert Schedule.cron("0 0 * * *", tz=ZoneInfo("Europe/Paris")).tz == "Europe/Paris"  # type: ignore[arg-type]


@pytest.mark.parametrize("interval", [0, 0.5, -1, True, "60", timedelta(0), 1.00001, float("nan"), float("inf")])
def test_intervals_that_are_refused(interval: float) -> None:
    with pytest.raises(InvalidOption, match=r"Schedule\.every"):
        Schedule.every(interval)


def test_an_interval_does_not_drift() -> None:
    late = START + timedelta(seconds=7.25)
    assert Schedule.every(5).next_after(late, START) == START + timedelta(seconds=10)


def test_it_says_what_it_means() -> None:
    assert Schedule.cron("0 9 * * 1-5", tz="Europe/Paris").in_words() == (
        "At 09:00 on Monday through Friday (Europe/Paris)"
    )
    assert str(Schedule.every(90)) == "every 90 s"


# --- what holds for every expression ----------------------------------------------------------------

ZONES = ["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca"]
minutes = st.sampled_from(["*", "*/30", "0", "30", "15,45", "0-59/20"])
hours = st.sampled_from(["*", "*/2", "0", "1", "2", "2,3", "1-3", "23"])
expressions = st.builds(
    lambda second, minute, hour, day, dow: f"{second}{minute} {hour} {day} * {dow}",
    st.sampled_from(["", "", "0 ", "30 ", "*/20 "]),
    minutes,
    hours,
    st.sampled_from(["*", "*", "*", "L", "1-10"]),
    st.sampled_from(["*", "*", "0", "1-5"]),
)
# A zone and the instant at which its clocks change.
CHANGES = [
    ("Europe/Paris", "2026-03-29T01:00"),
    ("Europe/Paris", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("America/Sao_Paulo", "2018-11-04T03:00"),
    ("America/Sao_Paulo", "2019-02-17T02:00"),
]


def around(change: tuple[str, str], seconds: int) -> tuple[str, datetime]:
    return change[0], datetime.fromisoformat(change[1]).replace(tzinfo=UTC) + seconds * SECOND


def anywhere(zone: str, seconds: int) -> tuple[str, datetime]:
    return zone, datetime(2015, 1, 1, tzinfo=UTC) + seconds * SECOND


places = st.one_of(
    st.builds(around, st.sampled_from(CHANGES), st.integers(-4000, 4000)),
    st.builds(anywhere, st.sampled_from(ZONES), st.integers(0, 20 * 365 * 86400)),
)


@settings(max_examples=150, deadline=None)
@given(expressions, places)
@example("30 2 * * *", ("Europe/Paris", datetime(2026, 10, 25, 1, 10, tzinfo=UTC)))  # in the second of the two hours
def test_the_next_time_is_later_and_chunks_join(expression: str, place: tuple[str, datetime]) -> None:
    zone, start = place
    schedule = Schedule.cron(expression, tz=zone)
    times = list(islice(schedule.times_after(start), 30))
    assert all(one < other for one, other in zip([start, *times], times, strict=False))
    for at in (7, 19):
        # From between two times, from right at one, from right before one: the same times follow.
        middle = times[at] + (times[at + 1] - times[at]) / 2
        for anew in (middle, times[at], times[at + 1] - timedelta(microseconds=1)):
            assert list(islice(schedule.times_after(anew), 5)) == times[at + 1 : at + 6]


@settings(max_examples=100, deadline=None)
@given(expressions, places)
def test_real_time_is_what_a_clock_on_the_wall_shows(expression: str, place: tuple[str, datetime]) -> None:
    """An expression that follows real time names every instant at which a wall clock matches, and no other."""
    zone, start = place[0], place[1].replace(second=0, minute=0)
    expression = cron.checked(expression)
    seconds = expression.split(" ")[0] if expression.count(" ") == 5 else "0"
    if cron.is_fixed(expression) or seconds.startswith("*"):
        return
    day = timedelta(days=1)
    without_zone = Schedule.cron(expression).times_after(start - day)
    shown = set(takewhile(lambda time: time < start + 3 * day, without_zone))
    moments = (start + timedelta(minutes=minute, seconds=int(seconds)) for minute in range(1800))
    expected = [
        moment
        for moment in moments
        if moment > start and moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC) in shown
    ]
    found = takewhile(
        lambda time: time < start + timedelta(minutes=1800), Schedule.cron(expression, tz=zone).times_after(start)
    )
    assert list(found) == expected


# --- what is due ------------------------------------------------------------------------------------

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("schedule", [Schedule.every_minute, Schedule.every(60)], ids=str)
def test_what_was_missed(schedule: Schedule) -> None:
    now = NOON + 10 * MINUTE + timedelta(seconds=30)
    one = due_runs(schedule, NOON, now, misfire="one")
    assert (one.runs, one.missed, one.following) == ((NOON + 10 * MINUTE,), 10, NOON + 11 * MINUTE)
    everything = due_runs(schedule, NOON, now, misfire="all")
    assert everything.runs == tuple(NOON + MINUTE * n for n in range(11))
    assert (everything.missed, everything.following) == (0, NOON + 11 * MINUTE)
    nothing = due_runs(schedule, NOON, now, misfire="none")
    assert (nothing.runs, nothing.missed, nothing.following) == ((), 11, NOON + 11 * MINUTE)


def test_what_is_merely_late_is_made_once_for_each_time() -> None:
    second = Schedule.every(1)
    for misfire in ("one", "all", "none"):
        due = due_runs(second, NOON, NOON + timedelta(seconds=3.4), misfire=misfire)
        assert due.runs == tuple(NOON + timedelta(seconds=n) for n in range(4))
        assert (due.missed, due.following) == (0, NOON + timedelta(seconds=4))


def test_no_misfire_runs_what_is_recent() -> None:
    due = due_runs(Schedule.every(4), NOON, NOON + timedelta(seconds=60), misfire="none")
    assert due.runs == tuple(NOON + timedelta(seconds=n) for n in (52, 56, 60))
    assert due.missed == 13


@pytest.mark.parametrize("schedule", [Schedule.cron("* * * * * *", tz="Europe/Paris"), Schedule.every(1)], ids=str)
def test_a_year_of_seconds_is_not_walked_through(schedule: Schedule) -> None:
    now = NOON + timedelta(days=365)
    began = time.perf_counter()
    due = due_runs(schedule, NOON, now, misfire="all")
    assert time.perf_counter() - began < 2
    assert len(due.runs) == MOST_CAUGHT_UP
    assert due.runs[-1] == now
    assert due.missed >= MOST_COUNTED - MOST_CAUGHT_UP


def test_a_rare_time_is_found_however_far_back_it_is() -> None:
    now = datetime(2031, 7, 1, tzinfo=UTC)
    due = due_runs(Schedule.cron("0 0 29 2 *"), datetime(2020, 2, 29, tzinfo=UTC), now)
    assert due.runs == (datetime(2028, 2, 29, tzinfo=UTC),)
    assert due.missed == 2


def test_after_its_end_there_is_no_time() -> None:
    end = NOON + 2 * MINUTE
    due = due_runs(Schedule.every_minute, NOON, NOON + 5 * MINUTE, misfire="all", end=end)
    assert due.runs == (NOON, NOON + MINUTE, NOON + 2 * MINUTE)
    assert due.following is None


@settings(max_examples=100, deadline=None)
@given(expressions, places, st.integers(0, 3 * 86400))
def test_the_latest_missed_time_is_the_last_one_before_now(
    expression: str, place: tuple[str, datetime], seconds: int
) -> None:
    zone, start = place
    schedule = Schedule.cron(expression, tz=zone)
    nominal = schedule.next_after(start)
    assert nominal is not None
    now = nominal + timedelta(seconds=11 + seconds)
    due = due_runs(schedule, nominal, now)
    (latest,) = due.runs
    assert nominal <= latest <= now
    following = schedule.next_after(latest)
    assert following == due.following
    assert following is None or following > now
