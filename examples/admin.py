import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from dbjobs import Jobs
from dbjobs.admin import Visitor

jobs = Jobs("sqlite:///jobs.db")
OPERATOR = os.environ.get("OPERATOR_TOKEN", "a-secret-of-16-or-more")


@jobs.command
async def charge(card: dict[str, str]) -> str:
    return f"charged {card['holder']}"


async def may(request: Request) -> Visitor | None:
    """Tell who asks: here by a header, in your application by its session."""
    name = request.headers.get("x-user")
    return Visitor(name, frozenset({"view"})) if name else None


def hide(name: str, value: object) -> object:
    return "•••" if name.endswith(".number") else value


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with jobs.start():
        yield


page = jobs.admin(environment="staging", authorize=may, tokens={OPERATOR: ["view", "act", "admin"]}, redact=hide)
app = Starlette(routes=[Mount("/jobs", page)], lifespan=lifespan)


async def main() -> None:
    transport = httpx.ASGITransport(app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://app.example/jobs/") as browser:
        done = await jobs.wait(await jobs.enqueue(charge, {"holder": "Ada", "number": "4111"}), timeout=10)
        print(done.response)
        print("nobody:", (await browser.get("queues")).status_code)
        print("Ada:", (await browser.get("api/whoami", headers={"x-user": "Ada"})).json())
        token = {"authorization": f"Bearer {OPERATOR}"}
        print("Ada, at the audit:", (await browser.get("audit", headers={"x-user": "Ada"})).status_code)
        print(await post(browser, "api/queues/pause", {"queue": "mail"}, token))
        link = await post(browser, "api/links", {"path": "/queues", "hours": 1, "name": "the auditors"}, token)
        print("a link to", link["url"].partition("=")[0])


async def post(browser: httpx.AsyncClient, path: str, body: object, headers: dict[str, str]) -> dict[str, str]:
    answer: dict[str, str] = (await browser.post(path, json=body, headers=headers)).json()
    return answer


if __name__ == "__main__":
    asyncio.run(main())
