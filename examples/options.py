import asyncio
from datetime import timedelta

from dbjobs import Jobs

jobs = Jobs("sqlite:///jobs.db")


@jobs.command
async def remind(user: str) -> str:
    return f"reminded {user}"


async def main() -> None:
    async with jobs:  # a client: it enqueues and looks, and runs nothing
        later = await jobs.enqueue(remind, "ada", run_after=timedelta(hours=1), tag="reminder", created_by="docs")
        once = await jobs.enqueue(remind, "bob", ref_id="remind-bob-2031-05-01")
        again = await jobs.enqueue(remind, "bob", ref_id="remind-bob-2031-05-01")
        many = await jobs.enqueue_many(remind, ["cay", "dan", "eve"], queue="bulk", priority=10)

        job = await jobs.get(later)
        assert job is not None
        print(job.state, job.tag, job.created_by)
        print(once.created, again.created, once.id == again.id)
        print(len(many), "jobs in", {job.queue for job in await jobs.list(queue="bulk")})


if __name__ == "__main__":
    asyncio.run(main())
