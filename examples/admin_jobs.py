import asyncio
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs

jobs = Jobs("sqlite:///jobs.db")
TOKEN = "a-secret-of-16-or-more"


@jobs.command(retry_limit=0)
async def send(to: str) -> None:
    if "@" not in to:
        raise ValueError(f"{to!r} is not an address")


app = Starlette(routes=[Mount("/jobs", jobs.admin(tokens={TOKEN: ["view", "act"]}))])


async def main() -> None:
    transport = httpx.ASGITransport(app)
    headers = {"authorization": f"Bearer {TOKEN}"}
    base = "http://ops.example.com/jobs/api/"
    async with jobs, httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:

        async def post(path: str, **body: Any) -> Any:
            return (await client.post(path, json=body)).raise_for_status().json()

        wrong = await jobs.enqueue(send, "ann.example.com")
        async with jobs.start():
            await jobs.wait(wrong, timeout=10)
        for to in ("bob@example.com", "cat@example.com"):
            await jobs.enqueue(send, to, worker="smtp")

        found = (await client.get("jobs", params={"q": "state:failed command:send"})).json()
        print([(job["command"], job["error"]) for job in found["jobs"]])
        await post("views/save", name="failed mail", q="state:failed command:send", cols="state,note")
        print([view["query"] for view in (await client.get("views")).json()["own"]])

        change = {"id": wrong.id, "request": '"ann@example.com"'}
        preview = await post("job/edit/preview", **change)
        print([line["kind"] + " " + line["text"] for line in preview["request"]])
        print((await post("job/edit", **change))["replaces"] == wrong.id)

        print((await post("jobs/cancel", state="queued", worker="smtp"))["message"])
        print((await post("jobs/requeue", ids=[wrong.id]))["count"])
        print((await client.get("job", params={"id": wrong.id})).json()["state"])


if __name__ == "__main__":
    asyncio.run(main())
