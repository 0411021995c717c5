"""Class commands: an object for each attempt, made with what the node has opened."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dbjobs import InvalidOption, Jobs, JobState, NotRunning
from dbjobs.testing import inline
from tests.conformance.helpers import wait_all


@dataclass
class Invoice:
    number: int


class Mailer:
    def __init__(self, name: str) -> None:
        self.name = name


async def test_a_node_does_not_start_without_what_its_commands_ask_for(jobs: Jobs) -> None:
    @jobs.command
    class SendInvoice:
        def __init__(self, mailer: Mailer) -> None: ...

        async def run(self, request: Invoice) -> None: ...

    with pytest.raises(InvalidOption, match=r"command 'SendInvoice' needs a Mailer \(mailer\), which nobody provides"):
        async with jobs.start():
            raise AssertionError("it has started")
    async with jobs:  # a client needs none of it
        ref = await jobs.enqueue(SendInvoice, Invoice(1))
        jobs.provide(Mailer, lambda: Mailer("late"))
        async with jobs.start():
            assert (await jobs.wait(ref, timeout=30)).state is JobState.COMPLETED


async def test_a_constructor_that_raises_fails_its_attempt_alone(jobs: Jobs) -> None:
    @jobs.command(retry_limit=0)
    class Breaks:
        def __init__(self) -> None:
            raise RuntimeError("no licence")

        async def run(self) -> None: ...

    @jobs.command
    class Works:
        async def run(self) -> int:
            return 1

    async with jobs.start():
        broken, fine = await wait_all(jobs, [await jobs.enqueue(Breaks), await jobs.enqueue(Works)], timeout=30)
    assert (broken.state, broken.error) == (JobState.FAILED, "RuntimeError: no licence")
    assert fine.response == 1


async def test_a_transient_run_gets_what_workers_have_opened(jobs: Jobs) -> None:
    jobs.provide(Mailer, lambda: Mailer("real"))

    @jobs.command
    class SendInvoice:
        def __init__(self, mailer: Mailer) -> None:
            self.mailer = mailer

        async def run(self, request: Invoice) -> str:
            return f"{self.mailer.name} {request.number}"

    async with jobs:
        with pytest.raises(NotRunning, match="command 'SendInvoice' needs a Mailer, and dependencies are open while"):
            await jobs.run(SendInvoice, Invoice(1))
        async with jobs.start():
            assert await jobs.run(SendInvoice, Invoice(2)) == "real 2"
    async with inline(jobs):
        assert await jobs.run(SendInvoice, Invoice(3), worker="lane") == "real 3"
