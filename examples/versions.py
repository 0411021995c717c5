import asyncio
from dataclasses import dataclass

from dbjobs import Jobs

URL = "sqlite:///jobs.db"


def last_week() -> Jobs:
    """The application as it was: a request is an address."""
    jobs = Jobs(URL)

    @jobs.command
    async def send_mail(to: str) -> str:
        return f"mail to {to}"

    return jobs


@dataclass
class Mail:
    to: list[str]
    subject: str


def today() -> Jobs:
    jobs = Jobs(URL)

    @jobs.command
    async def send_mail(request: Mail) -> str:
        return f"mail to {', '.join(request.to)}: {request.subject}"

    @jobs.upcast(send_mail, from_version=1)
    def with_subject(to: str) -> Mail:
        return Mail(to=[to], subject="News")

    return jobs


async def main() -> None:
    old, new = last_week(), today()
    async with old, new:
        newer = await new.enqueue("send_mail", Mail(to=["ada", "bob"], subject="Hello"))
        async with old.start():  # a node that has not been updated yet runs what it knows, and leaves the rest
            print((await old.wait(await old.enqueue("send_mail", "cay"), timeout=10)).response)
        waiting = await old.get(newer)
        assert waiting is not None
        print(waiting.command, "is", waiting.state)

        older = await old.enqueue("send_mail", "dan")
        async with new.start():
            for ref in (newer, older):
                print((await new.wait(ref, timeout=10)).response)
        print(len(await new.list(command="send_mail")), "jobs")


if __name__ == "__main__":
    asyncio.run(main())
