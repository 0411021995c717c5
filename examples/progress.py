import asyncio

from dbjobs import JobContext, Jobs, JobState

jobs = Jobs("sqlite:///jobs.db")
half_way = asyncio.Event()


@jobs.command
async def convert(pages: int, job: JobContext) -> None:
    for page in range(pages):
        job.progress(page / pages, f"page {page + 1} of {pages}")
        if page == pages // 2:
            await half_way.wait()


@jobs.command
async def render(seconds: float) -> None:
    await asyncio.sleep(seconds)  # it cannot tell how far it is


async def main() -> None:
    async with jobs:
        async with jobs.start():  # what it took so far is written when a node stops, and every 3 s
            for _ in range(3):
                await jobs.wait(await jobs.enqueue(render, 0.02), timeout=10)
        async with jobs.start():
            reports, silent = await jobs.enqueue(convert, 30), await jobs.enqueue(render, 60)
            await asyncio.sleep(1)
            page = await jobs.list(state=JobState.STARTED)
            estimates = await jobs.estimates(page)
            for job in reversed(page):
                if job.progress is not None:
                    print(f"{job.command}: {job.progress:.0%}, {job.status}")
                elif job.id in estimates:
                    print(f"{job.command}: ~{estimates[job.id]:.0%}")
            half_way.set()
            await jobs.cancel(silent)
            for ref in (reports, silent):
                print((await jobs.wait(ref, timeout=10)).state)


if __name__ == "__main__":
    asyncio.run(main())
