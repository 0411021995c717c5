"""The admin page's pulse: what a page shows moves it, and nothing else has to be read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dbjobs import JobContext, Jobs, Schedule
from dbjobs.store import repository

POLL_SECONDS = 0.02


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - the database is looked at, which wakes nobody
            await asyncio.sleep(POLL_SECONDS)


async def test_every_change_that_a_page_shows_moves_it(url: str) -> None:
    jobs = Jobs(url)

    @jobs.command
    async def work(what: str) -> None:
        pass

    seen: list[object] = [None]
    after_id = 0

    async def moved() -> bool:
        nonlocal after_id
        now = await repository.pulse(jobs._client.db, after_id=after_id)
        after_id = now.newest_id or after_id
        same = now.newest_id is None and seen[-1] == (now.ended, now.rest)
        seen.append((now.ended, now.rest))
        return not same

    async with jobs:
        await until(moved)
        assert not await moved()
        await jobs.enqueue(work, "x", queue="mail")
        await until(moved)
        await jobs.queues.pause("mail")
        await until(moved)
        await jobs.queues.resume("mail")
        await until(moved)
        await jobs.queues.limit("mail", 3)
        await until(moved)
        await jobs.enqueue(work, "x", run_after=3600)
        await until(moved)
        await jobs.schedules.put("hourly", Schedule.every(3600), work, "x")
        await until(moved)
        await jobs.schedules.pause("hourly")
        await until(moved)
        await repository.insert_audit(
            jobs._client.db, actor="a", action="b", target="c", outcome="done", details={}
        )  # fmt: skip
        await until(moved)


async def test_a_job_that_is_looked_at_moves_its_own(url: str) -> None:
    jobs, go = Jobs(url), asyncio.Event()

    @jobs.command
    async def work(what: str, job: JobContext) -> None:
        job.progress(0.5, "half way")
        job.log("a line")
        await go.wait()

    async with jobs.start():
        ref = await jobs.enqueue(work, "x")
        db = jobs._client.db

        async def reported() -> bool:
            found = (await repository.pulse_jobs(db, [ref.id])).get(ref.id)
            return found is not None and "half way" in found and found[-1] != "None"

        async def gone() -> bool:
            return ref.id not in await repository.pulse_jobs(db, [ref.id])

        await until(reported)
        before = await repository.pulse(db, after_id=ref.id)
        go.set()
        await until(gone)

        async def counted() -> bool:
            return (await repository.pulse(db, after_id=ref.id)).ended != before.ended

        await until(counted)
