"""Applications of three frameworks that note what their routes do, and the calls to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import litestar
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Form, Header, HTTPException, Path, Query
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, StreamingResponse
from litestar.background_tasks import BackgroundTask as LitestarTask
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException as StarletteException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

# What routes, dependencies, middleware and background tasks have done.
effects: list[Any] = []

TOKEN = {"authorization": "Bearer secret"}


class Call(NamedTuple):
    """One request: as a client sends it, and as a job does."""

    method: str
    path: str
    how: Mapping[str, Any] = MappingProxyType({})


@dataclass
class Sample:
    """An application and the calls to it."""

    app: Any
    calls: list[Call] = field(default_factory=list)


class Item(BaseModel):
    sku: str = Field(min_length=2)
    amount: int = Field(gt=0)


class TeapotError(Exception):
    pass


async def logged_in(authorization: Annotated[str | None, Header()] = None) -> str:
    if authorization is None:
        raise HTTPException(401, "who are you?", {"WWW-Authenticate": "Bearer"})
    if authorization != "Bearer secret":
        raise HTTPException(403, {"reason": "not you"})
    return "ada"


async def session() -> AsyncIterator[str]:
    effects.append("open session")
    yield "session"
    effects.append("close session")


def fastapi_sample() -> Sample:
    app = FastAPI()
    router = APIRouter(prefix="/v1", dependencies=[Depends(session)])
    sub = FastAPI()

    @app.middleware("http")
    async def around(request: Request, call_next: RequestResponseEndpoint) -> Response:
        effects.append(f"before {request.method}")
        response = await call_next(request)
        effects.append(f"after {response.status_code}")
        response.headers["x-around"] = "yes"
        return response

    @app.exception_handler(TeapotError)
    async def teapot(request: Request, error: TeapotError) -> Response:
        return JSONResponse({"teapot": str(error)}, 418)

    @app.get("/plain")
    async def plain() -> dict[str, Any]:
        return {"text": "ä\u2028", "list": [1, None, 2.5]}

    @app.get("/thread/{name}")
    def thread(name: str, tag: Annotated[list[str] | None, Query()] = None) -> list[Any]:
        effects.append(name)
        return [name, tag]

    @app.post("/items", status_code=201)
    async def make(item: Item) -> Item:
        effects.append(item)
        return item

    @app.put("/items/{number}")
    async def put(number: Annotated[int, Path(ge=1)], item: Item) -> dict[str, Any]:
        return {"number": number, "item": item}

    @app.patch("/items/{number}")
    async def patch(number: int, changes: dict[str, int]) -> dict[str, int]:
        return changes

    @app.delete("/items/{number}", status_code=204)
    async def delete(number: int) -> None:
        effects.append(f"deleted {number}")

    @app.get("/me")
    async def me(user: Annotated[str, Depends(logged_in)]) -> str:
        return user

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404, "no such thing")

    @app.get("/teapot")
    async def brew() -> None:
        raise TeapotError("short and stout")

    @app.get("/crash")
    async def crash() -> None:
        effects.append("crashing")
        raise LookupError("the reason")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for number in range(5):
                yield f"line {number}\n"
            effects.append("streamed")

        return StreamingResponse(lines(), media_type="text/plain")

    @app.get("/bytes")
    def binary() -> StreamingResponse:
        def chunks() -> Iterator[bytes]:
            yield from (bytes([number]) * 100 for number in range(256))

        return StreamingResponse(chunks(), media_type="application/octet-stream")

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(__file__, media_type="text/x-python")

    @app.post("/later", status_code=202)
    async def later(tasks: BackgroundTasks) -> str:
        tasks.add_task(effects.append, "later: in a thread")

        async def note() -> None:
            effects.append("later: in the loop")

        tasks.add_task(note)
        return "accepted"

    @app.post("/login")
    async def login(name: Annotated[str, Form()], color: Annotated[str, Form()] = "red") -> Response:
        response = JSONResponse([name, color])
        response.set_cookie("session", "1")
        return response

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        told = request.headers.get("x-told", "")
        return Response(await request.body(), media_type=request.headers["content-type"], headers={"x-told": told})

    @app.get("/old")
    async def old() -> RedirectResponse:
        return RedirectResponse("/plain", 308)

    @router.get("/inside")
    async def inside(session: Annotated[str, Depends(session)]) -> str:
        effects.append("inside")
        return session

    @sub.get("/who")
    async def who(request: Request) -> str:
        return f"{request.scope['root_path']} {request.url.path}"

    app.include_router(router)
    app.mount("/sub", sub)
    item = {"sku": "ab", "amount": 2}
    return Sample(
        app,
        [
            Call("GET", "/plain"),
            Call("GET", "/thread/x%20y", {"query": {"tag": ["a", "b c"]}}),
            Call("POST", "/items", {"json": item}),
            Call("POST", "/items", {"json": {"sku": "a"}}),
            Call("POST", "/items", {"body": "{broken", "headers": {"content-type": "application/json"}}),
            Call("PUT", "/items/3", {"json": item}),
            Call("PUT", "/items/0", {"json": {"sku": "abc", "amount": "many"}}),
            Call("PATCH", "/items/3", {"json": {"a": 1}}),
            Call("DELETE", "/items/3"),
            Call("GET", "/me", {"headers": TOKEN}),
            Call("GET", "/me", {"headers": {"authorization": "Bearer other"}}),
            Call("GET", "/me"),
            Call("GET", "/missing"),
            Call("GET", "/teapot"),
            Call("GET", "/crash"),
            Call("GET", "/stream"),
            Call("GET", "/bytes"),
            Call("GET", "/file"),
            Call("POST", "/later"),
            Call("POST", "/login", {"form": {"name": "Ada L", "color": "blue"}}),
            Call("POST", "/echo", {"body": b"\x00\xff", "headers": {"X-Told": "a, b", "content-type": "image/x"}}),
            Call("GET", "/old"),
            Call("GET", "/v1/inside"),
            Call("GET", "/sub/who"),
            Call("HEAD", "/sub/who"),
            Call("POST", "/plain"),
            Call("GET", "/no/such/route"),
            Call("OPTIONS", "/plain"),
        ],
    )


class Around(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        effects.append("before")
        response = await call_next(request)
        effects.append("after")
        return response


class Thing(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse(request.path_params["name"])

    async def put(self, request: Request) -> Response:
        effects.append(await request.body())
        return Response(status_code=204)


async def _gone(request: Request) -> Response:
    raise StarletteException(410, "it was here")


async def _background(request: Request) -> Response:
    return PlainTextResponse("done", background=BackgroundTask(effects.append, "in the background"))


async def _chunks(request: Request) -> Response:
    seen = [len(chunk) async for chunk in request.stream()]
    with contextlib.suppress(ClientDisconnect):
        effects.append(sum(seen))
    return PlainTextResponse("x" * 5000)


async def _broken(request: Request) -> Response:
    raise KeyError("broken")


async def _sorry(request: Request, error: Exception) -> Response:
    return PlainTextResponse(f"sorry: {type(error).__name__}", 500)


def starlette_sample() -> Sample:
    app = Starlette(
        routes=[
            Route("/things/{name:path}", Thing),
            Route("/gone", _gone),
            Route("/background", _background),
            Route("/chunks", _chunks, methods=["POST"]),
            Route("/broken", _broken),
            Mount("/inner", routes=[Route("/{number:int}", Thing, name="inner"), Route("/{name}", Thing)]),
        ],
        middleware=[Middleware(Around), Middleware(GZipMiddleware)],
        exception_handlers={500: _sorry},
    )
    return Sample(
        app,
        [
            Call("GET", "/things/a/b"),
            Call("HEAD", "/things/a"),
            Call("PUT", "/things/c", {"body": b"content"}),
            Call("POST", "/things/c"),
            Call("GET", "/gone"),
            Call("GET", "/background"),
            Call("POST", "/chunks", {"body": "y" * 3000}),
            Call("GET", "/broken"),
            Call("GET", "/inner/name"),
            Call("GET", "/background/"),
            Call("GET", "/nothing"),
        ],
    )


@dataclass
class Person:
    name: str
    age: int


async def _user(request: litestar.Request[Any, Any, Any]) -> str:
    if "authorization" not in request.headers:
        raise NotAuthorizedException("who are you?")
    return "ada"


@litestar.get("/hello/{name:str}")
async def _hello(name: FromPath[str], times: FromQuery[int] = 1) -> str:
    return name * times


@litestar.post("/people")
async def _people(data: JSONBody[Person]) -> Person:
    effects.append(data)
    return data


@litestar.get("/private", dependencies={"user": Provide(_user)})
async def _private(user: NamedDependency[str]) -> dict[str, str]:
    return {"user": user}


@litestar.get("/task")
async def _task() -> litestar.Response[str]:
    async def note() -> None:
        effects.append("task")

    return litestar.Response("started", background=LitestarTask(note))


@litestar.get("/stream")
async def _stream() -> Stream:
    async def lines() -> AsyncIterator[str]:
        yield "one\n"
        yield "two\n"

    return Stream(lines())


@litestar.get("/crash")
async def _crash() -> None:
    raise LookupError("the reason")


class Counter(litestar.Controller):
    path = "/counter"

    @litestar.put("/{step:int}")
    async def count(self, step: FromPath[int]) -> int:
        effects.append(step)
        return step + 1

    @litestar.delete("/", status_code=204)
    async def clear(self) -> None:
        effects.append("cleared")


async def _note_request(request: litestar.Request[Any, Any, Any]) -> None:
    effects.append(request.method)


def litestar_sample() -> Sample:
    app = litestar.Litestar(
        [_hello, _people, _private, _task, _stream, _crash, Counter],
        before_request=_note_request,
        openapi_config=None,
    )
    return Sample(
        app,
        [
            Call("GET", "/hello/you", {"query": {"times": 2}}),
            Call("GET", "/hello/you", {"query": {"times": "two"}}),
            Call("POST", "/people", {"json": {"name": "Ada", "age": 36}}),
            Call("POST", "/people", {"json": {"name": "Ada", "age": "x"}}),
            Call("GET", "/private", {"headers": TOKEN}),
            Call("GET", "/private"),
            Call("GET", "/task"),
            Call("GET", "/stream"),
            Call("GET", "/crash"),
            Call("PUT", "/counter/4"),
            Call("DELETE", "/counter"),
            Call("OPTIONS", "/people"),
            Call("GET", "/people"),
            Call("GET", "/nothing"),
        ],
    )


SAMPLES = {"fastapi": fastapi_sample, "starlette": starlette_sample, "litestar": litestar_sample}
