"""The schedules page and its API: what recurs, when, how it went; pause, resume, run now, remove; the tester."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs, Schedule
from dbjobs.admin.agenda import times_of, times_today
from tests.admin.calling import api_of
from tests.admin.serving import served

AWKWARD = "nightly/of träge.x?#%<b>"


async def test_tasks_are_listed_with_their_runs_and_acted_on(jobs: Jobs) -> None:
    @jobs.recurring(Schedule.cron("30 2 * * *", tz="Europe/Paris"), name=AWKWARD, request=0)
    @jobs.command(retry_limit=0)
    async def divide(by: int) -> float:
        return 1 / by

    async with jobs.start(), api_of(jobs) as api:
        await jobs.schedules.put("hourly", Schedule.every(3600), divide, 1)
        for name in (AWKWARD, "hourly", "hourly"):
            done = (await api.post("/schedules/run", json={"task": name})).json()
            await jobs.wait(int(done["message"].split()[-1]), timeout=20)
        (hourly, nightly) = sorted((await api.get("/schedules")).json()["tasks"], key=lambda task: task["name"])
        assert (hourly["words"], hourly["declared"], hourly["zone"]) == ("Every 1 h", False, None)
        assert [run["state"] for run in hourly["runs"]] == ["completed", "completed"]
        assert (nightly["name"], nightly["zone"], nightly["status"]) == (AWKWARD, "Europe/Paris", "active")
        assert nightly["words"] == "At 02:30 every day (Europe/Paris)"
        assert (nightly["last_state"], nightly["nodes"], nightly["runs"][0]["asked"]) == ("failed", 1, True)
        assert nightly["last_duration_ms"] is not None
        assert nightly["last_job_text"] == str(nightly["last_job"])
        assert (await api.post("/schedules/pause", json={"task": AWKWARD})).json()["message"].endswith("is paused")
        detail = (await api.get("/schedules/task", params={"task": AWKWARD})).json()
        assert (detail["task"]["status"], detail["failures"], detail["request"]) == ("paused", 1, 0)
        assert len(detail["next"]) == 10
        assert all("02:30:00" in one["local"] or "03:00:00" in one["local"] for one in detail["next"])
        await api.post("/schedules/resume", json={"task": AWKWARD})
        day = (await api.get("/schedules/day")).json()
        assert {strip["task"]: len(strip["times"]) for strip in day["strips"]} == {AWKWARD: 1, "hourly": 24}
        refused = await api.post("/schedules/remove", json={"task": AWKWARD})
        assert (refused.status_code, "declared in code" in refused.json()["message"]) == (422, True)
        assert (await api.post("/schedules/remove", json={"task": "hourly"})).status_code == 200
        for path in ("pause", "resume", "run", "remove"):
            assert (await api.post(f"/schedules/{path}", json={"task": "hourly"})).status_code == 404
        assert (await api.get("/schedules/task", params={"task": "none"})).status_code == 404


@pytest.mark.once
async def test_who_may_view_changes_no_schedule(jobs: Jobs) -> None:
    async with jobs, api_of(jobs, verbs=["view"]) as api:
        for path in ("pause", "resume", "run", "remove"):
            assert (await api.post(f"/schedules/{path}", json={"task": "a"})).status_code == 403
        assert (await api.get("/schedules")).status_code == 200


@pytest.mark.once
async def test_an_expression_of_any_size_is_answered_soon(jobs: Jobs) -> None:
    async with jobs, api_of(jobs) as api:
        good = (await api.get("/schedules/try", params={"expression": "0 9 * * 1-5", "zone": "Europe/Paris"})).json()
        assert good["words"] == "At 09:00 on Monday through Friday (Europe/Paris)"
        assert len(good["next"]) == 10
        rare = (await api.get("/schedules/try", params={"expression": "0 0 29 2 1"})).json()
        assert rare["next"], "a leap day"
        wrong = [
            "", "* * *", "61 * * * *", "0 0 30 2 *", "*" * 500, ",".join(["0-59"] * 90) + " * * * *",
            "0-99999999999 * * * *", "*/0 * * * *", "0 0 * * 1#99", "\N{SNOWMAN} * * * *", "0 0 31 2 *",
        ]  # fmt: skip
        began = time.monotonic()
        for expression in wrong:
            answer = await api.get("/schedules/try", params={"expression": expression})
            assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), expression
        zones = ["Mars/Olympus", "../../etc/passwd", "", "x" * 101]
        for zone in zones:
            answer = await api.get("/schedules/try", params={"expression": "0 9 * * *", "zone": zone})
            assert answer.status_code == 422, zone
        assert time.monotonic() - began < 10.0


@pytest.mark.once
def test_a_clock_change_stands_at_the_time_after_it() -> None:
    schedule = Schedule.cron("30 2 * * *", tz="Europe/Paris")
    spring, autumn = datetime(2031, 3, 28, 12, tzinfo=UTC), datetime(2031, 10, 24, 12, tzinfo=UTC)
    first = schedule.next_after(spring)
    times = times_of(schedule, first, None, spring)
    # On 30 March 2031 there is no half past two: the first instant after the gap is three o'clock.
    assert [time.local for time in times[:3]] == [
        "Sat 2031-03-29 02:30:00", "Sun 2031-03-30 03:00:00", "Mon 2031-03-31 02:30:00",
    ]  # fmt: skip
    assert [time.change for time in times[:3]] == [None, "clocks go forward by 1 h before it", None]
    later = times_of(schedule, schedule.next_after(autumn), None, autumn)
    # The night of the overlap has two half past two: it runs at the first, before the change.
    assert [time.change for time in later[:4]] == [None, None, "clocks go back by 1 h before it", None]
    assert len(times_of(schedule, first, first)) == 1, "it has an end"


@pytest.mark.once
def test_a_day_holds_the_times_of_24_hours() -> None:
    start = datetime(2031, 5, 1, 10, tzinfo=UTC)
    times, often = times_today(Schedule.every(6 * 3600), start + timedelta(hours=45), start, None)
    assert ([time.hour for time in times], often) == ([13, 19, 1, 7], False)
    assert times_today(Schedule.every(1), start, start, None) == ((), True)
    assert times_today(Schedule.cron("*/5 * * * *"), start, start, None) == ((), True)
    (only,), often = times_today(Schedule.cron("0 12 * * *"), start, start, start + timedelta(days=9))
    assert (only, often) == (start + timedelta(hours=2), False)


@pytest.mark.about_us
async def test_a_task_is_paused_and_run_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    @jobs.recurring(Schedule.cron("30 2 * * *", tz="Europe/Paris"), name=AWKWARD)
    @jobs.command
    async def report() -> None:
        pass

    page = browser_page
    async with jobs.start(), served(Starlette(routes=[Mount("/jobs", jobs.admin())])) as base:
        await page.goto(f"{base}/jobs/schedules")
        await page.get_by_role("button", name=f"Pause {AWKWARD}").click()
        await expect(page.get_by_role("status").filter(has_text="is paused")).to_be_visible()
        (task,) = await jobs.schedules.list()
        assert task.paused
        await page.get_by_role("link", name=AWKWARD).first.click()
        await expect(page.get_by_role("heading", name=AWKWARD)).to_be_visible()
        await page.get_by_role("button", name=f"Run {AWKWARD} now").click()
        await expect(page.get_by_role("status").filter(has_text="runs as job")).to_be_visible()
        await expect(page.get_by_role("row").filter(has_text="run now")).to_contain_text("completed")
        await page.get_by_role("link", name="Schedules").last.click()
        await page.get_by_label("Cron expression").fill("61 * * * *")
        await page.get_by_role("button", name="Try").click()
        await expect(page.get_by_role("alert")).to_contain_text("61")
        await page.get_by_label("Cron expression").fill("0 9 * * 1-5")
        await page.get_by_role("button", name="Try").click()
        await expect(page.get_by_text("At 09:00 on Monday through Friday")).to_be_visible()
