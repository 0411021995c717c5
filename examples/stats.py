import asyncio

from dbjobs import Jobs, RetryAfter

jobs = Jobs("sqlite:///jobs.db")
tries: set[str] = set()


@jobs.command
async def send(to: str) -> None:
    if to == "carol" and to not in tries:
        tries.add(to)
        raise RetryAfter(0)
    await asyncio.sleep(0.02)


@jobs.command
async def ping() -> None: ...


async def main() -> None:
    async with jobs:
        async with jobs.start():
            refs = [await jobs.enqueue(send, to, worker="smtp") for to in ("alice", "bob", "carol")]
            refs += [await jobs.enqueue(ping) for _ in range(5)]
            for ref in refs:
                await jobs.wait(ref, timeout=10)
        for one in await jobs.stats(by="command"):
            print(f"{one.name}: {one.completed} completed, {one.retried} retried, {one.run.count} attempts timed")
            if one.name == "send":
                print("half of them took 15 ms or more:", (one.run.p50 or 0) >= 15)
        told = await jobs.workers.stats()
        for worker in told.workers:
            print(worker.worker, worker.queued, worker.together)
        print(told.together)


if __name__ == "__main__":
    asyncio.run(main())
