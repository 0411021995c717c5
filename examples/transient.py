import asyncio

import anyio

from dbjobs import JobContext, Jobs

jobs = Jobs("sqlite:///jobs.db")


@jobs.command
async def render(page: str, job: JobContext) -> str:
    job.log("rendering")
    job.progress(0.5, "half way")
    await asyncio.sleep(0.01)
    return f"<h1>{page}</h1>"


@jobs.command
async def export(_: str) -> None:
    await asyncio.sleep(60)


@jobs.command(worker="printer")
async def print_out(page: str) -> None:
    if page == "torn":
        raise ValueError("the paper is torn")


async def main() -> None:
    async with jobs.start():
        print(await jobs.run(render, "home"))

        try:
            await jobs.run(print_out, "torn")
        except ValueError as error:
            print("raised:", error)

        run = jobs.submit(render, "about", on_success=lambda html: print("told:", html))
        await run.wait()
        print(run.state, run.progress, [line.message for line in run.logs])

        with anyio.move_on_after(0.05):
            await jobs.run(export, "everything")
        print(jobs.runs.latest(1)[0].state)

        await jobs.enqueue(print_out, "page 1")
        await jobs.run(print_out, "page 2", exclusive=True)

        for timings in jobs.runs.timings():
            print(timings.command, timings.count, timings.failed, timings.cancelled)


if __name__ == "__main__":
    asyncio.run(main())
