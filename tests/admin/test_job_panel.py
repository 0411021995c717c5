"""What the panel is made of: waterfall, graph, cells, and what an API job shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dbjobs import Jobs, JobState
from dbjobs.admin import waterfall
from dbjobs.admin.api.job_editing import difference
from dbjobs.admin.api.job_export import cell as exported
from dbjobs.admin.api.job_family import Family, Relative
from dbjobs.admin.api.job_finding import sort
from dbjobs.admin.api.job_looking import Attempt, JobView, Line
from dbjobs.admin.api.job_rows import JobRow, kind_of
from dbjobs.admin.pages.job_cells import Links, row
from dbjobs.admin.panel import NAMED, steps_of
from dbjobs.models import JobSummary
from tests.admin.test_jobs_api import calling, got

pytestmark = pytest.mark.once
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def viewed(**values: Any) -> JobView:
    everything: dict[str, Any] = dict.fromkeys(JobView.__struct_fields__)
    everything |= {"id": 1, "created_at": NOON, "errors": [], "attempt": 0, "state": JobState.QUEUED, "depends_on": []}
    return JobView(**{**everything, **values})


def failure(attempt: int, seconds: float) -> Attempt:
    return Attempt(
        attempt=attempt, at=at(seconds), node_id=1, code="ValueError", message="no", traceback=None, status=None,
        body=None, fields={},
    )  # fmt: skip


def line(attempt: int, seconds: float) -> Line:
    return Line(id=1, id_text="1", attempt=attempt, at=at(seconds), level="info", message="")


def told(bars: list[waterfall.Bar]) -> list[tuple[str, float, float, bool]]:
    return [
        (bar.kind, (bar.starts - NOON).total_seconds(), (bar.ends - NOON).total_seconds(), bar.sure) for bar in bars
    ]


def test_the_waterfall_of_a_job_that_was_tried_again_and_had_a_callback() -> None:
    job = viewed(
        state=JobState.COMPLETED, worker="smtp", attempt=3, errors=[failure(1, 12), failure(2, 30)],
        started_at=at(50), duration_ms=5_000, completed_at=at(60), callback="report",
    )  # fmt: skip
    bars = waterfall.bars(job, [line(1, 10), line(3, 51)])
    assert told(bars) == [
        ("lane", 0, 10, True),
        ("failed", 10, 12, False),
        ("failed", 12, 30, False),
        ("backoff", 30, 50, True),
        ("attempt", 50, 55, True),
        ("callback", 55, 60, True),
    ]
    assert [(bar.x, bar.width) for bar in bars[-2:]] == [(533.3, 53.3), (586.7, 53.3)]


def test_the_waterfall_of_jobs_that_have_not_ended() -> None:
    assert told(waterfall.bars(viewed(run_after=at(5)), [], at(8))) == [
        ("scheduled", 0, 5, True), ("wait", 5, 8, True)]  # fmt: skip
    running = viewed(state=JobState.STARTED, attempt=1, started_at=at(2))
    assert told(waterfall.bars(running, [], at(8))) == [("wait", 0, 2, True), ("attempt", 2, 8, True)]
    failed = viewed(
        state=JobState.FAILED,
        attempt=1,
        started_at=at(2),
        completed_at=at(4),
        errors=[failure(1, 4)],
        duration_ms=2_000,
    )
    assert told(waterfall.bars(failed, [])) == [("wait", 0, 2, True), ("failed", 2, 4, True)]
    again = viewed(state=JobState.SCHEDULED, attempt=1, errors=[failure(1, 4)], run_after=at(20), started_at=at(2))
    assert told(waterfall.bars(again, [], at(8))) == [
        ("wait", 0, 2, True),
        ("failed", 2, 4, True),
        ("backoff", 4, 8, True),
    ]
    assert len(waterfall.bars(viewed(attempt=99, errors=[failure(n, n) for n in range(99)]), [])) == 40


def test_a_graph_of_a_thousand_jobs_is_told_in_a_few_groups() -> None:
    def one(id: int, command: str, state: JobState, step: int) -> Relative:
        return Relative(id=id, id_text=str(id), command=command, state=state, step=step)

    above = [one(n, "load", JobState.FAILED if n == 700 else JobState.COMPLETED, -1) for n in range(1, 901)]
    below = [one(n, f"report_{n % 3}", JobState.WAITING, 1) for n in range(1000, 1100)]
    family = Family(id=950, id_text="950", enqueued_by=None, children=[], graph=[*above, *below], cut=False, batch=None)
    (before, first), (after, second) = steps_of(family)
    assert (before, after) == (-1, 1)
    assert [(group.command, group.count, group.states) for group in first] == [
        ("load", 900, {"completed": 899, "failed": 1})]  # fmt: skip
    assert (len(first[0].named), first[0].named[0].id) == (NAMED, 700)
    assert [group.count for group in second] == [34, 33, 33]


def summary(id: int, **values: Any) -> JobSummary:
    everything: dict[str, Any] = dict.fromkeys(JobSummary.__struct_fields__)
    everything |= {"id": id, "state": JobState.QUEUED, "command": "a", "queue": "default", "priority": 0, "attempt": 0}
    return JobSummary(**{**everything, "created_at": at(id), **values})


def test_jobs_without_a_value_stand_last_in_any_order() -> None:
    jobs = [summary(1, duration_ms=5.0), summary(2), summary(3, duration_ms=9.0), summary(4, duration_ms=5.0)]
    assert [job.id for job in sort(jobs, [("run", True), ("id", True)])] == [3, 4, 1, 2]
    assert [job.id for job in sort(jobs, [("run", False), ("id", False)])] == [1, 4, 3, 2]


def test_a_row_shows_whatever_stands_in_a_job_as_text() -> None:
    evil = "\"><script>alert('x')</script>"
    names = ("command", "queue", "worker", "tag", "batch_id", "ref_id", "user_id", "status", "error", "error_code")
    columns = ("command", "queue", "worker", "tag", "batch", "ref", "user", "note")
    values: dict[str, Any] = dict.fromkeys(JobRow.__struct_fields__) | dict.fromkeys(names, evil)
    values |= {"id": 7, "id_text": "7", "kind": "api", "state": JobState.FAILED, "created_at": NOON, "attempt": 1}
    html = row(
        JobRow(**values),
        [(name, False) for name in columns],
        Links("?q=%22&job=", lambda q: f"?{q}"),
        pick=True,
        here=True,
    )
    reader = Tags()
    reader.feed(html)
    assert reader.tags == {"tr", "td", "th", "input", "span", "details", "summary", "a"}
    assert reader.attributes <= {
        "id", "class", "type", "name", "value", "aria-label", "title", "href", "data-keep", "data-job",
        "scope",
    }  # fmt: skip
    assert html.count("&lt;script&gt;") == 12


class Tags(HTMLParser):
    """The names of the tags and attributes of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_a_difference_leaves_out_what_is_far_from_it() -> None:
    before = {f"k{n}": n for n in range(40)}
    lines = difference(before, {**before, "k5": "x", "k35": "y"})
    assert [line.text for line in lines if line.kind == "added"] == ['  "k5": "x",', '  "k35": "y",']
    assert sum(line.kind == "skipped" for line in lines) == 1
    assert len(lines) < 20
    assert difference(before, dict(before)) == []


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "\uff1d1+1"])
def test_what_a_spreadsheet_would_run_is_a_text(text: str) -> None:
    assert exported(text) == f"'{text}"
    assert exported(-1) == -1


def test_a_call_of_the_api_is_known_by_its_route() -> None:
    assert kind_of("POST /orders/{id}") == "api"
    assert kind_of("POST office") == kind_of("send_mail") == "command"
    assert kind_of("CreateOrder", "api") == "api"


async def test_an_api_job_shows_the_errors_of_its_fields(jobs: Jobs) -> None:
    async def refuse(request: Request) -> JSONResponse:
        fields = [{"loc": ["body", "email"], "msg": "is <b>no</b> address", "type": "value"}]
        return JSONResponse({"detail": fields}, 422)

    jobs.mount_api(Starlette(routes=[Route("/users", refuse, methods=["POST"])]))
    async with jobs.start(), calling(jobs) as client:
        ref = await jobs.enqueue_api("POST", "/users", json={"email": "x"})
        await jobs.wait(ref, timeout=30)
        view = await got(client, "/job", id=ref.id)
        assert (view["kind"], view["errors"][0]["status"]) == ("api", 422)
        assert view["errors"][0]["fields"] == {"body.email": "is <b>no</b> address"}
        page = (await client.get(f"/job?id={ref.id}")).text
        assert "<td>is &lt;b&gt;no&lt;/b&gt; address</td>" in page
        assert "Edit and run again" not in page
        refused = await client.post("/api/job/edit", json={"id": ref.id})
        assert (refused.status_code, "calls the application's API" in refused.text) == (422, True)
