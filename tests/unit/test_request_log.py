"""The middleware around applications of every kind: what it sees, and that it changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from litestar import Litestar, get
from litestar.params import FromPath
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dbjobs import Jobs
from dbjobs.errors import InvalidOption
from dbjobs.requestlog import RequestLog, Seen
from dbjobs.requestlog.agents import Agent
from dbjobs.requestlog.buffer import Buffer
from dbjobs.requestlog.rollup import NAMES_PER_HOUR, OTHERS, RollUp, Sums, rows_of
from dbjobs.requests import RequestCounts
from tests.conformance.helpers import eventually

App = Callable[[Any, Any, Any], Awaitable[None]]


def scope_of(path: str = "/", **more: Any) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
        "client": ("1.2.3.4", 5), "server": ("app", 80), **more,
    }  # fmt: skip


def log_of(app: App, tmp_path: Any, **options: Any) -> tuple[RequestLog, list[Seen]]:
    """The middleware, and what it has seen; nothing goes to a database."""
    seen: list[Seen] = []

    def note(one: Seen) -> bool:
        seen.append(one)
        return False

    return RequestLog(app, url=f"sqlite:///{tmp_path}/jobs.db", **{"on_request": note, **options}), seen


async def call(app: App, scope: dict[str, Any], *received: dict[str, Any]) -> list[dict[str, Any]]:
    """One request; what was sent. After ``received`` the client stays."""
    messages = list(received or [{"type": "http.request", "body": b"", "more_body": False}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def boom(request: Request) -> Response:
    raise RuntimeError("no")


ROUTES = [
    Route("/hello/{name}", hello),
    Route("/boom", boom),
    Mount("/shops/{shop}", Starlette(routes=[Route("/items/{item:int}", hello)])),
]


@pytest.mark.parametrize("root", ["", "/behind/proxy"])
@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/hello/ann", "/hello/{name}", 200),
        ("/shops/acme/items/7", "/shops/{shop}/items/{item:int}", 200),
        ("/shops/acme/nothing", "/shops/{shop}/*", 404),
        ("/nothing", None, 404),
    ],
)
async def test_a_route_is_told_by_its_template(
    tmp_path: Any, root: str, path: str, route: str | None, status: int
) -> None:
    log, seen = log_of(Starlette(routes=ROUTES), tmp_path)
    await call(log, scope_of(root + path, root_path=root))
    assert [(one.route, one.status, one.path) for one in seen] == [(route, status, root + path)]
    assert seen[0].method == "GET"
    assert seen[0].ip == "1.2.3.4"
    if status == 200:
        assert seen[0].endpoint == f"{hello.__module__}.hello"


async def test_what_a_mount_answers_by_itself_is_of_the_mount(tmp_path: Any) -> None:
    """Or each file, and each path with a slash too many, would be a name of its own."""
    (tmp_path / "a.txt").write_text("a")
    app, inner = FastAPI(), FastAPI()
    inner.get("/items/{item}")(lambda item: item)
    app.mount("/api/{tenant}", inner)
    app.mount("/static", StaticFiles(directory=tmp_path))
    log, seen = log_of(app, tmp_path)
    for path in ("/api/acme/items/7", "/api/acme/items/7/", "/static/a.txt"):
        await call(log, scope_of(path))
    assert [(one.status, one.route) for one in seen] == [
        (200, "/api/{tenant}/items/{item}"), (307, "/api/{tenant}/*"), (200, "/static/*"),
    ]  # fmt: skip


# A value of a parameter that stands elsewhere in the path, too, in every place where it may.
AGAIN = [
    ("/a/a/items/7", "/a/{tenant}/items/{item}"),
    ("/a/items/items/items", "/a/{tenant}/items/{item}"),
    ("/a/7/items/7", "/a/{tenant}/items/{item}"),
    ("/v1/items/v1", "/v1/items/{item}"),
    ("/a/a/a/a/items/a", "/a/{tenant}/a/{group}/items/{item}"),
    ("/a/b/a/a/items/b", "/a/{tenant}/a/{group}/items/{item}"),
    ("/x/x/x", "/{first}/x/{second}"),
    ("/hosted/hosted", "/hosted/{item}"),
]


def starlette_app() -> App:
    items = [Route("/items/{item}", hello)]
    inner = Starlette(routes=items)
    deep = Mount("/a/{group}", app=inner)
    return Starlette(
        routes=[
            Mount("/a/{tenant}", routes=[*items, deep]),
            Mount("/v1", app=inner),
            Mount("/hosted", routes=[Route("/{item}", hello)]),
            Mount("/{first}", routes=[Route("/x/{second}", hello)]),
        ]
    )


def fastapi_app() -> App:
    async def item(item: str) -> str:
        return item

    app, v1, tenant, group, hosted, first = (FastAPI() for _ in range(6))
    for one in (v1, tenant, group):
        one.get("/items/{item}")(item)
    hosted.get("/{item}")(item)

    @first.get("/x/{second}")
    async def second(second: str) -> str:
        return second

    tenant.mount("/a/{group}", group)
    app.mount("/a/{tenant}", tenant)
    app.mount("/v1", v1)
    app.mount("/hosted", hosted)
    app.mount("/{first}", first)
    return app


def litestar_app() -> App:
    @get("/items/{item:str}")
    async def item(item: FromPath[str]) -> str:
        return item

    @get("/{item:str}")
    async def hosted(item: FromPath[str]) -> str:
        return item

    @get("/x/{second:str}")
    async def second(second: FromPath[str]) -> str:
        return second

    inner: Any = Litestar(route_handlers=[item])
    others: list[Any] = [Litestar(route_handlers=[one]) for one in (hosted, second)]
    return Starlette(
        routes=[
            Mount("/a/{tenant}/a/{group}", app=inner),
            Mount("/a/{tenant}", app=inner),
            Mount("/v1", app=inner),
            Mount("/hosted", app=others[0]),
            Mount("/{first}", app=others[1]),
        ]
    )


@pytest.mark.parametrize("make", [starlette_app, fastapi_app, litestar_app])
@pytest.mark.parametrize("root", ["", "/a", "/behind/7"])
async def test_a_value_that_stands_elsewhere_in_the_path_is_no_parameter_there(
    tmp_path: Any, make: Callable[[], App], root: str
) -> None:
    app = make()
    log, seen = log_of(app, tmp_path)
    outer, seen_within = log_of(app, tmp_path)
    around = Starlette(routes=[Mount("/outer/{tenant}", app=outer)])
    for path, _ in AGAIN:
        await call(log, scope_of(root + path, root_path=root))
        await call(around, scope_of(f"{root}/outer/a{path}", root_path=root))
    wanted = [(template, 200) for _, template in AGAIN]
    assert [(one.route.replace(":str", ""), one.status) for one in seen if one.route] == wanted
    # What stands around the middleware is not the application's own.
    assert [(one.route.replace(":str", ""), one.status) for one in seen_within if one.route] == wanted


async def test_a_value_that_is_the_name_of_a_mount_is_no_parameter_there(tmp_path: Any) -> None:
    inner = Starlette(routes=[Route("/items", hello)])
    log, seen = log_of(Starlette(routes=[Mount("/a/{tenant}", app=inner)]), tmp_path)
    for path in ("/a/a/nothing", "/a/a/items/"):
        await call(log, scope_of(path))
    assert [one.route for one in seen] == ["/a/{tenant}/*", "/a/{tenant}/*"]


async def test_a_route_of_an_included_router_has_its_prefix(tmp_path: Any) -> None:
    app, router, inner = FastAPI(), APIRouter(prefix="/v1"), APIRouter()

    @inner.get("/items/{item}")
    async def item(item: str) -> str:
        return item

    router.include_router(inner, prefix="/deep")
    app.include_router(router, prefix="/api")
    log, seen = log_of(app, tmp_path)
    around, seen_around = log_of(Starlette(routes=[Mount("/outer/{tenant}", app=app)]), tmp_path)
    await call(log, scope_of("/api/v1/deep/items/7"))
    await call(around, scope_of("/outer/api/api/v1/deep/items/api"))
    assert [one.route for one in seen] == ["/api/v1/deep/items/{item}"]
    assert [one.route for one in seen_around] == ["/outer/{tenant}/api/v1/deep/items/{item}"]


async def test_a_route_that_has_left_its_endpoint_alone_is_found_among_the_routes(tmp_path: Any) -> None:
    """As an older Starlette leaves it, and a plain route in a FastAPI."""

    async def older(scope: Any, receive: Any, send: Any) -> None:
        await starlette_app()(scope, receive, send)
        del scope["route"]

    log, seen = log_of(older, tmp_path)
    for path, _ in AGAIN:
        await call(log, scope_of(path))
    assert [one.route for one in seen] == [template for _, template in AGAIN]


async def test_an_exception_is_recorded_and_raised_again(tmp_path: Any) -> None:
    error = ValueError("password=hunter2 is wrong")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    log, seen = log_of(app, tmp_path)
    with pytest.raises(ValueError, match="hunter2") as raised:
        await call(log, scope_of())
    assert raised.value is error
    assert seen[0].status == 500
    assert seen[0].error == "ValueError: password=*** is wrong"
    assert seen[0].traceback is not None
    assert "in app" in seen[0].traceback
    assert "hunter2" not in seen[0].traceback


async def test_an_exception_after_the_response_keeps_its_status(tmp_path: Any) -> None:
    async def later() -> None:
        await asyncio.sleep(0.05)
        raise RuntimeError("later")

    async def answer(request: Request) -> Response:
        return PlainTextResponse("x", status_code=201, background=BackgroundTask(later))

    log, seen = log_of(Starlette(routes=[Route("/", answer)]), tmp_path)
    with pytest.raises(RuntimeError, match="later"):
        await call(log, scope_of())
    assert (seen[0].status, seen[0].error) == (201, "RuntimeError: later")
    assert seen[0].duration_ms < 50  # until the response was out, not until what came after it


async def test_a_stream_is_counted_as_it_goes_by(tmp_path: Any) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    async def answer(request: Request) -> Response:
        await request.body()
        return StreamingResponse(chunks(), media_type="text/plain")

    log, seen = log_of(Starlette(routes=[Route("/", answer, methods=["POST"])]), tmp_path)
    body: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"c"},
    ]
    sent = await call(log, scope_of(method="POST"), *body)
    assert len(sent) == 102
    assert (seen[0].request_bytes, seen[0].response_bytes, seen[0].disconnected) == (3, 100_000, False)
    assert (seen[0].request_body, seen[0].response_body, seen[0].request_headers) == (None, None, None)


@pytest.mark.parametrize(("begun", "status"), [(False, 499), (True, 200)])
async def test_a_client_that_leaves_is_told_apart(tmp_path: Any, begun: bool, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"

    log, seen = log_of(app, tmp_path)
    await call(log, scope_of(), {"type": "http.request"}, {"type": "http.disconnect"})
    assert (seen[0].status, seen[0].disconnected) == (status, True)


@pytest.mark.parametrize(("broken", "status"), [("http.response.start", 499), ("http.response.body", 200)])
async def test_a_client_that_leaves_a_stream_is_no_error(tmp_path: Any, broken: str, status: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x"

    async def answer(request: Request) -> Response:
        return StreamingResponse(chunks())

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == broken:
            raise OSError("the connection is closed")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    log, seen = log_of(Starlette(routes=[Route("/", answer)]), tmp_path)
    with pytest.raises((ClientDisconnect, OSError)):
        await log(scope_of(asgi={"version": "3.0", "spec_version": "2.4"}), receive, send)  # type: ignore[arg-type]
    assert (seen[0].status, seen[0].disconnected, seen[0].error) == (status, True, None)


async def test_a_client_that_leaves_an_upload_is_no_error(tmp_path: Any) -> None:
    async def answer(request: Request) -> Response:
        return Response(await request.body())

    log, seen = log_of(Starlette(routes=[Route("/", answer, methods=["POST"])]), tmp_path)
    with pytest.raises(ClientDisconnect):
        await call(
            log, scope_of(method="POST"), {"type": "http.request", "more_body": True}, {"type": "http.disconnect"}
        )
    assert (seen[0].status, seen[0].disconnected, seen[0].error) == (499, True, None)


async def test_a_cancelled_request_is_recorded_and_stays_cancelled(tmp_path: Any) -> None:
    began = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        began.set()
        await asyncio.get_running_loop().create_future()

    log, seen = log_of(app, tmp_path)
    task = asyncio.create_task(call(log, scope_of()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (seen[0].status, seen[0].disconnected, seen[0].error) == (499, True, None)


async def test_a_disconnect_after_the_response_is_none(tmp_path: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        await receive()
        await receive()

    log, seen = log_of(app, tmp_path)
    await call(log, scope_of(), {"type": "http.request"}, {"type": "http.disconnect"})
    assert (seen[0].status, seen[0].disconnected) == (204, False)


async def test_websockets_pass_untouched(tmp_path: Any) -> None:
    given: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.extend((scope, receive, send))

    log, seen = log_of(app, tmp_path)
    scope, receive, send = {"type": "websocket", "path": "/"}, object(), object()
    await log(scope, receive, send)  # type: ignore[arg-type]
    assert given[0] is scope
    assert given[1] is receive
    assert given[2] is send
    assert seen == []


async def test_bodies_are_kept_where_asked_bounded_and_masked(tmp_path: Any) -> None:
    async def echo(request: Request) -> Response:
        return Response(await request.body(), media_type="application/json")

    routes = [Route("/{where:path}", echo, methods=["POST"])]
    log, seen = log_of(
        Starlette(routes=routes),
        tmp_path,
        request_body=lambda scope: scope["path"] != "/not",
        response_body=True,
        request_headers=True,
        response_headers=True,
        max_body_bytes=100,
    )
    headers = [(b"content-type", b"application/json"), (b"cookie", b"a=secret")]
    long = b'{"a": "' + b"x" * 200 + b'"}'
    for path, body in (("/a", b'{"password": "secret"}'), ("/not", b"{}"), ("/login", b"{}"), ("/b", long)):
        await call(log, scope_of(path, method="POST", headers=headers), {"type": "http.request", "body": body})
    await call(log, scope_of("/c", method="POST", headers=headers), {"type": "http.request", "body": long * 10})
    masked = '{"password":"***"}'
    assert [(one.request_body, one.response_body) for one in seen[:3]] == [(masked, masked), (None, "{}"), (None, None)]
    assert seen[3].request_body == f'{{"a":"{"x" * 94}'
    assert seen[4].request_body == "<application/json, 2090 bytes: too large to be kept>"
    assert seen[0].request_headers == [("content-type", "application/json"), ("cookie", "***")]
    assert ("content-type", "application/json") in (seen[0].response_headers or [])
    assert "secret" not in str(seen)


async def test_what_is_left_out_is_not_seen(tmp_path: Any) -> None:
    log, seen = log_of(
        Starlette(routes=ROUTES), tmp_path, exclude=["/health", "/Static/*"], skip=lambda scope: "skip" in scope["path"]
    )
    for path in ("/health", "/static/a/b.css", "/hello/skip", "/healthy"):
        await call(log, scope_of(path))
    assert [one.path for one in seen] == ["/healthy"]


async def test_user_key_session_trace_and_query(tmp_path: Any) -> None:
    class User:
        is_authenticated = True
        id = 7

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["user"] = User()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    headers = [
        (b"x-api-key", b"the-key"), (b"cookie", b"sid=the-session; a=b"), (b"referer", b"https://a/?token=x"),
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), (b"user-agent", b"curl/8"),
    ]  # fmt: skip
    log, seen = log_of(app, tmp_path, session_cookie="sid")
    await call(log, scope_of("/a\x00b", headers=headers, query_string=b"q=1&access_token=x"))
    one = seen[0]
    assert (one.user, one.query, one.path) == ("7", "q=1&access_token=***", "/a\ufffdb")
    assert one.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert one.referer == "https://a/?token=***"
    assert str(one.api_key).startswith("h_")
    assert str(one.session).startswith("h_")
    assert "the-" not in str(one)
    split = [(b"cookie", b"sid=the-session"), (b"cookie", b"a=b")]  # as HTTP/2 has them
    await call(log, scope_of(headers=split))
    assert seen[-1].session == one.session
    chosen, seen = log_of(app, tmp_path, user=lambda scope: "ann", route=lambda scope: "/r", api_key=lambda scope: None)
    await call(chosen, scope_of(headers=headers))
    assert (seen[0].user, seen[0].route, seen[0].api_key) == ("ann", "/r", None)


@pytest.mark.parametrize("option", ["on_request", "user", "skip", "request_body"])
async def test_a_function_that_raises_costs_the_record_and_not_the_request(
    tmp_path: Any, option: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Any) -> Any:
        raise RuntimeError("broken")

    log, seen = log_of(Starlette(routes=ROUTES), tmp_path, **{option: fails})
    for _ in range(3):
        sent = await call(log, scope_of("/hello/ann"))
        assert sent[0]["status"] == 200
    assert seen == []
    assert log.counts.failed == 3
    assert len([record for record in caplog.records if record.name == "dbjobs.requests"]) == 1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"nothing": 1}, "there is no option 'nothing'; known options are request_headers"),
        ({"request_headers": 1}, "request_headers=1 must be True or False"),
        ({"request_body": "yes"}, "request_body='yes' must be True, False or a function"),
        ({"max_body_bytes": 0}, "max_body_bytes=0 must be a whole number >= 1"),
        ({"retention_months": 0}, "retention_months=0 must be a whole number >= 1"),
        ({"buffer": "many"}, "buffer='many' must be a whole number"),
        ({"exclude": "/health"}, r"exclude='/health' must be a list of texts, such as \['/health'\]"),
        ({"mask": [1]}, "mask: 1 is not text"),
        ({"trusted_proxies": ["proxy"]}, "'proxy' is neither an address nor a network"),
        ({"user": "ann"}, "user='ann' must be a function"),
        ({"flush_seconds": 0}, "flush_seconds=0 must be a number of seconds"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidOption, match=match):
        RequestLog(Starlette(), url=f"sqlite:///{tmp_path}/jobs.db", **options)


def test_the_database_is_named_once(tmp_path: Any) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")
    neither: dict[str, Any] = {}
    for given in (neither, {"jobs": jobs, "url": jobs.url}):
        with pytest.raises(InvalidOption, match="give either jobs="):
            RequestLog(Starlette(), **given)
    with pytest.raises(InvalidOption, match=r"is no dbjobs\.Jobs"):
        RequestLog(Starlette(), jobs="sqlite:///jobs.db")  # type: ignore[arg-type]
    assert RequestLog(Starlette(), jobs=jobs).counts is jobs.requests.counts


def test_a_full_buffer_drops_the_newest_and_counts_it() -> None:
    counts = RequestCounts()
    buffer = Buffer(counts, most=3, most_characters=1_000_000)
    for number in range(5):
        buffer.put(Seen(began=float(number), method="GET", path="/"))
    assert counts == RequestCounts(seen=5, dropped=2, buffered=3)
    assert [one.began for one in buffer.take(2, 1_000_000)] == [0, 1]
    assert len(buffer) == 1
    buffer.put(Seen(began=9.0, method="GET", path="/", request_body="x" * 2_000_000))
    assert counts.dropped == 3
    assert len(buffer.take(500, 10)) == 1  # one, however large


def test_roll_ups_are_bounded_whatever_clients_send() -> None:
    rollup, agent = RollUp(), Agent(None, "other", None)

    def rows(hour: str, numbers: range) -> list[tuple[Any, ...]]:
        sums: Sums = {}
        for n in numbers:
            rollup.add(sums, hour, Seen(began=0.0, method="GET", path=f"/{n}", status=200, ip=f"10.0.0.{n}"), agent)
        return [row for row in rows_of(sums) if row[:2] == ("ip", "")]

    names = [row[3] for row in rows("2026-11-26 19:00:00", range(NAMES_PER_HOUR * 3))]
    assert len(names) == NAMES_PER_HOUR + 1
    assert OTHERS in names
    again = rows("2026-11-26 19:00:00", range(NAMES_PER_HOUR, NAMES_PER_HOUR + 10))
    assert [(row[3], row[5]) for row in again] == [(OTHERS, 10)]
    for hour in range(20):
        rows(f"2026-11-27 {hour:02}:00:00", range(1))
    assert len(rollup._known) == 3


async def test_the_end_of_the_application_waits_for_the_last_records(tmp_path: Any) -> None:
    told: list[str] = []
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")
    log = RequestLog(Starlette(routes=ROUTES), jobs=jobs, flush_seconds=600)
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    messages.put_nowait({"type": "lifespan.startup"})

    async def send(message: Any) -> None:
        told.append(message["type"])

    life = asyncio.create_task(log({"type": "lifespan", "state": {}, "app": None}, messages.get, send))
    await eventually(lambda: told, "it has started")
    for _ in range(7):
        await call(log, scope_of("/hello/ann"))
    messages.put_nowait({"type": "lifespan.shutdown"})
    await life
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (log.counts.written, log.counts.buffered) == (7, 0)
    async with jobs:
        assert len(await jobs.requests.list()) == 7
