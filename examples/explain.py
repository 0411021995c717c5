import asyncio
from datetime import timedelta

from dbjobs import Jobs

jobs = Jobs("sqlite:///jobs.db")
entered, finish = asyncio.Event(), asyncio.Event()


@jobs.command
async def import_file() -> None:
    entered.set()
    await finish.wait()


async def main() -> None:
    async with jobs.start():
        first = await jobs.enqueue(import_file, worker="imports")
        await entered.wait()
        behind = await jobs.enqueue(import_file, worker="imports")
        child = await jobs.enqueue(import_file, depends_on=[first, behind])
        later = await jobs.enqueue(import_file, run_after=timedelta(hours=1))
        await jobs.queues.pause("night")
        held = await jobs.enqueue(import_file, queue="night")
        for ref in (first, behind, child, later, held):
            print(ref.id, *[reason.code for reason in (await jobs.explain(ref)).reasons])
        print((await jobs.explain(held)).text)
        print((await jobs.explain(child)).reasons[0].facts)
        finish.set()


if __name__ == "__main__":
    asyncio.run(main())
