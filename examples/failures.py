import asyncio

from dbjobs import Backoff, Cancel, JobContext, Jobs, RetryAfter

jobs = Jobs("sqlite:///jobs.db")


@jobs.command(retry_limit=3, retry=Backoff(first_seconds=0.01, factor=2, jitter=0))
async def flaky(job: JobContext) -> str:
    if job.attempt < 3:
        raise ConnectionError("the other side is away")
    return f"attempt {job.attempt} worked"


@jobs.command
async def polite(job: JobContext) -> str:
    if job.attempt == 1:
        raise RetryAfter(0.01, "429 Too Many Requests")
    return "welcome"


@jobs.command
async def obsolete() -> None:
    raise Cancel("the order was deleted")


@jobs.command(timeout=0.05, retry_limit=0)
async def slow() -> None:
    await asyncio.sleep(60)


@jobs.command
async def endless() -> None:
    await asyncio.sleep(3600)


async def main() -> None:
    async with jobs.start():
        for command in (flaky, polite, obsolete, slow):
            job = await jobs.wait(await jobs.enqueue(command), timeout=10)
            print(f"{job.command}: {job.state}, {len(job.errors)} failed attempts, {job.response or job.error}")

        ref = await jobs.enqueue(endless)
        await jobs.cancel(ref, reason="not needed any more")
        ended = await jobs.wait(ref, timeout=10)
        print(f"endless: {ended.state}")
        print("requeued:", await jobs.requeue(ref))
        await jobs.cancel(ref)


if __name__ == "__main__":
    asyncio.run(main())
