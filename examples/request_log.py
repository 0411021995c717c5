import asyncio

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from dbjobs import Jobs
from dbjobs.requestlog import RequestLog

jobs = Jobs("sqlite:///jobs.db")


async def order(request: Request) -> JSONResponse:
    number = request.path_params["number"]
    return JSONResponse({"order": number}, status_code=200 if number < 100 else 404)


async def sign_up(request: Request) -> JSONResponse:
    return JSONResponse({"welcome": (await request.json())["name"]})


routes = [Route("/orders/{number:int}", order), Route("/people", sign_up, methods=["POST"])]
app = RequestLog(
    Starlette(routes=routes),
    jobs=jobs,
    request_body=True,
    user=lambda scope: dict(scope["headers"]).get(b"x-user", b"").decode() or None,
    exclude=["/health"],
)


async def main() -> None:
    transport = httpx.ASGITransport(app)
    async with jobs, httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        for number in (1, 2, 500):
            await client.get(f"/orders/{number}?token=secret", headers={"x-user": "ann"})
        await client.post("/people", json={"name": "Bob", "password": "secret"})
        await app.close()  # they are written in the background; a server that ends does this by itself

        for request in await jobs.requests.list():
            print(request.status, request.method, request.path, request.query, request.user)
        [posted] = await jobs.requests.list(method="POST")
        whole = await jobs.requests.get(posted.id)
        print(whole and whole.more["request_body"])
        for stat in await jobs.requests.stats("route"):
            print(stat.name, stat.requests)
        for stat in await jobs.requests.stats("status", user="ann"):
            print("ann:", stat.name, stat.requests)


if __name__ == "__main__":
    asyncio.run(main())
