"""The client's end of ASGI: what an application is told, what it may send, and how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dbjobs.asgi import exchange
from dbjobs.asgi.exchange import AsgiApp, Exchange
from dbjobs.errors import PayloadTooLarge

LIMIT = 1000
PATIENCE_SECONDS = 20.0


def make(app: AsgiApp, *, method: str = "GET", body: bytes = b"", keep_body: bool = True) -> Exchange:
    return Exchange(app, {"method": method, "path": "/"}, body, limit=LIMIT, keep_body=keep_body)


async def start(send: Any, status: int = 200, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def body(send: Any, content: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": more})


async def test_the_body_comes_once_and_then_the_disconnect_after_the_answer() -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())
        await start(send, 201, [(b"Content-Type", b"text/plain"), (b"Set-Cookie", b"session=1")])
        await body(send, b"made", more=True)
        await body(send, b" it")
        heard.append(await receive())

    answer = await make(app, body=b"please").run()
    assert (answer.status, answer.body, answer.headers) == (201, b"made it", (("content-type", "text/plain"),))
    assert heard == [
        {"type": "http.request", "body": b"please", "more_body": False},
        {"type": "http.disconnect"},
    ]


async def test_what_the_application_does_after_its_answer_belongs_to_the_call() -> None:
    done = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal done
        await start(send)
        await body(send, b"")
        await asyncio.sleep(0.01)
        done = True

    await make(app).run()
    assert done


async def test_an_error_after_the_answer_is_raised_and_the_answer_is_known() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await start(send, 500)
        await body(send, b"sorry")
        raise KeyError("the reason")

    call = make(app)
    with pytest.raises(KeyError, match="the reason"):
        await call.run()
    assert call.answer is not None
    assert (call.answer.status, call.answer.text) == (500, "sorry")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_whatever_leaves_the_application_is_raised_where_the_call_is_awaited(error: BaseException) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        await make(app).run()


async def test_an_answer_over_the_limit_is_cut_off_there() -> None:
    sent = 0
    refused: list[BaseException] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await start(send)
        try:
            while True:
                await body(send, b"x" * 100, more=True)
                sent += 100
        except OSError as error:
            refused.append(error)
            raise

    with pytest.raises(PayloadTooLarge, match=r"GET / has more than 1000 bytes \(max_response_bytes\)"):
        await make(app).run()
    assert sent == LIMIT
    assert len(refused) == 1


async def test_an_application_that_goes_on_past_the_limit_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "DISCONNECT_SECONDS", 0.01)
    ended = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal ended
        await start(send)
        try:
            while True:
                try:
                    await body(send, b"x" * 100, more=True)
                except OSError:
                    await asyncio.sleep(0)
        finally:
            ended = True

    with pytest.raises(PayloadTooLarge):
        await asyncio.wait_for(make(app).run(), PATIENCE_SECONDS)
    assert ended


async def test_a_body_that_is_not_kept_may_have_any_size() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await start(send)
        for _ in range(50):
            await body(send, b"x" * 100, more=True)
        await body(send, b"")

    answer = await make(app, keep_body=False).run()
    assert (answer.status, answer.body) == (200, b"")


async def test_the_answer_to_head_has_no_body() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await start(send, 200, [(b"content-length", b"4")])
        await body(send, b"text")

    answer = await make(app, method="HEAD").run()
    assert (answer.body, answer.header("Content-Length")) == (b"", "4")


async def test_a_stream_that_never_waits_leaves_the_event_loop_to_others() -> None:
    turns = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await start(send)
        while not turns > 5:
            await body(send, b"", more=True)
        await body(send, b"")

    async def other() -> None:
        nonlocal turns
        while turns <= 5:
            turns += 1
            await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(make(app).run(), other()), PATIENCE_SECONDS)


async def _cancelled(call: Exchange, ready: asyncio.Event) -> Any:
    task = asyncio.create_task(call.run())
    await asyncio.wait_for(ready.wait(), PATIENCE_SECONDS)
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    return task


async def test_a_cancellation_reaches_the_application_as_a_disconnect() -> None:
    heard: list[Any] = []
    ready = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await start(send)
        ready.set()
        heard.append(await receive())

    assert (await _cancelled(make(app), ready)).cancelled()
    assert heard == [{"type": "http.disconnect"}]


async def test_an_application_that_goes_on_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "DISCONNECT_SECONDS", 0.01)
    ended = False
    ready = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal ended
        ready.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended = True

    assert (await _cancelled(make(app), ready)).cancelled()
    assert ended


async def test_an_application_that_ends_its_answer_all_the_same_has_done_its_work() -> None:
    ready, goes_on = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        ready.set()
        await receive()  # the disconnect
        goes_on.set()
        await start(send)
        await body(send, b"done")

    task = await _cancelled(make(app), ready)
    assert goes_on.is_set()
    assert task.result().body == b"done"


async def test_an_application_that_answers_a_disconnect_with_an_error_was_interrupted() -> None:
    ready = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        ready.set()
        await receive()
        await start(send, 499)
        await body(send, b"")

    assert (await _cancelled(make(app), ready)).cancelled()


async def test_a_call_that_is_closed_where_it_waits_leaves_nothing_running() -> None:
    ready, ended = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        ready.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    coroutine = make(app).run()
    coroutine.send(None)  # up to where it waits
    await asyncio.wait_for(ready.wait(), PATIENCE_SECONDS)
    coroutine.close()
    await asyncio.wait_for(ended.wait(), PATIENCE_SECONDS)


async def test_one_that_swallows_its_cancellation_is_closed_for_good() -> None:
    ready = asyncio.Event()
    swallowed: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        ready.set()
        while True:
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                swallowed.append(True)

    before = asyncio.all_tasks()
    coroutine = make(app).run()
    coroutine.send(None)
    await asyncio.wait_for(ready.wait(), PATIENCE_SECONDS)
    coroutine.close()
    left = asyncio.all_tasks() - before
    await asyncio.wait(left, timeout=PATIENCE_SECONDS)
    assert all(task.done() for task in left)
    assert not swallowed


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


async def _half(scope: Any, receive: Any, send: Any) -> None:
    await start(send)
    await body(send, b"half", more=True)


async def _twice(scope: Any, receive: Any, send: Any) -> None:
    await start(send)
    await start(send)


async def _early(scope: Any, receive: Any, send: Any) -> None:
    await body(send, b"too early")


async def _late(scope: Any, receive: Any, send: Any) -> None:
    await start(send)
    await body(send, b"")
    await body(send, b"more")


@pytest.mark.parametrize(
    ("app", "told"),
    [
        (_nothing, "without an answer"),
        (_half, "before its answer was complete"),
        (_twice, "begins a second answer"),
        (_early, "sends a body too early"),
        (_late, "sends a body after its end"),
    ],
)
async def test_an_application_that_breaks_the_protocol_fails(app: AsgiApp, told: str) -> None:
    with pytest.raises(RuntimeError, match=told):
        await make(app).run()
