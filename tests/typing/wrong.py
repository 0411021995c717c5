"""Programs with one mistake a line: mypy --strict and pyright refuse each line that says so, and no other."""

# pyright: strict

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from dbjobs import Job, JobContext, JobRef, Jobs
from dbjobs.testing import assert_enqueued, drain, inline
from tests.typing.right import (
    Card,
    Greeter,
    Mail,
    Mailer,
    Post,
    PostInJob,
    Print,
    Sweep,
    count,
    draw,
    look,
    optional,
    perhaps,
    post,
    resize,
    send,
    send_with_job,
    tidy,
    watch,
)

jobs = Jobs("sqlite:///jobs.db")
mail = Mail("a")


@dataclass
class Other:
    to: str


async def requests() -> None:
    await jobs.enqueue(send)  # refused: no request
    await jobs.enqueue(send, 5)  # refused
    await jobs.enqueue(send(mail))  # refused: it is called here
    await jobs.enqueue(send, to="a")  # refused: a field of the request
    await jobs.enqueue(send, None)  # refused
    await jobs.enqueue(send, Other("a"))  # refused
    await jobs.enqueue(send, {"to": "a"})  # refused: a dict is for a command by name
    await jobs.enqueue(send_with_job, "a", tag="x")  # refused
    await jobs.enqueue(send_with_job)  # refused
    await jobs.enqueue(tidy, 5)  # refused: it takes no request
    await jobs.enqueue(watch, mail)  # refused
    await jobs.enqueue(resize, 5)  # refused
    await jobs.enqueue(resize)  # refused
    await jobs.enqueue(post, mail)  # refused
    await jobs.enqueue(count, 5)  # refused
    await jobs.enqueue(look, mail)  # refused
    await jobs.enqueue(draw, {"lines": ["a"]})  # refused
    await jobs.enqueue(optional, "a")  # refused
    await jobs.enqueue(perhaps, 5)  # refused
    await jobs.enqueue(Mailer().send, 5)  # refused
    await jobs.enqueue(Greeter(), 5)  # refused
    await jobs.enqueue(Post, 5)  # refused
    await jobs.enqueue(Post)  # refused: no request
    await jobs.enqueue(Sweep, mail)  # refused: it takes no request
    await jobs.enqueue(Print, mail)  # refused
    await jobs.enqueue(Other, mail)  # refused: it has no run
    await jobs.enqueue_many(PostInJob, [5])  # refused
    await jobs.enqueue(5, mail)  # refused: not a handler
    await jobs.run(send)  # refused: no request
    await jobs.run(send, 5)  # refused
    await jobs.run(send, mail, run_after=5)  # refused: an option of stored jobs
    jobs.submit(tidy, 5)  # refused: it takes no request
    await jobs.enqueue_many(send, [mail, 5])  # refused
    await jobs.enqueue_many(send, mail)  # refused: not several
    await jobs.enqueue_many(post, [mail])  # refused
    await jobs.enqueue_many(tidy, [5])  # refused


def blocking_requests() -> None:
    jobs.sync.enqueue(send, 5)  # refused
    jobs.sync.enqueue(look, mail)  # refused
    jobs.sync.enqueue(Post, 5)  # refused
    jobs.sync.enqueue(send, mail, tga="x")  # refused
    jobs.sync.enqueue_many(resize, [5])  # refused
    print(jobs.sync.wait(jobs.sync.enqueue(send, mail)).response + 5)  # refused: it is a str


async def options() -> None:
    await jobs.enqueue(send, mail, tga="x")  # refused: no such option
    await jobs.enqueue(send, mail, tag=5)  # refused
    await jobs.enqueue(send, mail, run_after="tomorrow")  # refused
    await jobs.enqueue(send, mail, on_conflict="ignore")  # refused
    await jobs.enqueue(send, mail, on_failure="stop")  # refused
    await jobs.enqueue(send, mail, ref_id=5)  # refused: a ref_id is a string
    await jobs.enqueue("send", 5, timeout="5")  # refused
    await jobs.enqueue_many(send, [mail], ref_id="a")  # refused: of one job
    await jobs.enqueue_many(send, [mail], depends_on=[1])  # refused: of one job
    jobs.command(send, retry_limit="many")  # refused
    jobs.command(ref_id="a")  # refused: no default
    jobs.declare("elsewhere", depends_on=5)  # refused: no default
    await jobs.run_forever(conurrency=5)  # refused: no such setting
    await jobs.run_forever(threads="many")  # refused
    jobs.start(lease_seconds="30")  # refused
    jobs.start(leese_seconds=30)  # refused: no such setting


async def calls() -> None:
    await jobs.enqueue_api("POST", "/orders", jsn=1)  # refused: no such option
    await jobs.enqueue_api("POST", "/orders", body=5)  # refused
    jobs.api_options("POST", "/orders", keep_body="no")  # refused
    jobs.api_options(send, depends_on=5)  # refused: no default
    jobs.api(5)  # refused
    jobs.mount_api("myapp:app")  # refused


@jobs.command
async def parent(request: Mail, job: JobContext) -> None:
    await job.enqueue(send, 5)  # refused
    await job.enqueue(send)  # refused
    await job.enqueue(count, 5)  # refused
    await job.enqueue(Post, 5)  # refused
    await job.enqueue(send, mail, tga="x")  # refused
    print(job.settled)  # refused: of the engine
    print(job.executed_body)  # refused: of the engine
    print(job.callback_pending)  # refused: of the engine


async def asked(job: JobContext, error: BaseException) -> bool:
    return True


jobs.command(send, quick_retry=3)  # refused
jobs.command(send, tags=5)  # refused
jobs.upcast(send)  # refused: from which version?
jobs.command(should_retry=asked)  # refused: a plain function decides
jobs.command(5)  # refused


async def responses() -> None:
    ref = await jobs.enqueue(send, mail)
    assert_type(ref, JobRef[int])  # refused
    done = await jobs.wait(ref)
    print(done.response + 5)  # refused: it is a str
    number: Job[int] = done  # refused
    other: JobRef[int] = ref  # refused
    print(number, other, Card)
    print(done.request_as(Mail) + 5)  # refused: it is a Mail
    await jobs.wait("order-1")  # refused
    await jobs.wait(ref, timeout="5")  # refused
    await send(5)  # refused: the decorator keeps the handler's type


async def tests() -> None:
    await drain(jobs, timeout="5")  # refused
    await assert_enqueued(jobs, send, tga="x")  # refused: no such option
    inline(jobs, errors="ignore")  # refused


def without_an_event_loop() -> None:
    jobs.sync.enqueue(send)  # refused: no request
    jobs.sync.enqueue(send, 5)  # refused
    jobs.sync.enqueue(tidy, 5)  # refused: it takes no request
    jobs.sync.enqueue_many(send, [5])  # refused
    jobs.sync.enqueue(send, mail, on_conflict="ignore")  # refused
