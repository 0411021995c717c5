"""API jobs on every database: an application, or a handler found by its request's type, called as a job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbjobs import (
    ApiFailed,
    ApiResponse,
    Backoff,
    InvalidOption,
    InvalidRequest,
    JobContext,
    Jobs,
    JobState,
    QuickRetry,
    Schedule,
    current_user,
)
from dbjobs.engine import dispatcher
from dbjobs.testing import inline
from tests.conformance.helpers import eventually, soon, state_of

Handler = Callable[[Request], Awaitable[Response]]
NO_WAIT = Backoff(first_seconds=0, max_seconds=0)


def application(**handlers: Handler) -> Starlette:
    """Each handler under its name, for GET and POST; ``order`` under /orders/{id}."""
    return Starlette(
        routes=[
            Route("/orders/{id:int}" if name == "order" else f"/{name}", handler, methods=["GET", "POST"])
            for name, handler in handlers.items()
        ]
    )


async def order(request: Request) -> Response:
    body = await request.json()
    return JSONResponse({"id": request.path_params["id"], "body": body, "q": request.query_params.multi_items()})


async def test_a_request_goes_through_the_application_and_its_answer_is_the_response(jobs: Jobs) -> None:
    jobs.mount_api(application(order=order))
    content = {"text": "ä\u2028\\ \"'", "n": [1, 2.5, None]}
    async with jobs.start():
        ref = await jobs.enqueue_api("post", "/orders/7?a=1", json=content, query={"b": ["x y", True]}, tag="t")
        job = await jobs.wait(ref, timeout=20)
        by_function = await jobs.wait(await jobs.enqueue_api("GET", "/orders/8", json=1), timeout=20)
        with pytest.raises(InvalidOption, match=f"job {job.id} is an API job; .* use enqueue_api once more"):
            await jobs.replay(job.id)
    assert (job.state, job.request_type, job.command, job.tag) == ("completed", "api", "POST /orders/{id}", "t")
    assert isinstance(job.response, ApiResponse)
    assert job.response.status == 200
    assert job.response.json() == {"id": 7, "body": content, "q": [["a", "1"], ["b", "x y"], ["b", "true"]]}
    assert job.request["json"] == content
    assert by_function.command == "GET /orders/{id}"


async def test_a_refusal_fails_at_once_and_keeps_what_it_says_of_fields(jobs: Jobs) -> None:
    calls = 0

    async def refuse(request: Request) -> Response:
        nonlocal calls
        calls += 1
        fields = [{"loc": ["body", "email"], "msg": "is no address\0", "type": "value"}]
        return JSONResponse({"detail": fields}, 422)

    jobs.mount_api(application(refuse=refuse))
    async with jobs.start():
        job = await jobs.wait(await jobs.enqueue_api("POST", "/refuse", json={}), timeout=20)
    assert (str(job.state), job.error_code, calls) == ("failed", "http_422", 1)
    assert job.response is None
    assert job.error is not None
    assert "body.email: is no address" in job.error
    [error] = job.errors
    assert (error.code, error.status, error.traceback) == ("http_422", 422, None)
    assert error.fields == {"body.email": "is no address\\0"}
    assert error.body is not None
    assert '"loc":["body","email"]' in error.body


@pytest.mark.once
async def test_what_may_go_away_is_tried_again(jobs: Jobs) -> None:
    statuses = [408, 423, 425, 429, 500, 503, 204]

    async def flaky(request: Request) -> Response:
        return Response(status_code=statuses[int(request.headers["dbjobs-attempt"]) - 1])

    jobs.mount_api(application(flaky=flaky))
    async with jobs.start():
        job = await jobs.wait(await jobs.enqueue_api("GET", "/flaky", retry=NO_WAIT, retry_limit=9), timeout=30)
    assert (job.state, job.response.status, job.attempt) == ("completed", 204, 7)
    assert [error.code for error in job.errors] == [f"http_{status}" for status in statuses[:-1]]


async def test_retry_after_is_obeyed_in_seconds_and_as_a_date(jobs: Jobs) -> None:
    async def later(request: Request) -> Response:
        by_date = request.query_params.get("date")
        value = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True) if by_date else "3600"
        return Response(status_code=503, headers={"Retry-After": value})

    jobs.mount_api(application(later=later))
    async with jobs.start():
        refs = [await jobs.enqueue_api("GET", path, retry=NO_WAIT) for path in ("/later", "/later?date=1")]
        for ref, hours in zip(refs, (1, 2), strict=True):
            await eventually(lambda ref=ref: _is_scheduled(jobs, ref), "it waits for its next try")  # type: ignore[misc]
            job = await jobs.get(ref)
            assert job is not None
            assert job.run_after is not None
            delay = (job.run_after - job.created_at).total_seconds()
            assert hours * 3600 - 5 < delay < hours * 3600 + 120


async def _is_scheduled(jobs: Jobs, ref: Any) -> bool:
    return await state_of(jobs, ref) is JobState.SCHEDULED


@pytest.mark.once
async def test_an_error_that_leaves_the_application_is_a_failed_attempt_with_its_traceback(jobs: Jobs) -> None:
    async def fail(request: Request) -> Response:
        raise LookupError("the reason")

    jobs.mount_api(application(fail=fail))
    async with jobs.start():
        job = await jobs.wait(await jobs.enqueue_api("GET", "/fail", retry=NO_WAIT, retry_limit=1), timeout=20)
    assert (job.state, job.attempt, job.error_code) == ("failed", 2, "LookupError")
    assert job.errors[0].status == 500  # what Starlette had answered before it let the error go
    assert 'raise LookupError("the reason")' in (job.errors[0].traceback or "")


@pytest.mark.once
@pytest.mark.parametrize("ended_by", ["cancel", "timeout"])
async def test_an_end_from_outside_reaches_the_application_as_a_disconnect(jobs: Jobs, ended_by: str) -> None:
    ready, heard = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        ready.set()
        message = await receive()
        assert message == {"type": "http.disconnect"}
        heard.set()

    jobs.mount_api(app)
    async with jobs.start():
        more: Any = {"timeout": 0.3, "retry_limit": 0} if ended_by == "timeout" else {}
        ref = await jobs.enqueue_api("GET", "/", **more)
        await soon(ready, "the application is called")
        if ended_by == "cancel":
            await jobs.cancel(ref)
        job = await jobs.wait(ref, timeout=20)
        await soon(heard, "the application hears of it")
    assert (job.state, job.error_code) == (
        ("cancelled", "cancelled") if ended_by == "cancel" else ("failed", "timeout")
    )


@pytest.mark.once
async def test_a_node_that_stops_disconnects_and_hands_the_job_back(jobs: Jobs) -> None:
    ready = asyncio.Event()
    calls: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        calls.append(scope["dbjobs"]["attempt"])
        if len(calls) == 1:
            ready.set()
            assert (await receive())["type"] == "http.disconnect"
            return  # an answer that was not given
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    jobs.mount_api(app)
    async with jobs:
        async with jobs.start(grace_seconds=0):
            ref = await jobs.enqueue_api("GET", "/", retry_limit=0)
            await soon(ready, "the application is called")
        assert await state_of(jobs, ref) is JobState.QUEUED
        async with jobs.start():
            job = await jobs.wait(ref, timeout=20)
    assert (job.state, calls, job.errors) == ("completed", [1, 2], ())


@dataclass
class SendEmail:
    to: str
    subject: str = ""


@pytest.mark.once
async def test_a_handler_is_found_by_the_type_of_its_request(jobs: Jobs) -> None:
    @jobs.api(queue="mail")
    async def send(request: SendEmail, job: JobContext) -> str:
        return f"{request.to} {job.queue}"

    async with jobs.start():
        job = await jobs.wait(await jobs.enqueue_api(SendEmail("a@b.c"), tag="x"), timeout=20)
        with pytest.raises(InvalidRequest, match="request of 'SendEmail'"):
            await jobs.enqueue_api(SendEmail(5))  # type: ignore[arg-type]
    assert (job.state, job.response, job.tag) == ("completed", "a@b.c mail", "x")
    assert (job.request_type, job.command, job.request_name) == ("api", "SendEmail", "SendEmail")


@pytest.mark.once
async def test_only_a_node_with_the_application_runs_it(
    url: str, jobs: Jobs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "UNKNOWN_SECONDS", 0.1)
    jobs.command(order_less, name="other")
    jobs.api_options("POST", "/orders/{id}", queue="orders", tag="by route")
    with_app = Jobs(url)
    with_app.mount_api(application(order=order))
    async with jobs.start():
        refs = [await jobs.enqueue_api("POST", path, json=5) for path in ("/orders/3", "/elsewhere")]
        await eventually(lambda: "'POST /orders/{id}' is not registered" in caplog.text, "it is reported")
        assert [await state_of(jobs, ref) for ref in refs] == ["queued", "queued"]
        async with with_app.start():
            job, unknown = [await jobs.wait(ref, timeout=20) for ref in refs]
    assert (job.command, job.queue, job.tag) == ("POST /orders/{id}", "orders", "by route")
    # The caller's process has no application, and still knows an answer.
    assert job.response.json()["id"] == 3
    assert (unknown.command, unknown.error_code) == ("POST *", "http_404")


async def order_less() -> None: ...


@pytest.mark.once
async def test_the_job_and_its_trace_reach_the_application(jobs: Jobs) -> None:
    seen: list[Any] = []

    async def look(request: Request) -> Response:
        about = request.scope["dbjobs"]
        seen.append((about["job_id"], about["attempt"], about["job"].tag, request.headers["dbjobs-job-id"]))
        seen.append(
            (request.headers["traceparent"], about["trace"], str(request.url), request.client, request.state.pool)
        )
        about["job"].log("from the route")
        return Response()

    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    jobs.mount_api(application(look=look), base_url="https://example.com:8443/root", state={"pool": 5})
    async with jobs.start():
        ref = await jobs.enqueue_api("GET", "/look", tag="t", headers={"traceparent": trace})
        await jobs.wait(ref, timeout=20, raise_on_failure=True)
    assert seen == [
        (ref.id, 1, "t", str(ref.id)),
        (trace, {"traceparent": trace}, "https://example.com:8443/root/look", ("dbjobs", 0), 5),
    ]


@pytest.mark.once
async def test_code_without_an_event_loop_enqueues_too(jobs: Jobs) -> None:
    jobs.mount_api(application(order=order))
    async with jobs.start():
        ref = await asyncio.to_thread(jobs.sync.enqueue_api, "POST", "/orders/7", json=1)
        job = await jobs.wait(ref, timeout=20)
    await asyncio.to_thread(jobs.sync.close)
    assert (job.state, job.command, job.response.json()["body"]) == ("completed", "POST /orders/{id}", 1)


async def test_a_schedule_may_call_a_route_or_an_api_handler(jobs: Jobs) -> None:
    @jobs.recurring(Schedule.yearly, name="mail", request=SendEmail("a@b.c"), user_id="7")
    @jobs.api
    async def send(request: SendEmail) -> str:
        return request.to

    jobs.mount_api(application(order=order))
    async with jobs.start():
        await jobs.schedules.put("order", Schedule.yearly, *jobs.api_call("POST", "/orders/5", json=1))
        mail, called = [await jobs.wait(await jobs.schedules.run_now(name), timeout=20) for name in ("mail", "order")]
    assert (mail.request_type, mail.command, mail.user_id, mail.response) == ("api", "SendEmail", "7", "a@b.c")
    assert (called.request_type, called.command, called.response.json()["id"]) == ("api", "POST /orders/{id}", 5)


class Outbox:
    def __init__(self) -> None:
        self.sent: list[str] = []


class Send:
    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox

    async def run(self, request: SendEmail) -> int:
        self.outbox.sent.append(request.to)
        if len(self.outbox.sent) < 2:
            raise ConnectionError
        return len(self.outbox.sent)


@pytest.mark.once
async def test_an_api_handler_may_be_a_class_with_dependencies_and_quick_retries(jobs: Jobs) -> None:
    jobs.provide(Outbox, Outbox)
    jobs.api(quick_retry=QuickRetry(times=1, first_seconds=0), tags=["mail"])(Send)
    async with jobs.start():
        job = await jobs.wait(await jobs.enqueue_api(SendEmail("a@b.c")), timeout=20)
    assert (job.response, job.attempt, job.request_type) == (2, 1, "api")
    assert jobs.tagged("mail") == ["SendEmail"]


@pytest.mark.once
async def test_an_api_job_runs_in_line(url: str) -> None:
    async def find(user_id: str) -> str:
        return f"user {user_id}"

    async def whose(request: Request) -> Response:
        return JSONResponse([request.user, current_user()])

    jobs = Jobs(url, user_resolver=find)
    jobs.mount_api(application(whose=whose))
    async with inline(jobs):
        job = await jobs.get(await jobs.enqueue_api("GET", "/whose", user_id="7"))
    assert job is not None
    assert job.response.json() == ["user 7"] * 2


@pytest.mark.once
async def test_an_api_may_be_called_by_a_transient_run(jobs: Jobs) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"detail": "no such thing"}, 404)

    jobs.mount_api(application(order=order, refuse=refuse))
    async with jobs:
        answer = await jobs.run(*jobs.api_call("POST", "/orders/5", json=1))
        assert (answer.status, answer.json()["id"]) == (200, 5)
        with pytest.raises(ApiFailed, match="HTTP 404 Not Found: no such thing") as caught:
            await jobs.run(*jobs.api_call("GET", "/refuse"))
    assert (caught.value.status, caught.value.retry) == (404, False)
