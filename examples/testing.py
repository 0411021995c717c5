import asyncio
import tempfile
from pathlib import Path

from dbjobs import Jobs, JobState


def build(url: str) -> Jobs:
    """The application's jobs, on whatever database it is given."""
    jobs = Jobs(url)

    @jobs.command
    async def add(numbers: list[int]) -> int:
        return sum(numbers)

    return jobs


async def test_add() -> None:
    with tempfile.TemporaryDirectory() as folder:
        jobs = build(f"sqlite:///{Path(folder, 'jobs.db')}")
        async with jobs.start():
            job = await jobs.wait(await jobs.enqueue("add", [1, 2, 3]), timeout=10)
        assert (job.state, job.response) == (JobState.COMPLETED, 6)


async def test_that_something_is_enqueued() -> None:
    with tempfile.TemporaryDirectory() as folder:
        jobs = build(f"sqlite:///{Path(folder, 'jobs.db')}")
        async with jobs:  # no workers: what is enqueued stays where it is
            await jobs.enqueue("add", [1, 2])
            [queued] = await jobs.list(command="add")
        assert queued.state is JobState.QUEUED


if __name__ == "__main__":
    asyncio.run(test_add())
    asyncio.run(test_that_something_is_enqueued())
    print("2 passed")
