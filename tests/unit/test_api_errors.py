"""Each wrong use of API jobs has one clear error, before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dbjobs import DbjobsError, InvalidOption, InvalidRequest, Jobs, PayloadTooLarge, UnknownCommand


@dataclass
class Known:
    name: str


@dataclass
class Stranger:
    name: str


async def known(request: Known) -> None: ...


async def show(request: Request) -> Response:
    return Response()


async def several(request: Request) -> Response:
    return Response()


async def unrouted(request: Request) -> Response:
    return Response()


@pytest.fixture
def jobs() -> Jobs:
    jobs = Jobs("sqlite:///never-opened.db", max_payload_bytes=2000)
    jobs.api(known)
    jobs.mount_api(
        Starlette(
            routes=[
                Route("/users/{user_id:int}/{part}", show),
                Route("/a", several),
                Route("/b", several, methods=["PUT"]),
            ]
        )
    )
    return jobs


Call = tuple[tuple[Any, ...], dict[str, Any]]


def call(*what: Any, **how: Any) -> Call:
    return what, how


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        # method and path
        (call("POTS", "/x"), InvalidOption, "'POTS' is not a method; they are DELETE, GET,"),
        (call("GET"), InvalidOption, "the path must be a text that begins with '/', not None"),
        (call("GET", "x"), InvalidOption, "must be a text that begins with '/', not 'x'"),
        (call("GET", "http://other/x"), InvalidOption, "is called in this process, so there is no host"),
        (call("GET", "/x", path_params={"a": 1}), InvalidOption, "path_params goes with a route's function"),
        # body, query, headers
        (call("GET", "/x", json=1, body="2"), InvalidOption, "there is one body; give one of json, body"),
        (call("GET", "/x", body={"a": 1}), InvalidOption, r"body must be text or bytes, not dict \(an object: json="),
        (call("GET", "/x", form="a=1"), InvalidOption, "form must be a mapping"),
        (call("GET", "/x", query=5), InvalidOption, "query must be a mapping, or pairs"),
        (call("GET", "/x", query={"a": {}}), InvalidOption, "{} is not a value of a query"),
        (call("GET", "/x", headers={"a b": "c"}), InvalidOption, "'a b' is not the name of a header"),
        (call("GET", "/x", headers={"a": "b\nc: d"}), InvalidOption, "header 'a' must be one line of Latin-1 text"),
        (call("GET", "/x", headers={"a": "\u20ac"}), InvalidOption, "header 'a' must be one line of Latin-1 text"),
        (call("GET", "/x", headers={"Content-Length": "1"}), InvalidOption, "'Content-Length' is set by dbjobs itself"),
        (call("GET", "/x", headers={"Dbjobs-Job-Id": "1"}), InvalidOption, "'Dbjobs-Job-Id' is set by dbjobs itself"),
        (call("GET", "/x", json=object()), InvalidRequest, "the JSON body of GET /x cannot be serialised"),
        (call("GET", "/x", json=float("nan")), InvalidRequest, "nan is not a JSON number"),
        (call("GET", "/x", json="y" * 2001), PayloadTooLarge, "the JSON body of GET /x has 2003 bytes"),
        (call("GET", "/x", body="y" * 2001), PayloadTooLarge, r"the request of 'GET \*' has"),
        # options
        (call("GET", "/x", retires=1), InvalidOption, "enqueue of 'GET .*': unknown option 'retires'"),
        (call("GET", "/x", on_conflict="x"), InvalidOption, "on_conflict='x' must be"),
        # a route's function
        (call(unrouted), UnknownCommand, "unrouted is not a route of the mounted application"),
        (call(several), InvalidOption, r"several is several routes \(GET /a, PUT /b\): give a method and a path"),
        (call(show, "/x"), InvalidOption, "a path goes with a method"),
        (call(show, part="x", user_id=7), InvalidOption, "'user_id' is an option of the job, too: give it in path_par"),
        (call(show, path_params={"user_id": 7}), InvalidOption, "the path parameter 'part' is missing$"),
        (call(show, path_params={"user_id": "x", "part": 1}), InvalidOption, "user_id='x' must be of the kind int"),
        (call(show, path_params={"user_id": 7}, part="a/b"), InvalidOption, "part='a/b' must be one segment"),
        (call(show, path_params={"user_id": 7}, part=1, prat=2), InvalidOption, "not 'prat'; did you mean 'part'"),
        (call(show, path_params={"user_id": 7, "x": 1}, part=1), InvalidOption, "it has user_id, part, not 'x'"),
        # a request
        (call(Stranger("x")), UnknownCommand, "no API handler takes a Stranger; registered are: Known"),
        (call({"name": "x"}), UnknownCommand, "no API handler takes a dict"),
        (call(Known), UnknownCommand, r"give a request, Known\(...\), not its class"),
        (call(known), UnknownCommand, r"known is the API handler of Known: enqueue_api\(Known\(...\)\)"),
        (call(Known("x"), json=1), InvalidOption, "enqueue_api of Known: json goes with a route"),
        (call(Known(5)), InvalidRequest, "the request of 'Known' does not fit"),  # type: ignore[arg-type]
    ],
)
async def test_enqueue_api(jobs: Jobs, given: Call, error: type[DbjobsError], told: str) -> None:
    what, how = given
    with pytest.raises(error, match=told):
        await jobs.enqueue_api(*what, **how)


async def test_a_function_without_an_application(jobs: Jobs) -> None:
    with pytest.raises(UnknownCommand, match=r"which route show is, .*: jobs.mount_api\(app\) first"):
        await Jobs("sqlite:///never-opened.db").enqueue_api(show)


async def no_request() -> None: ...


async def plain_request(request: str) -> None: ...


async def any_request(request: Any) -> None: ...


async def another(request: Known) -> None: ...


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (no_request, "jobs.api: no_request takes no request; an API handler is found by the type of its request"),
        (plain_request, "jobs.api: plain_request takes str; an API handler"),
        (any_request, "jobs.api: any_request takes .*Any; an API handler"),
        (another, "jobs.api: Known has a handler already: known"),
    ],
)
def test_api(jobs: Jobs, handler: Any, told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        jobs.api(handler)


def test_api_of_a_name_that_is_taken(jobs: Jobs) -> None:
    jobs.command(no_request, name="Stranger")

    async def handler(request: Stranger) -> None: ...

    with pytest.raises(InvalidOption, match="command 'Stranger' is already registered"):
        jobs.api(handler)
    jobs.api(name="Other")(handler)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"base_url": "example.com"}, "base_url='example.com' must be like 'https://example.com'"),
        ({"user_headers": {"a": "b"}}, "user_headers must be a function"),
        ({"app": "myapp:app"}, "an ASGI application is called with"),
        ({"app": Starlette()}, "an application is mounted already"),
    ],
)
def test_mount_api(jobs: Jobs, how: dict[str, Any], told: str) -> None:
    app = how.pop("app", jobs._api._application.app if jobs._api._application is not None else None)
    with pytest.raises(InvalidOption, match=told):
        jobs.mount_api(app, **how)


@pytest.mark.parametrize(
    ("what", "how", "told"),
    [
        (("POTS", "/x"), {}, "'POTS' is not a method"),
        (("GET",), {}, "the path must be a text"),
        ((show, "/x"), {}, "a path goes with a method"),
        ((5,), {}, "5 is neither a method, nor a request type, nor a route's function"),
        ((Known,), {"keep_body": False}, "keep_body is about routes"),
        (("GET", "/x"), {"keep_body": 1}, "keep_body=1 must be True or False"),
        (("GET", "/x"), {"max_response_bytes": 2001}, r"must be a whole number from 1 to 2000 \(max_payload_bytes\)"),
        (("GET", "/x"), {"should_retry": 5}, "should_retry must be a plain function"),
        (("GET", "/x"), {"qeue": "x"}, "api_options: unknown option 'qeue'; did you mean 'queue'"),
        ((show,), {"timeout": -1}, "api_options: option timeout=-1"),
        ((Known,), {"ref_id": "x"}, "option 'ref_id' belongs to one job"),
    ],
)
def test_api_options(jobs: Jobs, what: tuple[Any, ...], how: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        jobs.api_options(*what, **how)
