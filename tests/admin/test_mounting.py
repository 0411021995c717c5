"""The page works wherever it is mounted, and behind proxies that strip a prefix or leave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs
from tests.admin.asking import Markup, asking

pytestmark = pytest.mark.once
App = Callable[..., Any]
# One of each depth; what leads from there leads to all.
WALKED = ("/", "/queues", "/requests/routes")
QUEUE = "mail/of träge.x?#%"


def starlette(page: App) -> App:
    return Starlette(routes=[Mount("/jobs", page)])


def nested(page: App) -> App:
    return Starlette(routes=[Mount("/ops", Starlette(routes=[Mount("/jobs", page)]))])


def fastapi(page: App) -> App:
    app = FastAPI()
    app.mount("/jobs", page)
    return app


def litestar(page: App) -> App:
    @asgi("/jobs", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await page(scope, receive, send)

    return Litestar([mounted])


def django(page: App) -> App:
    """As the documentation says: Django has no mounts, so something that has stands in front of it."""
    from django.conf import settings
    from django.core.asgi import get_asgi_application

    if not settings.configured:
        settings.configure(ROOT_URLCONF=(), SECRET_KEY="x", ALLOWED_HOSTS=["*"])
    return Starlette(routes=[Mount("/jobs", page), Mount("/", get_asgi_application())])


def stripping(app: App, prefix: str) -> App:
    """A proxy that takes the prefix off and says nothing of it."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"].startswith(prefix)
        path = scope["path"][len(prefix) :]
        await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return proxy


def told(app: App, prefix: str) -> App:
    """The same with a server that is told of the prefix: uvicorn --root-path."""

    async def server(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": prefix, "path": prefix + scope["path"]}, receive, send)

    return stripping(server, prefix)


async def walk(client: httpx.AsyncClient, root: str) -> None:
    """Every page, and whatever it links to, is below the root and is there."""
    seen: set[str] = set()
    for path in WALKED:
        where = root + path
        page = await client.get(where)
        assert page.status_code == 200, (where, page.text)
        markup = Markup(page.text)
        assert markup.links
        for link in markup.links:
            target = urlsplit(urljoin(where, link))
            assert target.path.startswith(root + "/"), (where, link)
            if target.path not in seen:
                seen.add(target.path)
                answer = await client.get(urljoin(where, link))
                assert answer.status_code == 200, (where, link, answer.text)
        for form in markup.forms:
            assert urlsplit(urljoin(where, form)).path.startswith(root + "/"), (where, form)
    assert f"{root}/static/admin.css" in seen


@pytest.mark.parametrize(
    ("mounted", "root"),
    [
        (lambda page: page, ""),
        (starlette, "/jobs"),
        (nested, "/ops/jobs"),
        (fastapi, "/jobs"),
        (litestar, "/jobs"),
        (django, "/jobs"),
        (lambda page: stripping(page, "/x/y"), "/x/y"),
        (lambda page: stripping(starlette(page), "/x"), "/x/jobs"),
        (lambda page: told(starlette(page), "/x"), "/x/jobs"),
        (lambda page: told(page, "/x"), "/x"),
    ],
    ids=[
        "alone", "Starlette", "nested", "FastAPI", "Litestar", "Django", "stripped", "stripped and mounted",
        "root_path and mounted", "root_path",
    ],
)  # fmt: skip
async def test_every_link_leads_below_the_root(jobs: Jobs, mounted: Callable[[App], App], root: str) -> None:
    async with jobs, asking(mounted(jobs.admin())) as client:
        await jobs.queues.pause(QUEUE)
        await walk(client, root)
        page = await client.get(f"{root}/queues")
        token = page.text.partition('name="dbjobs-token" content="')[2].partition('"')[0]
        form = {"queue": QUEUE, "token": token, "next": "../queues?x=1"}
        done = await client.post(f"{root}/act/resume_queue", data=form)
        assert done.status_code == 303, done.text
        assert urljoin(f"{root}/act/resume_queue", done.headers["location"]) == f"{root}/queues?x=1"
        assert not [info for info in await jobs.queues.list() if info.paused]


@pytest.mark.parametrize("mounted", [starlette, fastapi, litestar])
async def test_the_root_without_a_slash_leads_to_the_one_with(jobs: Jobs, mounted: Callable[[App], App]) -> None:
    async with jobs, asking(mounted(jobs.admin())) as client:
        answer = await client.get("/jobs", follow_redirects=True)
        assert answer.status_code == 200
        assert urlsplit(str(answer.url)).path == "/jobs/"
        assert "<h1>Overview" in answer.text
        page = await client.get("/jobs/queues/?x=1", follow_redirects=True)
        assert str(page.url) == "http://localhost:8000/jobs/queues?x=1"
