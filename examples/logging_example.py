import asyncio
import json
import logging
import sys

from dbjobs import Backoff, JobFilter, Jobs

jobs = Jobs("sqlite:///jobs.db")
log = logging.getLogger("shop")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname, "logger": record.name, "message": record.getMessage()}
        for name in ("job_id", "command", "attempt", "error_code"):
            if getattr(record, name, None) is not None:
                line[name] = getattr(record, name)
        return json.dumps(line)


@jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01, jitter=0))
async def charge(card: str) -> None:
    log.info("charging %s", card)
    raise ConnectionError("the bank is away")


async def main() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    handler.addFilter(JobFilter())  # the application's own lines know their job, too
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("dbjobs").setLevel(logging.WARNING)

    async with jobs.start():
        job = await jobs.wait(await jobs.enqueue(charge, "4711"), timeout=10)
    log.info("the job has %s", job.state)


if __name__ == "__main__":
    asyncio.run(main())
