"""What people get wrong in their first calls is refused with what would be right."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dbjobs import Backoff, InvalidOption, Jobs, QuickRetry, UnknownCommand, search_of
from dbjobs.requestlog.settings import make_settings


@dataclass
class SendEmail:
    to: str
    subject: str = ""


def application(path: Path | str = "never-opened.db") -> Jobs:
    jobs = Jobs(f"sqlite:///{path}")

    @jobs.command
    async def send_email(request: SendEmail) -> str:
        return request.to

    @jobs.command
    def add(request: int) -> int:
        return request + 1

    return jobs


async def send_email(request: SendEmail) -> str:
    """Another function than the one that is registered."""
    return request.to


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


async def test_a_handler_that_was_called_is_told_from_one_that_is_not_registered() -> None:
    jobs = application()
    with pytest.raises(UnknownCommand, match=r"send_email\(\.\.\.\) was called here.*: enqueue\(send_email, request\)"):
        await jobs.enqueue(send_email(SendEmail("a@b.c")))  # type: ignore[call-overload]
    with pytest.raises(UnknownCommand, match=r"not a int; give the handler itself and not what it returns"):
        await jobs.enqueue(6)  # type: ignore[call-overload]


async def test_a_handler_below_another_decorator_is_told_from_a_name_that_nobody_knows() -> None:
    jobs = application()
    with pytest.raises(UnknownCommand, match=r"has another handler than this send_email.*put @jobs\.command on top"):
        await jobs.enqueue(decorated(send_email), SendEmail("a@b.c"))
    with pytest.raises(UnknownCommand, match=r"no command named 'send_mail' .*did you mean 'send_email'"):
        await jobs.enqueue("send_mail")


async def test_a_field_of_the_request_given_as_an_option_is_sent_to_the_request() -> None:
    with pytest.raises(InvalidOption, match=r"unknown option 'subject'; the options are .*goes into the request"):
        await application().enqueue("send_email", subject="hello")  # type: ignore[call-overload]


@pytest.mark.parametrize("wanted", ["2031-05-01", [1], True])
async def test_a_run_after_says_that_it_may_be_a_moment(wanted: Any) -> None:
    with pytest.raises(InvalidOption, match=r"run_after=.*a delay \(seconds or a timedelta\), or a moment"):
        await application().enqueue("add", 1, run_after=wanted)


async def test_what_is_no_job_is_named_with_what_to_write() -> None:
    jobs = application()
    call = jobs.enqueue("add", 1)
    for wrong, words in (
        (call, "a call that was not awaited: write ref = await jobs.enqueue"),
        ("order-7", r"'order-7': a ref_id is looked up with get_by_ref_id\(ref_id\)"),
        ([1], "a list"),
        (None, "a NoneType"),
    ):
        with pytest.raises(InvalidOption, match=words):
            await jobs.wait(wrong)  # type: ignore[call-overload]
    call.close()


async def test_a_job_itself_is_told_to_be_named_by_its_id(tmp_path: Path) -> None:
    jobs = application(tmp_path / "jobs.db")
    async with jobs:
        job = await jobs.get(await jobs.enqueue("add", 1))
        for one in (job, *await jobs.list()):
            with pytest.raises(InvalidOption, match=r"not by a Job(Summary)?: write job\.id"):
                await jobs.cancel(one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("retry", "words"),
    [
        (lambda: Backoff(jitter="much"), "jitter must be a number between 0 and 1"),  # type: ignore[arg-type]
        (lambda: Backoff(jitter=2), "jitter must be a number between 0 and 1"),
        (lambda: Backoff(5), r"name its settings, as in Backoff\(first_seconds=2"),  # type: ignore[call-arg]
    ],
)
def test_a_wrong_backoff_is_refused(retry: Callable[[], Backoff], words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        application().command(name="other", retry=retry())(lambda: None)


@pytest.mark.parametrize("hook", ["never", lambda error: True, lambda: True])
def test_a_should_retry_that_cannot_be_called_is_refused_at_once(hook: Any) -> None:
    with pytest.raises(InvalidOption, match=r"should_retry.*\(job, error\)"):
        application().command(name="other", should_retry=hook)(lambda: None)


def test_a_quick_retry_and_the_request_log_take_timedeltas() -> None:
    policy = QuickRetry(base_seconds=timedelta(seconds=0.5), max_seconds=timedelta(minutes=1))
    assert (policy.base_seconds, policy.max_seconds) == (0.5, 60.0)
    assert policy == QuickRetry(base_seconds=0.5)
    settings = make_settings({"flush_seconds": timedelta(seconds=2), "close_seconds": timedelta(seconds=3)})
    assert (settings.flush_seconds, settings.close_seconds) == (2.0, 3.0)
    for wrong in (True, "5", timedelta(0)):
        with pytest.raises(InvalidOption, match="flush_seconds"):
            make_settings({"flush_seconds": wrong})  # type: ignore[typeddict-item]


WRONG: dict[str, Callable[[Jobs], Any]] = {
    "list: limit='5'": lambda jobs: jobs.list(limit="5"),  # type: ignore[arg-type]
    "list: limit=0": lambda jobs: jobs.list(limit=0),
    "list: before_id='7'": lambda jobs: jobs.list(before_id="7"),  # type: ignore[arg-type]
    "find: limit=True": lambda jobs: jobs.find(limit=True),
    "find: before_id=1.5": lambda jobs: jobs.find(before_id=1.5),  # type: ignore[arg-type]
    "logs: limit=0": lambda jobs: jobs.logs(1, limit=0),
    "logs: after_id=None": lambda jobs: jobs.logs(1, after_id=None),  # type: ignore[arg-type]
    "counts: bound=-1": lambda jobs: jobs.counts(bound=-1),
    "queues.limit: concurrency='5'": lambda jobs: jobs.queues.limit("mail", "5"),  # type: ignore[arg-type]
    "a queue's name must be a string, not 5": lambda jobs: jobs.queues.pause(5),  # type: ignore[arg-type]
    "bulk.list: limit=1000": lambda jobs: jobs.bulk.list(limit=1000),
    "bulk.start of 'cancel': before_id='7'": lambda jobs: jobs.bulk.start(
        "cancel",
        name="a",
        before_id="7",  # type: ignore[arg-type]
        queue="a",
    ),
    "bulk.start of 'cancel': at='now' must be a datetime with a time zone": lambda jobs: jobs.bulk.start(
        "cancel",
        name="a",
        at="now",  # type: ignore[arg-type]
        queue="a",
    ),
    "not by a list": lambda jobs: jobs.bulk.stop([1]),  # type: ignore[arg-type]
    "list: queue=5 must be a string": lambda jobs: jobs.list(queue=5),  # type: ignore[arg-type]
    "series: command=5 must be a string": lambda jobs: jobs.series(command=5),  # type: ignore[arg-type]
    "cancel: reason=None must be a string": lambda jobs: jobs.cancel(1, reason=None),  # type: ignore[arg-type]
    "by=['queue'] must be": lambda jobs: jobs.stats(by=["queue"]),  # type: ignore[call-overload]
    "until='now' must be a datetime": lambda jobs: jobs.requests.stats("route", until="now"),  # type: ignore[arg-type]
    "enqueue_many takes a list of requests, not 'ada'": lambda jobs: jobs.enqueue_many("add", "ada"),
    "enqueue_many takes a list of requests, not {'to'": lambda jobs: jobs.enqueue_many("add", {"to": "ada"}),
    "enqueue_many takes a list of requests, not 5": lambda jobs: jobs.enqueue_many("add", 5),  # type: ignore[call-overload]
    "seconds='long'": lambda jobs: jobs.bulk.preview("cancel", seconds="long", queue="a"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("words", WRONG)
async def test_an_argument_of_the_wrong_kind_is_named(words: str, tmp_path: Path) -> None:
    async with application(tmp_path / "jobs.db") as jobs:
        with pytest.raises(InvalidOption) as caught:
            await WRONG[words](jobs)
    assert words in str(caught.value)


def test_a_cell_of_a_notebook_may_be_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs("sqlite:///never-opened.db")

    def run_the_cell(answer: int) -> Callable[[], int]:
        def reply() -> int:
            return answer

        reply.__module__, reply.__qualname__ = "__main__", "reply"
        return jobs.command(reply)

    run_the_cell(1)
    with pytest.raises(InvalidOption, match="already registered"):
        run_the_cell(2)
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    last = run_the_cell(3)
    assert jobs._registry.find("reply").handler is last
    assert jobs._registry.find(last).handler is last
    with pytest.raises(InvalidOption, match="already registered"):
        jobs.command(name="reply")(application)  # another function


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Jobs("sqlite:///never.db", schema=5), "schema 5 must be"),  # type: ignore[arg-type]
        (lambda: application().tagged(["mail"]), r"tagged: a tag=\['mail'\] must be a string"),  # type: ignore[arg-type]
        (lambda: application().command(name="c", tags=b"mail")(lambda: None), "tags=b'mail' must be a list"),  # type: ignore[arg-type]
        (lambda: search_of(5), "search_of: 5 must be a text"),  # type: ignore[arg-type]
        (
            lambda: application().admin(tokens="a-secret-of-16-or-more"),
            "tokens must be a dict of token to verbs, not a str",
        ),
        (lambda: application().admin(tokens=None), "tokens must be a dict"),
        (lambda: application().admin(peers=["x"]), "peers must be a dict of name to URL"),
        (lambda: application().admin(explore=None), "explore=None must be a list of texts"),
        (lambda: application().admin(time_zone="x" * 300), "there is no time zone"),
    ],
)
def test_an_argument_that_is_needed_at_once_is_checked_at_once(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidOption, match=words) as caught:
        call()
    assert "secret" not in str(caught.value)


async def test_workers_for_queues_that_are_no_list_are_refused() -> None:
    with pytest.raises(InvalidOption, match="queues=5 must be a list of names"):
        async with application().start(queues=5):  # type: ignore[arg-type]
            pass


def test_an_object_is_declared_as_anything(tmp_path: Path) -> None:
    jobs = application(tmp_path / "jobs.db")

    @jobs.command
    async def keep(request: object) -> None: ...

    assert jobs._registry.find(keep).encode_request({"a": [1]}, 100) == '{"a":[1]}'
