import asyncio
import json

from dbjobs import Job, Jobs, ReplyTo
from dbjobs.webhooks import HttpNotifier

jobs = Jobs("sqlite:///jobs.db")
# The address of the receiver below is a private one, so it has to be allowed.
jobs.notifier(HttpNotifier(secret="whsec_" + "c2VjcmV0" * 5, allow_networks=["127.0.0.1"]))


@jobs.notifier("print")
async def printer(job: Job, target: ReplyTo) -> None:
    print(f"{target.text} {job.command} {job.state}: {job.error}")


@jobs.command(retry_limit=0)
async def divide(request: list[int]) -> float:
    return request[0] / request[1]


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.splitlines())}
    body = json.loads(await reader.readexactly(int(headers["content-length"])))
    print(head.splitlines()[0], headers["authorization"], headers["webhook-id"][:7], headers["webhook-signature"][:3])
    print(body["type"], body["data"]["response"])
    writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def told(ref: int) -> Job:
    delivery = await jobs.get_by_ref_id(f"notify:{ref}")
    assert delivery is not None
    return await jobs.wait(delivery.id, timeout=10)


async def main() -> None:
    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, jobs.start():
        job = await jobs.enqueue(divide, [1, 4], reply_to=f"PUT http://my-token@{host}/hook")
        delivery = await told(job.id)
        print(delivery.command, delivery.state, delivery.response)
        print(str(delivery.reply_to).replace(host, "host"))

        job = await jobs.enqueue(divide, [1, 0], reply_to="print:this")
        await told(job.id)


if __name__ == "__main__":
    asyncio.run(main())
