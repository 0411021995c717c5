import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dbjobs import Jobs

jobs = Jobs("sqlite:///jobs.db")


@jobs.command
async def thumbnail(path: str) -> str:
    return path.replace(".jpg", ".small.jpg")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with jobs.start(concurrency=10):  # or `async with jobs:` if workers run in processes of their own
        yield


async def upload(request: Request) -> JSONResponse:
    body = await request.json()
    ref = await jobs.enqueue(thumbnail, body["path"])
    return JSONResponse({"job": ref.id}, status_code=202)


async def status(request: Request) -> JSONResponse:
    job = await jobs.wait(int(request.path_params["job"]), timeout=10)
    return JSONResponse({"state": job.state, "response": job.response})


app = Starlette(
    lifespan=lifespan, routes=[Route("/upload", upload, methods=["POST"]), Route("/jobs/{job:int}", status)]
)


async def try_it() -> None:
    """What a server and a client do: start, two requests, stop."""
    transport = httpx.ASGITransport(app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        answer = await client.post("/upload", json={"path": "cat.jpg"})
        print(answer.status_code)
        print((await client.get(f"/jobs/{answer.json()['job']}")).json())


if __name__ == "__main__":
    asyncio.run(try_it())
