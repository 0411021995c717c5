"""Class commands: an object for each attempt, made with what the node has opened."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass

from dbjobs import Backoff, JobContext, Jobs
from tests.conformance.helpers import wait_all


@dataclass
class Invoice:
    number: int


class Mailer:
    def __init__(self, name: str) -> None:
        self.name = name


async def test_its_constructor_gets_what_the_node_has_opened(jobs: Jobs) -> None:
    told: list[str] = []
    made: list[object] = []

    async def mailer() -> AsyncIterator[Mailer]:
        told.append("open")
        yield Mailer("real")
        told.append("closed")

    jobs.provide(Mailer, mailer)

    @jobs.command(tag="mail", retry_limit=1, retry=Backoff(first_seconds=0))
    class SendInvoice:
        def __init__(self, mailer: Mailer, copies: int = 1) -> None:
            self.mailer = mailer
            self.copies = copies
            made.append(self)

        async def run(self, request: Invoice, job: JobContext) -> str:
            if job.attempt == 1 and request.number == 2:
                raise ConnectionError("try again")
            return f"{self.mailer.name} {request.number} x{self.copies}"

    @jobs.command
    class InThread:
        def __init__(self, mailer: Mailer) -> None:
            self.mailer = mailer

        def run(self) -> tuple[str, bool]:
            return self.mailer.name, threading.current_thread() is threading.main_thread()

    for _ in range(2):  # a second start opens them anew
        async with jobs.start():
            one, again = await wait_all(jobs, await jobs.enqueue_many(SendInvoice, [Invoice(1), Invoice(2)]))
            two = await jobs.wait(await jobs.enqueue(InThread), timeout=30)
            with jobs.override(Mailer, Mailer("fake")):
                fake = await jobs.wait(await jobs.enqueue("SendInvoice", {"number": 3}), timeout=30)
            assert told[-1] == "open"
    assert (one.response, one.tag, two.response) == ("real 1 x1", "mail", ("real", False))
    assert (again.response, again.attempt) == ("real 2 x1", 2)
    assert fake.response == "fake 3 x1"
    assert told == ["open", "closed"] * 2
    assert len({id(one) for one in made}) == len(made)
