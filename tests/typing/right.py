"""Programs that mypy --strict and pyright accept, and what they find each response to be."""

# pyright: strict

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict, Unpack, assert_type, cast

import msgspec

from dbjobs import (
    ApiResponse,
    Backoff,
    Command,
    EnqueueOptions,
    Job,
    JobContext,
    JobRef,
    Jobs,
    QuickRetry,
    RetryAfter,
    Run,
    Schedule,
    ScheduledTask,
    TaskRun,
    current_user,
)
from dbjobs.testing import (
    assert_enqueued,
    assert_not_enqueued,
    drain,
    frozen_time,
    inline,
    temporary_database,
)

jobs = Jobs("sqlite:///jobs.db", timeout=timedelta(minutes=5))


@dataclass
class Mail:
    to: str


class Letter(msgspec.Struct):
    to: str


class Parcel(msgspec.Struct):
    to: str


class Card(TypedDict):
    lines: list[int]


# --- handlers of every shape ------------------------------------------------------------------------


@jobs.command
async def send(request: Mail) -> str:
    return request.to


@jobs.command(retry_limit=5, timeout=timedelta(seconds=30), retry=Backoff(first_seconds=timedelta(seconds=1)))
async def send_with_job(request: Mail, job: JobContext) -> int:
    return job.id


@jobs.command(queue="nightly", should_retry=lambda job, error: job.attempt < 3)
async def tidy() -> None: ...


@jobs.command
async def watch(job: JobContext) -> list[int]:
    if job.last_try:
        raise RetryAfter(timedelta(minutes=1))
    return [job.id]


@jobs.command(process=True)
def resize(request: Mail) -> dict[str, Any]:
    return {"to": request.to}


@jobs.command
def post(request: Letter, job: JobContext) -> Parcel:
    return Parcel(to=request.to)


@jobs.command
def count() -> int:
    return 5


@jobs.command
def look(job: JobContext) -> Mail | None:
    return None


@jobs.command
async def pack(request: Parcel) -> Letter:
    return Letter(request.to)


@jobs.command
async def draw(request: Card) -> Card:
    return request


@jobs.command
async def optional(request: int = 5, job: JobContext | None = None) -> float:
    return request / 2


@jobs.command
async def perhaps(request: Mail | None) -> bool:
    return request is not None


@jobs.command
async def total(request: Sequence[float]) -> float:
    return sum(request)


@jobs.command
async def anything(request: dict[str, Any]) -> dict[str, Any]:
    return request


@jobs.command
async def unknown(request: Any) -> Any:
    return request


async def later(request: Mail) -> str:
    return request.to


jobs.command(later)
jobs.command(later, name="later_again", priority=5)


class Mailer:
    async def send(self, request: Mail, job: JobContext) -> str:
        return request.to

    def count(self) -> int:
        return 5


class Greeter:
    async def __call__(self, request: str) -> str:
        return request


@jobs.command
@dataclass
class Post:
    mailer: Mailer
    copies: int = 1

    async def run(self, request: Mail) -> str:
        return request.to * self.copies


@jobs.command(tags=["mail"], quick_retry=QuickRetry(times=2, base_seconds=timedelta(seconds=0.1), never=(KeyError,)))
class PostInJob:
    def __init__(self, mailer: Mailer) -> None:
        self.mailer = mailer

    async def run(self, request: Mail, job: JobContext) -> int:
        return job.id


@jobs.command
class Sweep:
    async def run(self) -> list[int]:
        return []


@jobs.command
class SweepInJob:
    def run(self, job: JobContext) -> float:
        return 0.5


@jobs.command
class Print:
    def run(self, request: Letter) -> Parcel:
        return Parcel(to=request.to)


def make_mailer(greeting: str = "") -> Mailer:
    return Mailer()


jobs.provide(Mailer, make_mailer)


@jobs.upcast(send, from_version=1)
def send_v1(old: dict[str, str]) -> dict[str, str]:
    return {"to": old["address"]}


mailer = jobs.command(Mailer().send)
greeter = jobs.command(name="greet")(Greeter())
declared: Command = jobs.declare("elsewhere", queue="other")


# --- what becomes of them -----------------------------------------------------------------------------


async def enqueues() -> None:
    mail = Mail("a@b.c")
    assert_type(await jobs.enqueue(send, mail), JobRef[str])
    assert_type(await jobs.enqueue(send_with_job, mail, tag="x", run_after=timedelta(hours=1)), JobRef[int])
    assert_type(await jobs.enqueue(tidy), JobRef[None])
    assert_type(await jobs.enqueue(watch, worker="w"), JobRef[list[int]])
    assert_type(await jobs.enqueue(resize, mail), JobRef[dict[str, Any]])
    assert_type(await jobs.enqueue(post, Letter("a")), JobRef[Parcel])
    assert_type(await jobs.enqueue(count), JobRef[int])
    assert_type(await jobs.enqueue(look), JobRef[Mail | None])
    assert_type(await jobs.enqueue(pack, Parcel(to="a")), JobRef[Letter])
    assert_type(await jobs.enqueue(draw, Card(lines=[1])), JobRef[Card])
    assert_type(await jobs.enqueue(optional), JobRef[float])
    assert_type(await jobs.enqueue(optional, 6), JobRef[float])
    assert_type(await jobs.enqueue(perhaps), JobRef[bool])
    assert_type(await jobs.enqueue(perhaps, mail), JobRef[bool])
    assert_type(await jobs.enqueue(total, [1, 2.5]), JobRef[float])
    assert_type(await jobs.enqueue(anything, {"a": 1, "b": "x"}), JobRef[dict[str, Any]])
    assert_type(await jobs.enqueue(unknown, mail), JobRef[Any])
    assert_type(await jobs.enqueue(later, mail), JobRef[str])
    assert_type(await jobs.enqueue(mailer, mail), JobRef[str])
    assert_type(await jobs.enqueue(Mailer().send, mail), JobRef[str])
    assert_type(await jobs.enqueue(Mailer().count), JobRef[int])
    assert_type(await jobs.enqueue(greeter, "Ada"), JobRef[str])
    assert_type(await jobs.enqueue(partial(send_with_job, mail)), JobRef[int])
    assert_type(await jobs.enqueue(Post, mail), JobRef[str])
    assert_type(await jobs.enqueue(PostInJob, mail, tag="x"), JobRef[int])
    assert_type(await jobs.enqueue(Sweep), JobRef[list[int]])
    assert_type(await jobs.enqueue(SweepInJob), JobRef[float])
    assert_type(await jobs.enqueue(Print, Letter("a")), JobRef[Parcel])
    assert_type(await jobs.enqueue_many(Post, [mail]), list[JobRef[str]])
    assert_type(await jobs.enqueue_many(SweepInJob, [None]), list[JobRef[float]])
    assert_type(await jobs.enqueue("send", {"to": "a@b.c"}), JobRef[Any])
    assert_type(await jobs.enqueue(declared, 5), JobRef[Any])
    assert_type(await jobs.enqueue(send, mail, ref_id="a", on_conflict="raise", depends_on=[5, "b"]), JobRef[str])
    assert_type(await jobs.enqueue_many(send, [mail, mail], batch_id="b"), list[JobRef[str]])
    assert_type(await jobs.enqueue_many(post, (Letter(to) for to in "abc")), list[JobRef[Parcel]])
    assert_type(await jobs.enqueue_many(tidy, [None, None]), list[JobRef[None]])
    assert_type(await jobs.enqueue_many("send", [{"to": "a"}]), list[JobRef[Any]])


@jobs.api
async def mail_api(request: Mail, job: JobContext) -> str:
    return request.to


@jobs.api_options(queue="orders", keep_body=False, should_retry=lambda job, error: False)
async def ship(order_id: int) -> bool:
    return True


async def app(scope: Any, receive: Any, send: Any) -> None: ...


jobs.api(name="letters", queue="mail")(post)
jobs.mount_api(app, base_url="https://example.com", state={"pool": 5}, user_headers=lambda user: {"Cookie": user})
jobs.api_options("POST", "/orders", timeout=timedelta(seconds=5))
jobs.api_options(Mail, retry_limit=3)


async def calls() -> None:
    ref = await jobs.enqueue_api("POST", "/orders", json=Mail("a"), query={"a": [1, 2]}, tag="x", user_id="7")
    assert_type(ref, JobRef[ApiResponse])
    assert_type((await jobs.wait(ref)).response.status, int)
    assert_type(await jobs.enqueue_api(ship, order_id=5, path_params={"user_id": 7}), JobRef[Any])
    assert_type(await jobs.enqueue_api(Mail("a"), run_after=5, connection=None), JobRef[Any])
    assert_type(await mail_api(Mail("a"), cast(JobContext, current_user())), str)
    assert_type(await ship(5), bool)


async def runs_now() -> None:
    mail = Mail("a@b.c")
    assert_type(await jobs.run(send, mail), str)
    assert_type(await jobs.run(resize, mail, worker="w", exclusive=True, timeout=5), dict[str, Any])
    assert_type(await jobs.run(tidy), None)
    assert_type(await jobs.run(count), int)
    assert_type(await jobs.run("send", {"to": "a@b.c"}), Any)
    run = jobs.submit(post, Letter("a"), on_success=print)
    assert_type(run, Run[Parcel])
    assert_type(await run, Parcel)
    assert_type(await run.wait(5), Run[Parcel])
    assert_type(jobs.submit(look), Run[Mail | None])
    assert_type(jobs.submit("send", {"to": "a"}), Run[Any])


def blocks() -> None:
    """The same calls for code without an event loop."""
    ref = jobs.sync.enqueue(send, Mail("a"), on_conflict="raise")
    assert_type(ref, JobRef[str])
    assert_type(jobs.sync.enqueue(look, tag="x"), JobRef[Mail | None])
    assert_type(jobs.sync.enqueue(Post, Mail("a")), JobRef[str])
    assert_type(jobs.sync.enqueue(SweepInJob), JobRef[float])
    assert_type(jobs.sync.enqueue_many(Print, [Letter("a")]), list[JobRef[Parcel]])
    assert_type(jobs.sync.enqueue("send", {"to": "a"}), JobRef[Any])
    assert_type(jobs.sync.enqueue_api("GET", "/", headers=[("a", "b")]), JobRef[ApiResponse])
    assert_type(jobs.sync.enqueue_many(resize, [Mail("a")]), list[JobRef[dict[str, Any]]])
    assert_type(jobs.sync.wait(ref, timeout=timedelta(seconds=5)), Job[str])
    assert_type(jobs.sync.get(ref), Job[str] | None)


async def waits() -> None:
    ref = await jobs.enqueue(send, Mail("a@b.c"))
    done = await jobs.wait(ref, timeout=timedelta(seconds=5), raise_on_failure=True)
    assert_type(done, Job[str])
    print(done.response.upper())
    assert_type(done.request_as(Mail), Mail)
    assert_type(done.response_as(list[int]), list[int])
    found = await jobs.get(ref)
    assert_type(found, Job[str] | None)
    assert_type((await jobs.wait(ref.id)).response, Any)
    assert_type(await jobs.get_by_ref_id("a"), Job[Any] | None)
    await jobs.cancel(ref)


async def tests() -> None:
    with temporary_database(jobs) as url, frozen_time(jobs) as clock:
        assert_type(url, str)
        clock.move(timedelta(hours=1))
        assert_type(await drain(jobs, timeout=5), list[Job])
        assert_type(await assert_enqueued(jobs, send, request=Mail("a"), tag="x", count=1), Job)
        await assert_not_enqueued(jobs, "send", where=lambda job: job.attempt > 1)
    async with inline(jobs, errors="record") as ran:
        assert_type(ran.jobs, list[Job])
    with jobs.override(Mailer, Mailer()):
        pass


async def either(job: JobRef[str] | int) -> None:
    print(await jobs.get(job), (await jobs.wait(job)).state, await jobs.cancel(job))


async def keeps(plain: JobRef, several: list[JobRef[str]]) -> JobRef:
    """An annotation without a parameter takes any reference, and gives Any."""
    assert_type(plain, JobRef[Any])
    several.append(plain)
    await keeps(await jobs.enqueue(send, Mail("a")), [])
    wide: JobRef[object] = several[0]
    job: Job = await jobs.wait(wide)
    assert_type(job.response, Any)
    return several[0]


async def sends(to: str, **how: Unpack[EnqueueOptions]) -> JobRef[str]:
    """An application's own function hands the options on, and they stay checked."""
    return await jobs.enqueue(send, Mail(to), **how)


@jobs.command
async def parent(request: Mail, job: JobContext) -> str:
    assert_type(await job.enqueue(send, request, tag="child"), JobRef[str])
    assert_type(await job.enqueue(count), JobRef[int])
    assert_type(await job.enqueue(Post, request), JobRef[str])
    assert_type(await job.enqueue("send", {"to": "a"}, ref_id="c"), JobRef[Any])
    assert_type(job.ref, JobRef[Any])
    job.progress(0.5, "half way")
    return await send(request)


async def runs() -> None:
    assert_type(await send(Mail("a")), str)
    assert_type(resize(Mail("a")), dict[str, Any])
    async with jobs.start(concurrency=5, queues={"a": 1, "b": None}, lease_seconds=timedelta(seconds=30)):
        pass
    code: int = await jobs.run_forever(grace_seconds=timedelta(seconds=10), threads=3, queues=["a"])
    print(code)


def without_an_event_loop() -> None:
    mail = Mail("a")
    assert_type(jobs.sync.enqueue(send, mail, connection=object()), JobRef[str])
    assert_type(jobs.sync.enqueue(tidy, on_conflict="raise", ref_id="r"), JobRef[None])
    assert_type(jobs.sync.enqueue(count), JobRef[int])
    assert_type(jobs.sync.enqueue("by name", {"to": "a"}), JobRef)
    assert_type(jobs.sync.enqueue_many(send, [mail]), list[JobRef[str]])
    assert_type(jobs.sync.wait(jobs.sync.enqueue(send, mail), timeout=timedelta(seconds=5)).response, str)


async def own_transaction(request: str, job: JobContext) -> None:
    async with job.transaction() as tx:
        assert_type(await tx.execute("DELETE FROM note WHERE text = $1", request), int)
        rows = await tx.fetch("SELECT text FROM note")
        await jobs.enqueue(tidy, connection=tx)
        job.respond(len(rows))


@jobs.recurring(Schedule.cron("0 9 * * 1-5", tz="Europe/Paris"), request=1, misfire="all", jitter=5, queue="slow")
@jobs.command
async def recurs(request: int) -> str:
    return str(request)


async def schedules() -> None:
    assert_type(await jobs.enqueue(recurs, 1), JobRef[str])
    assert_type(await jobs.schedules.put("a", Schedule.every(60), recurs, 1, overlap="skip", user_id="7"), bool)
    assert_type(await jobs.schedules.list(), list[ScheduledTask])
    assert_type(await jobs.schedules.get("a"), ScheduledTask | None)
    assert_type(await jobs.schedules.runs("a"), list[TaskRun])
    assert_type(await jobs.schedules.next_runs(Schedule.daily, 3), list[datetime])
    assert_type(await jobs.schedules.run_now("a"), JobRef[Any])
