"""Options of API jobs by route and by request type, wherever and whenever they are declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI

from dbjobs import InvalidOption, InvalidRequest, JobContext, Jobs
from dbjobs.store.records import NewJob


@dataclass
class Mail:
    to: str


@pytest.fixture
def jobs() -> Jobs:
    return Jobs("sqlite:///never-opened.db", retry_limit=4)


def row(jobs: Jobs, *what: Any, **how: Any) -> NewJob:
    """The row that an enqueue would store."""
    path = what[1] if len(what) > 1 else None
    command, request, options = jobs._api.job(what[0], path, how)
    return jobs._row(command, request, options)[0]


def told(job: NewJob) -> tuple[str, str, str | None, int]:
    return job.command, job.queue, job.tag, job.retry_limit


@pytest.mark.parametrize("late", [False, True])
def test_of_a_route_by_method_and_template(jobs: Jobs, late: bool) -> None:
    app = FastAPI()
    app.post("/orders/{id}")(lambda id: None)
    if not late:
        jobs.api_options("post", "/orders/{id}", queue="orders")
    jobs.mount_api(app)
    jobs._api.refresh()
    if late:
        jobs.api_options("post", "/orders/{id}", queue="orders")
    jobs.api_options("POST", "/orders/{id}", tag="t", retry_limit=1)  # adds to the earlier ones
    assert told(row(jobs, "POST", "/orders/5")) == ("POST /orders/{id}", "orders", "t", 1)
    assert told(row(jobs, "POST", "/orders/5", tag="other")) == ("POST /orders/{id}", "orders", "other", 1)
    assert told(row(jobs, "GET", "/orders/5")) == ("GET *", "default", None, 4)


def test_of_a_route_by_its_function_as_a_decorator_and_as_a_call(jobs: Jobs) -> None:
    app = FastAPI()
    jobs.mount_api(app)

    @app.post("/orders/{order_id}")
    @jobs.api_options(queue="orders")
    async def ship(order_id: int) -> None: ...

    jobs.api_options(ship, tag="t")
    assert told(row(jobs, ship, order_id=5)) == ("POST /orders/{order_id}", "orders", "t", 4)
    assert told(row(jobs, "POST", "/orders/5")) == ("POST /orders/{order_id}", "orders", "t", 4)
    jobs.api_options("POST", "/orders/{order_id}", tag="by path")  # the route's own name counts more
    assert told(row(jobs, ship, order_id=5)) == ("POST /orders/{order_id}", "orders", "by path", 4)


def test_a_route_that_is_added_later_is_found(jobs: Jobs) -> None:
    app = FastAPI()
    jobs.mount_api(app)
    jobs._api.refresh()
    assert row(jobs, "GET", "/new/1").command == "GET *"

    @app.get("/new/{number}")
    async def new(number: int) -> None: ...

    assert row(jobs, "GET", "/new/1").command == "GET /new/{number}"
    assert row(jobs, new, number=1).command == "GET /new/{number}"


def test_of_a_type_before_and_after_its_handler_is_there(jobs: Jobs) -> None:
    jobs.api_options(Mail, queue="mail", priority=5)
    assert told(row(jobs, Mail("x"))) == ("Mail", "mail", None, 4)
    with pytest.raises(InvalidRequest):
        row(jobs, Mail(5))  # type: ignore[arg-type]
    assert jobs.commands == []  # other processes run it

    @jobs.api(queue="letters", retry_limit=9)
    async def send(request: Mail) -> None: ...

    assert told(row(jobs, Mail("x"))) == ("Mail", "mail", None, 9)
    jobs.api_options(Mail, tag="t")
    assert told(row(jobs, Mail("x"))) == ("Mail", "mail", "t", 9)
    assert row(jobs, Mail("x")).priority == 5
    assert jobs.commands == ["Mail"]


def test_should_retry_is_of_a_route_or_a_type(jobs: Jobs) -> None:
    def never(job: JobContext, error: BaseException) -> bool:
        return False

    app = FastAPI()
    jobs.mount_api(app)
    jobs.api_options("GET", "/x", should_retry=never)
    jobs.api_options(Mail, should_retry=never)

    @jobs.api
    async def send(request: Mail) -> None: ...

    assert jobs._api.job("GET", "/x", {})[0].should_retry is never
    assert jobs._api.job(Mail("x"), None, {})[0].should_retry is never
    assert jobs._api.job("GET", "/y", {})[0].should_retry is None


def test_an_application_makes_this_process_run_its_routes(jobs: Jobs) -> None:
    jobs.api_options("POST", "/declared")
    assert jobs.commands == []
    app = FastAPI(openapi_url=None)
    app.get("/x")(lambda: None)
    jobs.mount_api(app)
    jobs._api.refresh()
    methods = ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
    assert sorted(jobs.commands) == sorted(["GET /x", "POST /declared", *(f"{method} *" for method in methods)])


def test_a_call_is_a_command_and_its_request(jobs: Jobs) -> None:
    command, request = jobs.api_call("POST", "/x?a=1", json=[1])
    assert (command.name, request.method, request.path, request.query) == ("POST *", "POST", "/x", "a=1")
    with pytest.raises(InvalidOption, match="api_call: 'tag' goes to the call that takes its result"):
        jobs.api_call("POST", "/x", tag="t")


def test_what_a_process_works_on_is_told_with_its_routes_as_a_number(jobs: Jobs) -> None:
    assert jobs._api.summary(jobs.commands) == "no commands"

    @jobs.command
    async def sweep() -> None: ...

    app = FastAPI(openapi_url=None)
    app.get("/x")(lambda: None)
    jobs.mount_api(app)
    jobs._api.refresh()
    assert jobs._api.summary(jobs.commands) == "sweep, an application with 1 route"


def test_reading_the_routes_again_makes_nothing_anew(jobs: Jobs) -> None:
    app = FastAPI()
    app.get("/x")(lambda: None)
    jobs.mount_api(app)
    jobs._api.refresh()
    before = jobs._registry.runnable_commands()
    jobs._api.refresh()
    row(jobs, "GET", "/no/such/route")
    assert all(a is b for a, b in zip(before, jobs._registry.runnable_commands(), strict=True))
