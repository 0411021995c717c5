"""No attempt fails silently: each writes one log line that says which job, why, and whether it runs again."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest

from dbjobs import Backoff, Cancel, JobContext, JobFilter, Jobs, JobState, RetryAfter
from dbjobs.store import repository
from dbjobs.store.database import make_database
from tests.conformance.helpers import START, Gate, eventually

pytestmark = pytest.mark.about_us

AT_ONCE = Backoff(first_seconds=0.01, jitter=0)
LOGGER = "dbjobs.attempts"


@pytest.fixture
def attempts(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged about attempts, from INFO up."""
    caplog.set_level(logging.INFO, LOGGER)
    return caplog


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == LOGGER]


def fields(record: logging.LogRecord, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in names)


@pytest.mark.about_us
async def test_a_failed_attempt_warns_and_the_last_one_is_an_error_with_its_traceback(
    jobs: Jobs, attempts: pytest.LogCaptureFixture
) -> None:
    @jobs.command(retry_limit=1, retry=AT_ONCE)
    async def send(job: JobContext) -> None:
        raise ValueError(f"no\nhost\n{job.attempt}")

    async with jobs.start() as engine:
        done = await jobs.wait(await jobs.enqueue(send, queue="mail", worker="w"), timeout=20)
        node_id = engine.node_id
    first, last = records(attempts)
    assert first.levelno == logging.WARNING
    assert first.getMessage() == (
        f"job {done.id} (send): attempt 1 failed: ValueError: no host 1; the job runs again at once"
    )
    assert fields(first, "job_id", "command", "attempt", "queue", "worker") == (done.id, "send", 1, "mail", "w")
    assert fields(first, "outcome", "error_code", "retry_in_seconds") == ("retry", "ValueError", 0.01)
    assert first.exc_info is None
    assert last.levelno == logging.ERROR
    assert last.getMessage().endswith("attempt 2 failed: ValueError: no host 2; the job has failed for good")
    assert fields(last, "attempt", "node_id", "outcome", "retry_in_seconds") == (2, node_id, "failed", None)
    assert last.exc_info is not None
    assert "in send" in logging.Formatter().format(last)


@pytest.mark.once
async def test_a_line_with_a_traceback_is_text_for_every_stream(jobs: Jobs, attempts: pytest.LogCaptureFixture) -> None:
    """A lone surrogate in the error's text would cost a stream in UTF-8 the whole line."""

    @jobs.command(retry_limit=0)
    async def odd() -> None:
        raise ValueError(f"odd \0 \ud800 {'x' * 100_000}")

    async with jobs.start():
        await jobs.wait(await jobs.enqueue(odd), timeout=20)
    (record,) = records(attempts)
    line = logging.Formatter().format(record).encode()
    assert rb"ValueError: odd \0 \ud800 xxx" in line
    assert b"in odd" in line
    assert len(line) < 20_000


@pytest.mark.once
async def test_a_job_that_completes_writes_no_line(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    @jobs.command
    async def work(request: int) -> int:
        return request

    async with jobs.start():
        await jobs.wait(await jobs.enqueue(work, 1), timeout=20)
        caplog.set_level(logging.DEBUG)
        caplog.clear()
        refs = await jobs.enqueue_many(work, [1, 2, 3])
        for ref in refs:
            await jobs.wait(ref, timeout=20)
        assert [record for record in caplog.records if record.name.startswith("dbjobs")] == []


@pytest.mark.once
async def test_a_timeout_and_a_wish_for_a_retry_are_told(jobs: Jobs, attempts: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    jobs.command(name="slow", timeout=0.1, retry_limit=0)(gate)

    @jobs.command(retry_limit=1)
    async def later() -> None:
        raise RetryAfter(0.01, "busy")

    async with jobs.start():
        slow = await jobs.wait(await jobs.enqueue("slow"), timeout=20)
        end = await jobs.wait(await jobs.enqueue(later), timeout=20)
    assert [(record.levelname, record.getMessage()) for record in records(attempts)] == [
        ("ERROR", f"job {slow.id} (slow): attempt 1 failed: timed out after 0.1 s; the job has failed for good"),
        ("WARNING", f"job {end.id} (later): attempt 1 failed: busy; the job runs again at once"),
        ("ERROR", f"job {end.id} (later): attempt 2 failed: busy; the job has failed for good"),
    ]


@pytest.mark.once
async def test_cancelled_jobs_are_told_without_alarm(jobs: Jobs, attempts: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    jobs.command(name="long")(gate)

    @jobs.command
    async def give_up() -> None:
        raise Cancel("no such user")

    async with jobs.start():
        ref = await jobs.enqueue("long")
        await gate.wait_entered()
        await jobs.cancel(ref)
        await jobs.wait(ref, timeout=20)
        other = await jobs.wait(await jobs.enqueue(give_up), timeout=20)
    assert [(record.levelname, record.getMessage()) for record in records(attempts)] == [
        ("INFO", f"job {ref.id} (long) was cancelled at attempt 1: cancelled while it was running"),
        ("INFO", f"job {other.id} (give_up) was cancelled at attempt 1: no such user"),
    ]


@pytest.mark.once
async def test_a_callback_that_fails_is_named(jobs: Jobs, attempts: pytest.LogCaptureFixture) -> None:
    @jobs.command
    async def tell(request: int) -> None:
        raise ValueError("nobody listens")

    @jobs.command(callback=tell, retry_limit=0)
    async def work() -> int:
        return 5

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
    (record,) = records(attempts)
    assert record.getMessage().startswith(f"job {done.id} (callback tell of work): attempt 1 failed: ValueError: ")
    assert fields(record, "command", "callback") == ("work", "tell")


@pytest.mark.about_us
async def test_an_error_after_the_job_s_own_transaction_is_told(jobs: Jobs, attempts: pytest.LogCaptureFixture) -> None:
    @jobs.command
    async def work(job: JobContext) -> None:
        async with job.transaction():
            pass
        raise ValueError("too late")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
        await eventually(lambda: records(attempts), "the error is logged")
    (record,) = records(attempts)
    assert done.state is JobState.COMPLETED
    assert (record.levelno, getattr(record, "job_id", None)) == (logging.WARNING, done.id)
    assert record.exc_info is not None


@pytest.mark.once
async def test_logging_that_raises_changes_no_outcome(
    jobs: Jobs, attempts: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application's record factory may know the same fields; a filter of its own may be broken."""
    factory = logging.getLogRecordFactory()

    def with_job_id(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = factory(*arguments, **named)
        record.job_id = "its own"
        return record

    @jobs.command(retry_limit=0)
    async def fail() -> None:
        raise ValueError("no")

    async with jobs.start():
        logging.setLogRecordFactory(with_job_id)
        try:
            done = await jobs.wait(await jobs.enqueue(fail), timeout=20)
        finally:
            logging.setLogRecordFactory(factory)
        (record,) = records(attempts)
        assert (done.state, done.error) == (JobState.FAILED, "ValueError: no")
        assert "attempt 1 failed: ValueError: no" in record.getMessage()

        def broken(record: logging.LogRecord) -> bool:
            raise RuntimeError("this filter is broken")

        logging.getLogger(LOGGER).addFilter(broken)
        try:
            done = await jobs.wait(await jobs.enqueue(fail), timeout=20)
        finally:
            logging.getLogger(LOGGER).removeFilter(broken)
        assert (done.state, done.error) == (JobState.FAILED, "ValueError: no")


@pytest.mark.about_us
async def test_a_failure_whose_text_no_stream_takes_is_written_all_the_same(
    jobs: Jobs, attempts: pytest.LogCaptureFixture
) -> None:
    """A stream that refuses half a surrogate pair would lose the line."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    handler = logging.StreamHandler(stream)
    texts = ["half a pair: \ud800", "nul: \0", "y" * 100_000, "plain"]

    @jobs.command(retry_limit=0)
    async def fail(at: int) -> None:
        raise ValueError(texts[at])

    @jobs.command(retry_limit=0)
    async def later() -> None:
        raise RetryAfter(1, "half a pair: \ud800")

    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    try:
        async with jobs.start():
            for at in range(len(texts)):
                await jobs.wait(await jobs.enqueue(fail, at), timeout=20)
            await jobs.wait(await jobs.enqueue(later), timeout=20)
    finally:
        logger.removeHandler(handler)
    stream.flush()
    written = stream.buffer.getvalue().decode()
    assert written.count("the job has failed for good") == 5
    assert r"ValueError: half a pair: \ud800" in written.splitlines()
    assert "ValueError: plain" in written.splitlines()
    assert len(written) < 30_000
    assert all(record.exc_info is not None for record in records(attempts)[:4]), (
        "a service that groups errors wants them"
    )


async def test_each_job_of_a_lost_node_is_told(url: str, jobs: Jobs, attempts: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    jobs.command(name="work")(gate)
    db = make_database(url)
    async with jobs:
        await db.open()
        try:
            again = await jobs.enqueue("work", retry_limit=1, retry=AT_ONCE)
            final = await jobs.enqueue("work", retry_limit=0)
            node = await repository.register_node(db, "node", 60.0, "{}")
            assert len(await repository.claim_jobs(db, node, [("default", 2, *START)], 2, ["work"])) == 2
            assert await repository.heartbeat(db, node, -1.0, "{}")
        finally:
            await db.close()
        async with jobs.start(lease_seconds=3):
            await jobs.wait(final, timeout=30)
            gate.open()
            await jobs.wait(again, timeout=30)
            await eventually(lambda: len(records(attempts)) == 2, "both are told")
    lost = f"node {node} stopped renewing its lease while it held this job"
    told = {record.job_id: record for record in records(attempts)}  # type: ignore[attr-defined]
    assert told[again.id].levelno == logging.WARNING
    assert told[final.id].levelno == logging.ERROR
    for ref in (again, final):
        assert lost in told[ref.id].getMessage()
        assert fields(told[ref.id], "command", "queue", "attempt", "node_id", "error_code") == (
            "work", "default", 1, node, "node_lost",
        )  # fmt: skip


@pytest.mark.once
async def test_a_handler_s_own_lines_know_their_job(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    mine = logging.getLogger("my.application")
    caplog.set_level(logging.INFO, mine.name)
    caplog.handler.addFilter(JobFilter())

    @jobs.command
    async def in_loop() -> None:
        mine.info("in the loop")

    @jobs.command
    def in_thread() -> None:
        mine.info("in a thread")

    async with jobs.start():
        refs = [await jobs.enqueue(in_loop), await jobs.enqueue(in_thread)]
        for ref in refs:
            await jobs.wait(ref, timeout=20)
    mine.info("outside")
    told = {
        record.getMessage(): fields(record, "job_id", "command", "attempt")
        for record in caplog.records
        if record.name == mine.name
    }
    assert told == {
        "in the loop": (refs[0].id, "in_loop", 1),
        "in a thread": (refs[1].id, "in_thread", 1),
        "outside": (None, None, None),
    }
