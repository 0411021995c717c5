"""Jobs of every kind, for pages to show."""

from __future__ import annotations

from dbjobs import JobContext, Jobs, Schedule


async def filled(jobs: Jobs) -> int:
    """Jobs that ended well and badly, that wait, a schedule, a paused queue; the id of the job that failed."""

    @jobs.command(retry_limit=0)
    async def work(what: str, job: JobContext) -> str:
        job.log("a line")
        if what == "fail":
            raise RuntimeError("no")
        return what

    failed = 0
    async with jobs.start():
        for what in ("a", "fail"):
            ref = await jobs.enqueue(work, what, tag="t", batch_id="b", ref_id=what)
            failed = ref.id
            await jobs.wait(ref, timeout=20)
        await jobs.enqueue(work, "later", run_after=3600, worker="lane")
        await jobs.schedules.put("hourly", Schedule.every(3600), work, "x")
        await jobs.queues.pause("mail")
        await jobs.enqueue(work, "waits", queue="mail")
    return failed
