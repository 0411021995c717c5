import asyncio
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from dbjobs import JobContext, Jobs, Schedule

jobs = Jobs("sqlite:///jobs.db")
WORKDAYS = Schedule.cron("0 9 * * 1-5", tz="Europe/Paris")


@jobs.recurring(WORKDAYS, name="sales report", request="sales", overlap="skip", user_id="7")
@jobs.command
async def report(topic: str, job: JobContext) -> str:
    return f"{topic} for user {job.user_id}"


async def main() -> None:
    print(WORKDAYS.in_words())
    paris = ZoneInfo("Europe/Paris")
    for time in islice(WORKDAYS.times_after(datetime(2026, 3, 26, 12, tzinfo=paris)), 2):
        print(time.isoformat(), "is", f"{time.astimezone(paris):%A %H:%M}", "in Paris")

    async with jobs.start():
        await jobs.schedules.put("stock report", Schedule.every(3600), report, "stock", run_at_once=True)
        await jobs.schedules.pause("sales report")  # stays paused, whatever is deployed
        ref = await jobs.schedules.run_now("sales report")
        print((await jobs.wait(ref, timeout=10)).response)
        for task in await jobs.schedules.list():
            print(f"{task.name}: {task.schedule}, {task.status}")


if __name__ == "__main__":
    asyncio.run(main())
