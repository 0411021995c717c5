import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from dbjobs import JobContext, Jobs

jobs = Jobs("sqlite:///jobs.db")


class Mailer:
    def __init__(self, server: str) -> None:
        self.server = server

    async def send(self, to: str, text: str) -> str:
        return f"{self.server} -> {to}: {text}"


async def open_mailer() -> AsyncIterator[Mailer]:
    print("mailer opens")
    yield Mailer("smtp.example.org")
    print("mailer closes")


jobs.provide(Mailer, open_mailer)


@dataclass
class Invoice:
    number: int
    to: str


@jobs.command(tags=["mail", "billing"])
class SendInvoice:
    def __init__(self, mailer: Mailer, greeting: str = "Hello") -> None:
        self.mailer = mailer
        self.greeting = greeting

    async def run(self, request: Invoice, job: JobContext) -> str:
        return await self.mailer.send(request.to, f"{self.greeting}, this is invoice {request.number}")


async def main() -> None:
    async with jobs.start():
        for number, to in ((1, "ada"), (2, "bob")):
            done = await jobs.wait(await jobs.enqueue(SendInvoice, Invoice(number, to)), timeout=10)
            print(done.response)
        with jobs.override(Mailer, Mailer("a fake for a test")):
            done = await jobs.wait(await jobs.enqueue(SendInvoice, Invoice(3, "cay")), timeout=10)
            print(done.response)
    print(jobs.tagged("billing"))


if __name__ == "__main__":
    asyncio.run(main())
