import asyncio

from dbjobs import Jobs, search_of

jobs = Jobs("sqlite:///jobs.db")


@jobs.command(retry_limit=0)
async def send(letter: str) -> str:
    if letter.startswith("spring"):
        raise ConnectionError("421 try again later")
    return f"sent {letter}"


async def main() -> None:
    async with jobs.start():
        await jobs.queues.pause("newsletter")
        letters = await jobs.enqueue_many(send, [f"summer {n}" for n in range(300)], queue="newsletter")
        spring = await jobs.enqueue_many(send, [f"spring {n}" for n in range(3)])
        for ref in spring:
            await jobs.wait(ref, timeout=10)

        wanted = search_of("queue:newsletter state:queued")
        made = await jobs.bulk.preview("cancel", **wanted)
        print(made.count, "would be cancelled, such as job", made.samples[0].id)
        await jobs.enqueue(send, "summer for later", queue="newsletter")  # after the preview: it is not reached

        ref = await jobs.bulk.start(
            "cancel", name="no summer", started_by="ann", before_id=made.before_id, at=made.at, **wanted
        )
        done = await jobs.wait(ref, timeout=30)
        print(done.state, "-", done.status)
        print((await jobs.wait(letters[0])).error)

        undo = await jobs.bulk.undo(ref.id, started_by="ann")
        print((await jobs.wait(undo, timeout=30)).status)
        back = await jobs.get(letters[0])
        print(back and back.state)

        again = await jobs.bulk.start("requeue", name="after the outage", rate=100, **search_of('error:"try again"'))
        await jobs.wait(again, timeout=30)
        for action in await jobs.bulk.list():
            print(f"{action.name}: {action.action}, {action.reached} of {action.expected}, by {action.started_by}")


if __name__ == "__main__":
    asyncio.run(main())
