"""Explore: off by default; forms made from the types of requests; check, run, enqueue; audited."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
import pytest
from playwright.async_api import Page, expect
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs, JobState
from dbjobs.admin.request_forms import BadFields, form_of, request_of
from dbjobs.store import repository
from tests.admin.calling import api_of
from tests.admin.serving import served


class Level(enum.Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Mail:
    to: str
    copies: int = 1
    urgent: bool = False
    kind: Literal["plain", "html"] = "plain"
    level: Level = Level.LOW
    headers: dict[str, str] = field(default_factory=dict)
    reply: str | None = None
    weight: float | None = None


class Order(BaseModel):
    number: int
    note: str = "none"


class Point(msgspec.Struct):
    x: Annotated[int, msgspec.Meta(ge=0, description="to the right")]
    y: int = 0


def application(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    async def send_mail(mail: Mail) -> dict[str, Any]:
        return {"to": mail.to, "copies": mail.copies, "level": mail.level.value, "reply": mail.reply}

    @jobs.command
    async def place(order: Order) -> Order:
        return order

    @jobs.command
    async def move(point: Point) -> int:
        if point.x == 13:
            raise ValueError("<b>unlucky</b>")
        return point.x

    @jobs.command
    async def add(numbers: list[int]) -> int:
        return sum(numbers)

    @jobs.command
    async def ping() -> str:
        return "pong"

    @jobs.command
    async def sleep(seconds: float = 60.0) -> None:
        await asyncio.sleep(seconds)

    @jobs.command
    async def secret() -> str:
        return "not to be explored"


NAMES = ["send_mail", "place", "move", "add", "ping", "sleep", "only elsewhere"]


async def test_commands_are_checked_run_and_enqueued(jobs: Jobs) -> None:
    application(jobs)
    async with jobs.start(), api_of(jobs, explore=NAMES) as api:

        async def explore(command: str, do: str = "run", request: Any = None, **more: Any) -> dict[str, Any]:
            text = None if request is None else msgspec.json.encode(request).decode()
            answer = await api.post("/explore", json={"command": command, "do": do, "request": text, **more})
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        listed = {one["command"]: one for one in (await api.get("/explore")).json()["commands"]}
        assert listed.keys() == {*NAMES} - {"only elsewhere"}
        assert [(one["name"], one["kind"]) for one in listed["send_mail"]["fields"]] == [
            ("to", "text"), ("copies", "number"), ("urgent", "checkbox"), ("kind", "select"), ("level", "select"),
            ("headers", "json"), ("reply", "text"), ("weight", "number"),
        ]  # fmt: skip
        ran = await explore("send_mail", request={"to": "a@b.c", "level": "high"})
        assert (ran["outcome"], ran["response"]) == (
            "completed", {"to": "a@b.c", "copies": 1, "level": "high", "reply": None},
        )  # fmt: skip
        assert ran["milliseconds"] >= 0
        assert (await explore("place", request={"number": 7}))["response"] == {"number": 7, "note": "none"}
        assert (await explore("ping"))["response"] == "pong"
        assert (await explore("add", request=[1, 2]))["response"] == 3
        checked = await explore("send_mail", "check", {"to": "a@b.c", "copies": "many"})
        assert (checked["outcome"], list(checked["errors"])) == ("invalid", ["copies"])
        assert list((await explore("place", "check", {"number": "x"}))["errors"]) == ["number"]
        assert list((await explore("move", "run", {"x": -1}))["errors"]) == ["x"]
        assert list((await explore("send_mail", "enqueue", {}))["errors"]) == ["to"]
        assert (await explore("move", "check", {"x": 1}))["outcome"] == "valid"
        failed = await explore("move", request={"x": 13})
        assert (failed["outcome"], failed["error"]) == ("failed", "ValueError: <b>unlucky</b>")
        assert "raise ValueError" in failed["trace"]
        assert (await explore("sleep", request=60, timeout=0.05))["outcome"] == "timeout"
        later = await explore("ping", "enqueue", after="2h")
        job = await jobs.get(int(later["job_text"]))
        assert job is not None
        assert (job.state, job.created_by) == (JobState.SCHEDULED, "token 1")
        assert job.run_after is not None
        assert timedelta(hours=1.9) < job.run_after - datetime.now(UTC) < timedelta(hours=2.1)
        assert list((await explore("ping", "enqueue", after="soon"))["errors"]) == ["after"]
        for after in ("0001-01-01T00:00+14:00", "9999-12-31T23:00-12:00", "999999999d"):
            asked = {"command": "ping", "do": "enqueue", "after": after}
            assert (await api.post("/explore", json=asked)).status_code == 422, after
        for name in ("secret", "only elsewhere", "dbjobs.bulk"):
            assert (await api.post("/explore", json={"command": name, "do": "run"})).status_code == 404
        entries = await repository.list_audit(jobs._client.db, 2**62, 100)
        assert (entries[0].target, entries[0].outcome) == ("", "failed")
        assert f"enqueue ping as job {job.id}" in {entry.target for entry in entries}
        assert "run send_mail" in {entry.target for entry in entries}


@pytest.mark.once
async def test_it_is_closed_unless_commands_and_the_verb_are_given(jobs: Jobs) -> None:
    application(jobs)
    async with jobs:
        async with api_of(jobs) as api:
            assert (await api.get("/explore")).json()["commands"] == []
            assert (await api.post("/explore", json={"command": "ping", "do": "run"})).status_code == 404
        async with api_of(jobs, verbs=["view", "act", "admin"], explore=NAMES) as api:
            assert (await api.get("/explore")).status_code == 403
            assert (await api.post("/explore", json={"command": "ping", "do": "check"})).status_code == 403


def test_what_is_filled_in_becomes_a_request(tmp_path: Any) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")
    application(jobs)
    form = form_of(jobs._registry.find("send_mail"))
    assert request_of(form, {"to": "a", "copies": "", "kind": '"html"', "headers": '{"x": "y"}', "weight": "1.5"}) == {
        "to": "a", "urgent": False, "kind": "html", "headers": {"x": "y"}, "weight": 1.5,
    }  # fmt: skip
    with pytest.raises(BadFields) as caught:
        request_of(form, {"to": "a", "copies": "1.5", "headers": "{", "weight": "heavy"})
    assert caught.value.errors == {
        "copies": "'1.5' is not a whole number", "headers": "this is not JSON", "weight": "'heavy' is not a number",
    }  # fmt: skip
    whole = form_of(jobs._registry.find("add"))
    assert (whole.single, whole.fields[0].kind) == (True, "json")
    assert request_of(whole, {"request": "[1]"}) == [1]
    with pytest.raises(BadFields, match="a value is needed"):
        request_of(whole, {})
    assert form_of(jobs._registry.find("ping")).fields == []
    (seconds,) = form_of(jobs._registry.find("sleep")).fields
    assert (seconds.default, seconds.required) == ("60.0", False)


@pytest.mark.once
async def test_a_command_is_explored_in_the_browser(jobs: Jobs, browser_page: Page) -> None:
    application(jobs)
    page = browser_page
    admin = jobs.admin(explore=NAMES)
    async with jobs.start(), served(Starlette(routes=[Mount("/jobs", admin)])) as base:
        await page.goto(f"{base}/jobs/explore")
        await page.get_by_role("link", name="move").click()
        await page.get_by_label("x").fill("-1")
        await page.get_by_role("button", name="Run now").click()
        await expect(page.get_by_text("Expected `int` >= 0")).to_be_visible()
        await page.get_by_label("x").fill("13")
        await page.get_by_role("button", name="Run now").click()
        await expect(page.get_by_text("ValueError: <b>unlucky</b>", exact=True)).to_be_visible()
        await page.get_by_label("x").fill("5")
        await page.get_by_role("button", name="Run now").click()
        await expect(page.get_by_role("heading", name="it has completed")).to_be_visible()
        await page.get_by_text("The same as Python").click()
        await expect(page.get_by_text("await jobs.enqueue('move', {'x': 5})")).to_be_visible()
        await page.get_by_role("button", name="Enqueue").click()
        await expect(page.get_by_role("heading", name="enqueued as job 1")).to_be_visible()
        assert (await jobs.wait(1, timeout=20)).response == 5
