import asyncio
from datetime import timedelta

from dbjobs import Backoff, JobContext, Jobs
from dbjobs.testing import assert_enqueued, assert_not_enqueued, drain, frozen_time, inline, temporary_database

# --- the application ---

jobs = Jobs("postgresql://localhost/app")


@jobs.command(retry_limit=1, retry=Backoff(first_seconds=60, jitter=0))
async def send_mail(to: str, job: JobContext) -> str:
    if to == "nobody":
        raise ValueError("nobody has no mailbox")
    if to == "later" and job.attempt == 1:
        raise ConnectionError("no route to host")
    return f"mail to {to}"


async def sign_up(name: str) -> None:
    await jobs.enqueue(send_mail, name, tag="welcome", run_after=timedelta(hours=1))


# --- its tests ---


async def test_what_is_enqueued() -> None:
    with temporary_database(jobs):
        async with jobs:  # no workers: what is enqueued stays where it is
            await sign_up("ada")
            await assert_enqueued(jobs, send_mail, request="ada", run_after=timedelta(hours=1))
            await assert_not_enqueued(jobs, send_mail, tag="invoice")
            try:
                await assert_enqueued(jobs, send_mail, request="bob")
            except AssertionError as error:
                print(error)


async def test_what_is_due_runs() -> None:
    with temporary_database(jobs), frozen_time(jobs) as clock:
        async with jobs:
            await sign_up("later")
            assert await drain(jobs) == []
            clock.move(timedelta(hours=1))
            [tried] = await drain(jobs)
            clock.move(60)
            [done] = await drain(jobs)
            print(tried.state, done.state, done.attempt, done.response)


async def test_at_once() -> None:
    async with inline(jobs) as ran:  # no database at all
        await sign_up("cay")
        print([job.response for job in ran.jobs])
        try:
            await sign_up("nobody")
        except ValueError as error:
            print(error)


if __name__ == "__main__":
    for test in (test_what_is_enqueued, test_what_is_due_runs, test_at_once):
        asyncio.run(test())
