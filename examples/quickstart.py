import asyncio
from dataclasses import dataclass

from dbjobs import JobContext, Jobs

jobs = Jobs("sqlite:///jobs.db")


@dataclass
class SendEmail:
    to: str
    subject: str


@jobs.command(retry_limit=5, timeout=30)
async def send_email(request: SendEmail, job: JobContext) -> str:
    job.log(f"sending to {request.to}")
    job.progress(0.5, "half way")
    return "250 OK"


async def main() -> None:
    async with jobs.start():
        ref = await jobs.enqueue(send_email, SendEmail("a@b.c", "hi"), tag="orders")
        done = await jobs.wait(ref, timeout=10)
        print(done.state, done.response)
        for line in await jobs.logs(ref):
            print(line.level, line.message)


if __name__ == "__main__":
    asyncio.run(main())
