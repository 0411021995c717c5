import asyncio
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs, Schedule

jobs = Jobs("sqlite:///jobs.db")
TOKEN = "a-secret-of-16-or-more"


@jobs.command(queue="mail")
async def send(to: str) -> str:
    return f"sent to {to}"


@jobs.recurring(Schedule.cron("0 7 * * 1-5", tz="Europe/Berlin"))
@jobs.command
async def report() -> None:
    """Runs when the schedule says so, on one node."""


page = jobs.admin(tokens={TOKEN: ["view", "act", "admin", "explore"]}, explore=["send"])
app = Starlette(routes=[Mount("/jobs", page)])


async def main() -> None:
    transport = httpx.ASGITransport(app)
    headers = {"authorization": f"Bearer {TOKEN}"}
    base = "http://ops.example.com/jobs/api/"
    async with jobs.start(), httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:

        async def get(path: str, **query: Any) -> Any:
            return (await client.get(path, params=query)).raise_for_status().json()

        async def post(path: str, **body: Any) -> Any:
            return (await client.post(path, json=body)).raise_for_status().json()

        print((await post("queues/pause", queue="mail"))["message"])
        for to in ("ann", "bob"):
            await jobs.enqueue(send, to)
        [mail] = [queue for queue in (await get("queues"))["queues"] if queue["name"] == "mail"]
        print(mail["paused"], mail["counts"])

        print("means", (await get("bulk/preview", action="cancel", q="queue:mail"))["count"], "jobs")

        print((await get("schedules/try", expression="0 7 * * 1-5", zone="Europe/Berlin"))["words"])
        print([(task["name"], task["status"]) for task in (await get("schedules"))["tasks"]])
        print([node["state"] for node in (await get("nodes"))["nodes"]])

        print((await post("explore", command="send", request='"cat"', do="run"))["response"])
        for entry in (await get("audit"))["entries"]:
            print(entry["action"], entry["target"], entry["outcome"])


if __name__ == "__main__":
    asyncio.run(main())
