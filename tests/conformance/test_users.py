"""Whom a job runs for: resolved before its handler, inherited by what the handler enqueues."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser, requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbjobs import Backoff, InvalidOption, JobContext, Jobs, UnknownUser, current_user
from tests.conformance.helpers import wait_all

NO_WAIT = Backoff(first_seconds=0, max_seconds=0)


@dataclass
class User:
    id: str


class Users:
    """An application's users; ``gone`` is none of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def find(self, user_id: str) -> User | None:
        self.asked.append(user_id)
        await asyncio.sleep(0)
        return None if user_id == "gone" else User(user_id)


@pytest.fixture
def users() -> Users:
    return Users()


@pytest.fixture
def app(url: str, users: Users) -> Jobs:
    return Jobs(url, user_resolver=users.find)


async def test_the_user_is_known_in_async_handlers_in_threads_and_in_callbacks(app: Jobs, users: Users) -> None:
    @app.command
    async def here(job: JobContext) -> list[Any]:
        return [current_user().id, job.user.id, current_user() is job.user]

    @app.command
    def there() -> str:
        return str(current_user().id)

    told: list[Any] = []

    @app.command
    async def note(response: Any) -> None:
        told.append(current_user().id)

    async with app.start():
        refs = [await app.enqueue(here, user_id="7", callback=note), await app.enqueue(there, user_id="8")]
        done = await wait_all(app, refs)
        alone = await app.wait(await app.enqueue(note, None, retry_limit=0), timeout=20)
    assert [job.response for job in done] == [["7", "7", True], "8"]
    assert alone.error_code == "AttributeError"  # no user, and nobody was asked for one
    assert told == ["7"]
    assert sorted(users.asked) == ["7", "8"]  # once an attempt, callback included


async def test_an_unknown_user_fails_the_job_for_good_before_its_handler_begins(app: Jobs) -> None:
    ran: list[Any] = []

    @app.command(retry=NO_WAIT)
    async def run() -> None:
        ran.append(1)

    async with app.start():
        job = await app.wait(await app.enqueue(run, user_id="gone"), timeout=20)
    assert (job.state, job.attempt, job.error_code) == ("failed", 1, "UnknownUser")
    assert job.error == "UnknownUser: the user_resolver knows no user 'gone'"
    assert not ran


async def test_what_a_handler_enqueues_has_its_user_unless_told_otherwise(app: Jobs) -> None:
    @app.command
    async def child() -> str | None:
        user = current_user()
        return None if user is None else user.id

    @app.command(user_id="system")
    async def system() -> str:
        return str(current_user().id)

    @app.command
    async def parent(job: JobContext) -> list[int]:
        refs = [
            await app.enqueue(child),
            await job.enqueue(child),
            *await app.enqueue_many(child, [None]),
            await asyncio.to_thread(app.sync.enqueue, child),
            await app.enqueue(child, user_id="9"),
            await app.enqueue(child, user_id=None),
            await app.enqueue(system),
        ]
        return [ref.id for ref in refs]

    async with app.start():
        job = await app.wait(await app.enqueue(parent, user_id="7"), timeout=20, raise_on_failure=True)
        children = [await app.wait(id, timeout=20) for id in job.response]
    await asyncio.to_thread(app.sync.close)
    assert [one.user_id for one in children] == ["7", "7", "7", "7", "9", None, "system"]
    assert [one.response for one in children] == ["7", "7", "7", "7", "9", None, "system"]
    assert {one.parent_id for one in children} == {job.id}


class ByHeader(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        kind, _, name = conn.headers.get("authorization", "").partition(" ")
        return (AuthCredentials(["authenticated"]), SimpleUser(name)) if kind == "Bearer" else None


@requires("authenticated")
async def private(request: Request) -> Response:
    return JSONResponse([request.user.display_name, request.cookies.get("theme"), current_user().id])


@pytest.mark.once
async def test_an_api_job_is_authenticated_as_its_user(app: Jobs) -> None:
    async def headers(user: User) -> dict[str, str]:
        return {"Authorization": f"Bearer name-{user.id}", "Cookie": "theme=dark"}

    middleware = [Middleware(AuthenticationMiddleware, backend=ByHeader())]
    app.mount_api(Starlette(routes=[Route("/private", private)], middleware=middleware), user_headers=headers)
    async with app.start():
        refs = [await app.enqueue_api("GET", "/private", user_id=user_id) for user_id in ("7", None)]
        forged = await app.enqueue_api("GET", "/private", user_id="8", headers={"authorization": "Bearer name-7"})
        known, stranger, as_8 = await wait_all(app, [*refs, forged])
    assert known.response.json() == ["name-7", "dark", "7"]
    assert (stranger.state, stranger.error_code) == ("failed", "http_403")
    assert as_8.response.json() == ["name-8", "dark", "8"]
    assert "name-7" not in str(known.request)  # what the hook gives is not stored


# --- about the resolver, not the database -----------------------------------------------------------


async def _as_7(app: Jobs, **options: Any) -> Any:
    @app.command(retry=NO_WAIT, **options)
    async def who() -> Any:
        return getattr(current_user(), "id", None)

    async with app.start():
        return await app.wait(await app.enqueue(who, user_id="7"), timeout=20)


@pytest.mark.once
@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_plain_resolver_runs_in_the_event_loop_or_in_a_thread_if_it_waits(url: str, in_thread: bool) -> None:
    threads: list[bool] = []

    def find(user_id: str) -> User:
        threads.append(threading.current_thread() is not threading.main_thread())
        return User(user_id)

    job = await _as_7(Jobs(url, user_resolver=find, user_resolver_in_thread=in_thread))
    assert (job.response, threads) == ("7", [in_thread])


@pytest.mark.once
async def test_without_a_resolver_a_user_id_is_a_text_and_nobody_is_the_user(url: str) -> None:
    job = await _as_7(Jobs(url))
    assert (job.state, job.user_id, job.response) == ("completed", "7", None)
    assert current_user() is None


@pytest.mark.once
async def test_a_resolver_that_raises_fails_the_attempt_and_one_that_knows_a_reason_the_job(url: str) -> None:
    calls = 0

    def find(user_id: str) -> User:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ConnectionError("no directory")
        raise UnknownUser(f"{user_id} is locked")

    job = await _as_7(Jobs(url, user_resolver=find))
    assert (job.state, job.attempt, job.error) == ("failed", 2, "UnknownUser: 7 is locked")
    assert [error.code for error in job.errors] == ["ConnectionError", "UnknownUser"]


@pytest.mark.once
async def test_a_resolver_that_hangs_is_ended_by_the_timeout(url: str) -> None:
    async def find(user_id: str) -> None:
        await asyncio.sleep(3600)

    job = await _as_7(Jobs(url, user_resolver=find), timeout=0.2, retry_limit=0)
    assert (job.state, job.error_code) == ("failed", "timeout")


@pytest.mark.once
def test_a_resolver_that_cannot_be_one_is_refused(url: str) -> None:
    async def find(user_id: str) -> None: ...

    with pytest.raises(InvalidOption, match="user_resolver must be a function"):
        Jobs(url, user_resolver="me")  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match="user_resolver_in_thread=True needs a plain"):
        Jobs(url, user_resolver=find, user_resolver_in_thread=True)
