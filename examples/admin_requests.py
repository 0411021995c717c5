import asyncio

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from dbjobs import Jobs
from dbjobs.requestlog import RequestLog

jobs = Jobs("sqlite:///jobs.db")


async def order(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a lamp", status_code=200 if request.path_params["number"] < 100 else 404)


routes = [Route("/orders/{number:int}", order), Mount("/jobs", jobs.admin())]
app = RequestLog(Starlette(routes=routes), jobs=jobs, exclude=["/jobs/*"], user=lambda scope: "ann")


async def main() -> None:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with jobs, httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for number in (1, 2, 500):
            await client.get(f"/orders/{number}")
        await app.close()  # a server that ends does this by itself

        page = await client.get("/jobs/requests?status=4xx")
        print(page.status_code, "/orders/500" in page.text, "/orders/2" in page.text)
        sums = await client.get("/jobs/api/requests/sums", params={"by": "status", "user": "ann"})
        for one in sums.json()["sums"]:
            print(one["name"], one["requests"])


if __name__ == "__main__":
    asyncio.run(main())
