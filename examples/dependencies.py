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
async def report(batch_id: str) -> None:
    progress = await jobs.batch(batch_id)
    assert progress is not None
    print(f"{batch_id}: {progress.completed} completed, {progress.failed} failed")


@jobs.command
async def clean_up(batch_id: str) -> str:
    return f"cleaned up after {batch_id}"


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

        async with jobs.graph() as graph:
            first, second = graph.add(count, "a rose"), graph.add(count, "by any other name")
            both = graph.add(total, after=[first, second])
        print("graph:", (await jobs.wait(both.ref, timeout=10)).response)

        async with jobs.batch("sonnets", callback=report, on_failed=clean_up) as batch:
            batch.add_many(count, ["from fairest creatures", "when forty winters"])
            batch.add(broken)
        assert batch.callback_ref is not None
        assert batch.check_ref is not None
        await jobs.wait(batch.callback_ref, timeout=10)
        print("not completed:", (await jobs.wait(batch.check_ref, timeout=10)).response)
        on_failed = await jobs.get_by_ref_id(batch.on_failed_ref_id)
        assert on_failed is not None
        print("on_failed:", (await jobs.wait(on_failed.id, timeout=10)).response)

        parent = await jobs.enqueue(broken)
        child = await jobs.wait(await jobs.enqueue(total, depends_on=parent), timeout=10)
        print(f"child: {child.state}: {child.error}".replace(str(parent.id), "N"))


if __name__ == "__main__":
    asyncio.run(main())
