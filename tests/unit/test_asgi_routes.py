"""The routes of FastAPI, Starlette and Litestar applications, as jobs are named by them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import litestar
import pytest
from fastapi import APIRouter, FastAPI
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from dbjobs import InvalidOption
from dbjobs.asgi.routes import find, is_endpoint, make_route, routes_of

OWN_PAGES = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/schema")


def labels(app: Any) -> list[str]:
    found = [name for route in routes_of(app) for name in route.labels()]
    return [name for name in found if not name.partition(" ")[2].startswith(OWN_PAGES)]


async def endpoint(request: Request) -> Response:
    return Response()


class Thing(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return Response()

    async def put(self, request: Request) -> Response:
        return Response()


def test_fastapi() -> None:
    app, router, inner, sub = FastAPI(), APIRouter(prefix="/v1"), APIRouter(prefix="/deep"), FastAPI(openapi_url=None)

    @app.post("/orders/{order_id}")
    async def order(order_id: int) -> None: ...

    @inner.get("/{name:path}")
    async def name(name: str) -> None: ...

    @sub.delete("/x")
    def delete() -> None: ...

    router.include_router(inner)
    app.include_router(router, prefix="/api")
    app.mount("/sub", sub)
    app.api_route("/both", methods=["GET", "POST"])(endpoint)

    @router.get("/late")
    async def late() -> None: ...

    assert sorted(labels(app)) == [
        "DELETE /sub/x",
        "GET /api/v1/deep/{name}",
        "GET /api/v1/late",
        "GET /both",
        "POST /both",
        "POST /orders/{order_id}",
    ]
    routes = routes_of(app)
    assert find(routes, "POST", "/orders/17") == "POST /orders/{order_id}"
    assert find(routes, "GET", "/orders/17") is None
    assert find(routes, "GET", "/api/v1/deep/a/b/c") == "GET /api/v1/deep/{name}"
    assert find(routes, "DELETE", "/sub/x") == "DELETE /sub/x"
    assert [route.path for route in routes if is_endpoint(route, name)] == ["/api/v1/deep/{name}"]
    assert [route.path for route in routes if is_endpoint(route, test_fastapi)] == []


def test_starlette() -> None:
    app = Starlette(
        routes=[
            Route("/", endpoint),
            Route("/users/{id:int}", endpoint, methods=["PATCH"]),
            Route("/users/{name}", endpoint),
            Route("/thing", Thing),
            WebSocketRoute("/ws", endpoint),
            Mount("/static", StaticFiles(directory=".")),
            Mount("/v2", routes=[Route("/a", endpoint), Mount("/b", routes=[Route("/c", endpoint, methods=["POST"])])]),
            Host("api.example.com", Starlette(routes=[Route("/hosted", endpoint)])),
        ]
    )
    assert labels(app) == [
        "GET /",
        "PATCH /users/{id}",
        "GET /users/{name}",
        "GET /thing",
        "PUT /thing",
        "* /static/{path}",
        "GET /v2/a",
        "POST /v2/b/c",
        "GET /hosted",
    ]
    routes = routes_of(app)
    assert find(routes, "PATCH", "/users/7") == "PATCH /users/{id}"
    assert find(routes, "PATCH", "/users/seven") is None
    assert find(routes, "HEAD", "/users/seven") == "GET /users/{name}"
    assert find(routes, "GET", "/static/css/a.css") == "* /static/{path}"


def test_litestar() -> None:
    @litestar.get("/orders/{order_id:int}")
    async def order(order_id: FromPath[int]) -> str:
        return ""

    class Users(litestar.Controller):
        path = "/users"

        @litestar.post("/{name:str}")
        async def make(self, name: FromPath[str]) -> str:
            return ""

    app = litestar.Litestar([order, litestar.Router("/v1", route_handlers=[Users])])
    assert labels(app) == ["GET /orders/{order_id}", "POST /v1/users/{name}"]
    routes = routes_of(app)
    for wanted, path in [(order, "/orders/{order_id}"), (order.fn, "/orders/{order_id}")]:
        assert [route.path for route in routes if is_endpoint(route, wanted)] == [path]
    for wanted in (Users.make, Users.make.fn):
        assert [route.path for route in routes if is_endpoint(route, wanted)] == ["/v1/users/{name}"]


def test_an_application_behind_middleware_and_one_without_routes() -> None:
    class Around:
        def __init__(self, app: Any) -> None:
            self.app = app

    async def bare(scope: Any, receive: Any, send: Any) -> None: ...

    assert labels(Around(Around(Starlette(routes=[Route("/x", endpoint)])))) == ["GET /x"]
    assert routes_of(bare) == []


@pytest.mark.parametrize(
    ("template", "values", "path"),
    [
        ("/orders/{id}", {"id": 7}, "/orders/7"),
        ("/orders/{id:int}", {"id": "7"}, "/orders/7"),
        ("/{a}/{b}", {"a": "ä b", "b": "c%d?"}, "/%C3%A4%20b/c%25d%3F"),
        ("/{a}/{b}", {"a": "{b}", "b": "x"}, "/%7Bb%7D/x"),
        ("/files/{p:path}", {"p": "a/b c"}, "/files/a/b%20c"),
        ("/u/{u:uuid}", {"u": UUID(int=5)}, f"/u/{UUID(int=5)}"),
    ],
)
def test_a_path_is_filled(template: str, values: dict[str, Any], path: str) -> None:
    assert make_route(["GET"], template).fill(values) == path


@pytest.mark.parametrize(("template", "value"), [("/{a}", ""), ("/{a}", "b/c"), ("/{a:int}", "x"), ("/{a:uuid}", 5)])
def test_a_parameter_that_does_not_fit_is_refused(template: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=f"path parameter a={str(value)!r} must be"):
        make_route(["GET"], template).fill({"a": value})
