import asyncio

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from dbjobs import Jobs

jobs = Jobs("sqlite:///jobs.db")


@jobs.command(retry_limit=0, tags=("mail",))
async def send(to: str) -> None:
    """Send one mail."""
    if not to:
        raise ValueError("nobody to send to")


app = Starlette(routes=[Mount("/jobs", jobs.admin())])


async def main() -> None:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1234))
    async with jobs, httpx.AsyncClient(transport=transport, base_url="http://localhost/jobs") as client:
        async with jobs.start():
            for ref in [await jobs.enqueue(send, to) for to in ("alice", "bob", "")]:
                await jobs.wait(ref, timeout=10)

        day = (await client.get("api/overview", params={"period": "today"})).json()
        totals = day["totals"]
        print(totals["completed"], "completed,", totals["failed"], "failed")
        for cause in (await client.get("api/failures")).json()["failures"]:
            print(cause["command"], cause["code"], "in", cause["frame"].rpartition("/")[2], cause["jobs"])
        for command in (await client.get("api/commands", params={"q": "mail"})).json()["commands"]:
            print(command["name"], command["total"], command["about"])
        series = await jobs.series(3600, command="send")
        print(series.step_seconds, series.total.completed)
        for finding in (await client.get("api/health")).json()["findings"]:
            if not finding["ok"]:
                print(finding["message"], "-", finding["advice"])


if __name__ == "__main__":
    asyncio.run(main())
