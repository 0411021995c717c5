"""Every option given to an enqueue is stored and read back; a command's defaults give way to the job's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import Backoff, InvalidOption, JobContext, Jobs, JobState
from dbjobs.commands.options import OPTION_NAMES

LATER = datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC)


async def work(request: Any) -> None: ...


async def announce(request: Any) -> None: ...


async def test_every_option_is_stored(jobs: Jobs) -> None:
    jobs.command(work)
    jobs.command(announce)
    options: dict[str, Any] = {
        "worker": "customer-7",
        "queue": "mail",
        "priority": -5,
        "callback": announce,
        "depends_on_policy": "finished",
        "user_id": "u1",
        "run_after": LATER,
        "retry_limit": 9,
        "retry": Backoff(first_seconds=1, factor=2, max_seconds=3, jitter=0),
        "on_failure": "skip",
        "timeout": 12.5,
        "ref_id": "order-1",
        "tag": "orders",
        "batch_id": "import-1",
        "created_by": "web",
        "reply_to": "inbox",
        "parent_id": 77,
        "expires_after": timedelta(days=40_000 // 2),
        "args": {"language": "de"},
        "meta": {"nested": [1, {"two": None}]},
    }
    assert set(options) == OPTION_NAMES - {"depends_on"}, "an option has no test here"
    async with jobs:
        ref = await jobs.enqueue(work, None, **options)
        job = await jobs.get(ref)
    assert job is not None
    assert job.state is JobState.SCHEDULED
    assert job.worker == "customer-7"
    assert job.queue == "mail"
    assert job.priority == -5
    assert job.callback == "announce"
    assert job.user_id == "u1"
    assert job.run_after == LATER
    assert job.retry_limit == 9
    assert job.timeout_seconds == 12.5
    assert job.ref_id == "order-1"
    assert job.tag == "orders"
    assert job.batch_id == "import-1"
    assert job.created_by == "web"
    assert job.reply_to == "inbox"
    assert job.parent_id == 77
    assert job.expires_at is not None
    assert abs(job.expires_at - job.created_at - timedelta(days=20_000)) < timedelta(seconds=1)
    assert job.args == {"language": "de"}
    assert job.meta == {"nested": [1, {"two": None}]}


async def test_times_are_utc_and_near_now(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=10)
    assert done.started_at is not None
    assert done.completed_at is not None
    assert done.created_at.utcoffset() == timedelta(0)
    assert done.created_at <= done.started_at <= done.completed_at
    assert abs(datetime.now(UTC) - done.created_at) < timedelta(minutes=5)


async def test_a_job_has_its_command_s_defaults(jobs: Jobs) -> None:
    jobs.command(queue="slow", retry_limit=7, timeout=3, tag="t", priority=4, meta={"a": 1})(work)
    async with jobs:
        job = await jobs.get(await jobs.enqueue(work))
    assert job is not None
    assert (job.queue, job.retry_limit, job.timeout_seconds, job.tag, job.priority) == ("slow", 7, 3.0, "t", 4)
    assert job.meta == {"a": 1}


async def test_a_job_s_own_options_go_before_its_command_s_defaults(jobs: Jobs) -> None:
    jobs.command(queue="slow", retry_limit=7, tag="t")(work)
    async with jobs:
        job = await jobs.get(await jobs.enqueue(work, queue="fast", retry_limit=0, tag=None))
    assert job is not None
    assert (job.queue, job.retry_limit, job.tag) == ("fast", 0, None)


async def test_a_command_without_defaults_has_the_application_s(url: str) -> None:
    jobs = Jobs(url, retry_limit=11, timeout=timedelta(minutes=2))
    jobs.command(work)
    async with jobs:
        job = await jobs.get(await jobs.enqueue(work))
    assert job is not None
    assert (job.retry_limit, job.timeout_seconds) == (11, 120.0)


async def test_a_handler_sees_the_options_of_its_job(jobs: Jobs) -> None:
    seen: dict[str, Any] = {}

    @jobs.command
    async def look(job: JobContext) -> None:
        names = "id ref_id queue worker tag batch_id user_id created_by reply_to parent_id args meta attempt command"
        for name in names.split():
            seen[name] = getattr(job, name)
        seen["age"] = datetime.now(UTC) - job.created_at

    async with jobs.start():
        ref = await jobs.enqueue(
            look, queue="q", worker="w", tag="t", batch_id="b", user_id="u", created_by="c", reply_to="r",
            parent_id=5, args={"a": "1"}, meta={"m": True}, ref_id="key",
        )  # fmt: skip
        await jobs.wait(ref, timeout=10)
    assert abs(seen.pop("age")) < timedelta(minutes=5)
    assert seen == {
        "id": ref.id, "ref_id": "key", "queue": "q", "worker": "w", "tag": "t", "batch_id": "b", "user_id": "u",
        "created_by": "c", "reply_to": "r", "parent_id": 5, "args": {"a": "1"}, "meta": {"m": True}, "attempt": 1,
        "command": "look",
    }  # fmt: skip


async def test_a_job_enqueued_by_a_handler_names_its_parent(jobs: Jobs) -> None:
    children = []

    @jobs.command
    async def child() -> None: ...

    @jobs.command
    async def parent(job: JobContext) -> None:
        children.append(await jobs.enqueue(child))
        children.append(await job.enqueue(child))

    async with jobs.start():
        ref = await jobs.enqueue(parent)
        await jobs.wait(ref, timeout=10)
        ended = [await jobs.wait(child, timeout=10) for child in children]
    assert [job.parent_id for job in ended] == [ref.id, ref.id]


@pytest.mark.once
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("worker", ""),
        ("queue", None),
        ("priority", "high"),
        ("priority", 2**40),
        ("run_after", -1),
        ("run_after", "tomorrow"),
        ("retry_limit", -1),
        ("retry", 5),
        ("retry", Backoff(jitter=2)),
        ("on_failure", "explode"),
        ("timeout", -0.1),
        ("timeout", True),
        ("depends_on", 1.5),
        ("depends_on_policy", "maybe"),
        ("tag", "x" * 256),
        ("tag", "a\0b"),
        ("tag", "\ud800"),
        ("ref_id", 7),
        ("args", {"a": 1}),
        ("args", "a=1"),
        ("meta", {1: 2}),
        ("meta", {"f": object()}),
        ("meta", {"f": "a\0b"}),
        ("expires_after", "1h"),
        ("parent_id", 0),
    ],
)
async def test_a_wrong_option_is_refused_by_name_and_stores_nothing(jobs: Jobs, option: str, value: Any) -> None:
    jobs.command(work)
    async with jobs:
        with pytest.raises(InvalidOption, match=option):
            await jobs.enqueue(work, **{option: value})
        assert await jobs.list() == []


@pytest.mark.once
async def test_an_unknown_option_is_refused_with_the_nearest_name(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs:
        with pytest.raises(InvalidOption, match=r"unknown option 'prioriy'; did you mean 'priority'"):
            await jobs.enqueue(work, prioriy=1)  # type: ignore[call-overload]
        assert await jobs.list() == []


@pytest.mark.once
async def test_a_naive_datetime_is_refused(jobs: Jobs) -> None:
    jobs.command(work)
    async with jobs:
        with pytest.raises(InvalidOption, match="time zone"):
            await jobs.enqueue(work, run_after=datetime(2030, 1, 1))
