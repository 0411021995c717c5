"""What an application logs while a job runs stands in that job's log, where a JobLogHandler was added."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Iterator

import pytest

from dbjobs import Backoff, Job, JobContext, JobLogHandler, Jobs, JobState
from tests.conformance.helpers import needs_process_groups

log = logging.getLogger("shop.orders")


@pytest.fixture
def routed() -> Iterator[JobLogHandler]:
    """The loggers below "shop", routed from INFO up."""
    logger = logging.getLogger("shop")
    handler = JobLogHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def routed_root() -> Iterator[None]:
    """Every logger, from DEBUG up."""
    root = logging.getLogger()
    handler = JobLogHandler()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield
    root.removeHandler(handler)
    root.setLevel(before)


async def lines(jobs: Jobs, job: Job) -> list[tuple[str, str]]:
    return [(line.level, line.message) for line in await jobs.logs(job.id)]


@pytest.mark.usefixtures("routed")
async def test_what_a_handler_logs_stands_in_the_log_of_its_job(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01, jitter=0))
    async def in_loop(number: int, job: JobContext) -> None:
        log.debug("too small")
        log.info("number %d", number)
        job.log("its own")
        try:
            raise ValueError("no such order")
        except ValueError:
            log.exception("order %s", number)
        log.warning("careful")
        await asyncio.create_task(in_task())
        if job.attempt == 1:
            raise ConnectionError("away")

    async def in_task() -> None:
        log.critical("from a task of its own")

    @jobs.command
    def in_thread(number: int) -> None:
        log.log(25, "number %d", number)
        there = threading.Thread(target=contextvars.copy_context().run, args=(log.info, "from another thread"))
        there.start()
        there.join()

    async with jobs.start():
        refs = [await jobs.enqueue(in_loop, 1), await jobs.enqueue(in_thread, 2)]
        first, second = [await jobs.wait(ref, timeout=20) for ref in refs]
        log.info("no job runs here")
        found = await jobs.logs(first.id)
        assert [line.attempt for line in found] == [1] * 5 + [2] * 5
        level, traceback = (await lines(jobs, first)).pop(2)
        assert [(line.level, line.message.partition("\n")[0]) for line in found[5:]] == [
            ("info", "number 1"),
            ("info", "its own"),
            ("error", "order 1"),
            ("warning", "careful"),
            ("critical", "from a task of its own"),
        ]
        assert level == "error"
        assert traceback.startswith("order 1\nTraceback (most recent call last):\n")
        assert traceback.endswith("ValueError: no such order")
        assert await lines(jobs, second) == [("info", "number 2"), ("info", "from another thread")]


@pytest.mark.usefixtures("routed_root")
async def test_lines_about_the_running_of_jobs_are_not_routed(jobs: Jobs) -> None:
    """The driver logs each statement at DEBUG, and so a line would bring about the next one."""

    @jobs.command
    async def work(job: JobContext) -> None:
        await job.enqueue(nothing)
        for name in ("dbjobs", "dbjobs.attempts", "asyncpg", "aiosqlite", "aiomysql", "asyncio"):
            logging.getLogger(name).error("not of the job")
        logging.getLogger("dbjobs_of_ours").info("of the job")

    @jobs.command
    async def nothing() -> None:
        pass

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
        assert await lines(jobs, done) == [("info", "of the job")]


@pytest.mark.usefixtures("routed")
async def test_it_goes_with_the_transaction_that_completes_the_job(jobs: Jobs) -> None:
    @jobs.command
    async def work(job: JobContext) -> None:
        async with job.transaction():
            log.info("inside")
        log.info("too late")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
        assert done.state is JobState.COMPLETED
        assert await lines(jobs, done) == [("info", "inside")]


@pytest.mark.once
async def test_it_never_raises_never_recurs_and_keeps_to_the_limits(
    jobs: Jobs, routed: JobLogHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    class Talks:
        def __str__(self) -> str:
            log.info("while a line is made")
            return "talks"

    class Refuses:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    def tell(argument: object) -> None:  # past pytest's own handler, which raises, and whose text must be UTF-8
        routed.handle(log.makeRecord(log.name, logging.INFO, __file__, 1, "%s", (argument,), None))

    @jobs.command
    async def work() -> None:
        tell(Refuses())
        tell(Talks())
        tell("half of a pair: \ud800 and \0")
        try:
            raise ValueError("y" * 15_000)
        except ValueError:
            log.exception("x" * 15_000)
        routed.handle(logging.makeLogRecord({"msg": "of no logger", "levelno": logging.INFO}))
        routed.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        log.info("formatted")
        routed.addFilter(lambda record: "secret" not in record.getMessage())
        log.info("secret")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
        found = [message for _, message in await lines(jobs, done)]
    assert done.state is JobState.COMPLETED
    assert found[:2] == ["talks", "half of a pair: \\ud800 and \\0"]
    assert 5_000 < len(found[2]) <= 10_000
    assert found[2].startswith("xxx")
    assert found[2].endswith("yyy")
    assert found[3:] == ["of no logger", "shop.orders: formatted"]
    assert "RuntimeError: no text" in capsys.readouterr().err


@pytest.mark.once
async def test_without_a_job_nothing_is_made_of_a_record(
    routed: JobLogHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(record: logging.LogRecord) -> str:
        raise AssertionError(f"made of {record.msg}")

    monkeypatch.setattr(routed, "text", refuse)
    monkeypatch.setattr(routed, "handleError", refuse)
    log.info("nobody asks for it")
    assert not routed.handle(log.makeRecord(log.name, logging.INFO, __file__, 1, "nor for it", (), None))


@pytest.mark.once
@pytest.mark.usefixtures("routed")
async def test_what_goes_on_after_its_job_is_not_routed(jobs: Jobs) -> None:
    left: list[asyncio.Task[None]] = []
    over = asyncio.Event()

    async def goes_on() -> None:
        await over.wait()
        log.info("later")

    @jobs.command
    async def work() -> None:
        left.append(asyncio.create_task(goes_on()))
        log.info("now")

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
        over.set()
        await left[0]
    async with jobs:
        assert await lines(jobs, done) == [("info", "now")]


def in_process(number: int) -> int:
    logger = logging.getLogger("shop")
    if not logger.handlers:  # as a module that sets up its logging when it is imported
        logger.addHandler(JobLogHandler())
        logger.setLevel(logging.INFO)
    log.info("number %d", number)
    if (pid := os.fork()) == 0:
        log.info("from a fork")
        os._exit(0)
    os.waitpid(pid, 0)
    _left.append(threading.Thread(target=contextvars.copy_context().run, args=(_goes_on, number)))
    _left[-1].start()
    log.error("x" * 200_000)
    return number


def _goes_on(number: int) -> None:
    _over.acquire()
    log.info("of a job that has ended: %s", number)


_left: list[threading.Thread] = []
_over = threading.Semaphore(0)


def lets_go() -> None:
    """What the calls before have left behind logs while this one runs."""
    log.info("begins")
    _over.release(len(_left))
    for thread in _left:
        thread.join()
    log.info("ends")


@pytest.mark.once
@needs_process_groups
async def test_a_handler_in_a_process_sends_its_lines(jobs: Jobs) -> None:
    jobs.command(in_process, process=True, retry_limit=0)
    jobs.command(lets_go, process=True, retry_limit=0)
    async with jobs.start(concurrency=1):
        for number in (1, 2):
            done = await jobs.wait(await jobs.enqueue(in_process, number), timeout=60)
            assert (done.response, done.error) == (number, None)
            assert await lines(jobs, done) == [("info", f"number {number}"), ("error", "x" * 9_999 + "…")]
        done = await jobs.wait(await jobs.enqueue("lets_go"), timeout=60)
        assert done.error is None
        assert await lines(jobs, done) == [("info", "begins"), ("info", "ends")]
