"""Debian's rule on the days on which clocks change: fixed local times, and those that follow real time."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from dbjobs import Schedule

# Each case: zone, schedule, from when on, and what a wall clock shows (with its offset) at the next times.
PARIS, NEW_YORK, LORD_HOWE, SAO_PAULO = "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"
CASES = [
    # Europe/Paris: 2026-03-29 02:00 -> 03:00, 2026-10-25 03:00 -> 02:00
    (PARIS, "30 2 * * *", "2026-03-28T12:00", ["29 03:00+02:00", "30 02:30+02:00"], "fixed, gap: right after it"),
    (PARIS, "30 2 * * *", "2026-10-24T12:00", ["25 02:30+02:00", "26 02:30+01:00"], "fixed, overlap: once, the first"),
    (PARIS, "0 30 2 * * *", "2026-10-24T12:00", ["25 02:30+02:00", "26 02:30+01:00"], "fixed with seconds, overlap"),
    (PARIS, "0 30 2 * * *", "2026-03-28T12:00", ["29 03:00+02:00", "30 02:30+02:00"], "fixed with seconds, gap"),
    (PARIS, "0 2,3 * * *", "2026-03-28T12:00", ["29 03:00+02:00", "30 02:00+02:00"], "two fixed times, one instant"),
    (PARIS, "0 * * * *", "2026-03-29T00:30", ["29 01:00+01:00", "29 03:00+02:00", "29 04:00+02:00"], "hourly, gap"),
    (
        PARIS,
        "0 * * * *",
        "2026-10-25T00:30",
        ["25 01:00+02:00", "25 02:00+02:00", "25 02:00+01:00", "25 03:00+01:00"],
        "hourly, overlap: real time",
    ),
    (PARIS, "*/30 * * * *", "2026-03-29T01:10", ["29 01:30+01:00", "29 03:00+02:00", "29 03:30+02:00"], "*/30, gap"),
    (
        PARIS,
        "*/30 * * * *",
        "2026-10-25T02:10",
        ["25 02:30+02:00", "25 02:00+01:00", "25 02:30+01:00", "25 03:00+01:00"],
        "*/30, overlap: real time",
    ),
    (PARIS, 5400, "2026-03-29T00:30", ["29 03:00+02:00", "29 04:30+02:00"], "every 90 minutes, gap"),
    (PARIS, 5400, "2026-10-25T01:00", ["25 02:30+02:00", "25 03:00+01:00"], "every 90 minutes, overlap"),
    # America/New_York: 2026-03-08 02:00 -> 03:00, 2026-11-01 02:00 -> 01:00
    (NEW_YORK, "30 2 * * *", "2026-03-07T12:00", ["08 03:00-04:00", "09 02:30-04:00"], "fixed, gap"),
    (NEW_YORK, "30 1 * * *", "2026-10-31T12:00", ["01 01:30-04:00", "02 01:30-05:00"], "fixed, overlap"),
    (NEW_YORK, "0 9 * * 1-5", "2026-03-06T12:00", ["09 09:00-04:00", "10 09:00-04:00"], "working days keep 9 o'clock"),
    (
        NEW_YORK,
        "15 * * * *",
        "2026-11-01T00:30",
        ["01 01:15-04:00", "01 01:15-05:00", "01 02:15-05:00"],
        "hourly, overlap",
    ),
    (NEW_YORK, 5400, "2026-11-01T00:00", ["01 01:30-04:00", "01 02:00-05:00"], "every 90 minutes, overlap"),
    # Australia/Lord_Howe changes by half an hour: 2026-04-05 02:00 -> 01:30, 2026-10-04 02:00 -> 02:30
    (LORD_HOWE, "45 1 * * *", "2026-04-04T12:00", ["05 01:45+11:00", "06 01:45+10:30"], "fixed, half-hour overlap"),
    (LORD_HOWE, "15 2 * * *", "2026-10-03T12:00", ["04 02:30+11:00", "05 02:15+11:00"], "fixed, half-hour gap"),
    (
        LORD_HOWE,
        "*/30 * * * *",
        "2026-04-05T01:10",
        ["05 01:30+11:00", "05 01:30+10:30", "05 02:00+10:30"],
        "*/30, half-hour overlap",
    ),
    (LORD_HOWE, "0 */2 * * *", "2026-04-04T23:00", ["05 00:00+11:00", "05 02:00+10:30"], "even hours, overlap"),
    # America/Sao_Paulo: 2018-11-04 00:00 -> 01:00, 2019-02-17 00:00 -> 23:00 the day before
    (SAO_PAULO, "0 0 * * *", "2018-11-03T12:00", ["04 01:00-02:00", "05 00:00-02:00"], "midnight does not exist"),
    (SAO_PAULO, "30 23 * * *", "2019-02-16T12:00", ["16 23:30-02:00", "17 23:30-03:00"], "fixed, overlap at midnight"),
    (
        SAO_PAULO,
        "0 * * * *",
        "2018-11-03T22:30",
        ["03 23:00-03:00", "04 01:00-02:00", "04 02:00-02:00"],
        "hourly, gap at midnight",
    ),
    (
        SAO_PAULO,
        "*/30 * * * *",
        "2019-02-16T22:50",
        ["16 23:00-02:00", "16 23:30-02:00", "16 23:00-03:00", "16 23:30-03:00", "17 00:00-03:00"],
        "*/30, overlap at midnight",
    ),
]


@pytest.mark.parametrize(
    ("zone", "when", "start", "shown"), [case[:4] for case in CASES], ids=[f"{case[0]}: {case[4]}" for case in CASES]
)
def test_clock_changes(zone: str, when: str | int, start: str, shown: list[str]) -> None:
    local = ZoneInfo(zone)
    schedule = Schedule.every(when) if isinstance(when, int) else Schedule.cron(when, tz=zone)
    times = islice(schedule.times_after(datetime.fromisoformat(start).replace(tzinfo=local)), len(shown))
    assert [time.astimezone(local).isoformat(" ", "minutes")[8:] for time in times] == shown
