import asyncio

from dbjobs import JobContext, Jobs

jobs = Jobs("sqlite:///jobs.db", retry_limit=0)


@jobs.command
async def count(text: str) -> int:
    return len(text.split())


@jobs.command
async def total(job: JobContext) -> int:
    return sum(parent.response for parent in await job.parents())


@jobs.command
async def announce(words: int) -> None:
    print(f"callback: {words} words")


@jobs.command
async def broken() -> None:
    raise ValueError("no such page")


async def main() -> None:
    async with jobs.start():
        pages = ["to be or not to be", "that is the question"]
        parents = [await jobs.enqueue(count, page, batch_id="hamlet") for page in pages]
        ref = await jobs.enqueue(total, depends_on=parents, callback=announce)
        print("total:", (await jobs.wait(ref, timeout=10)).response)

        progress = await jobs.batch("hamlet")
        assert progress is not None
        print(f"batch: {progress.completed} of {progress.total}, finished: {progress.finished}")

        parent = await jobs.enqueue(broken)
        child = await jobs.wait(await jobs.enqueue(total, depends_on=parent), timeout=10)
        print(f"child: {child.state}: {child.error}".replace(str(parent.id), "N"))


if __name__ == "__main__":
    asyncio.run(main())
