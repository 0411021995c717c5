"""What a notifier is for, what it gets, and what nobody else is shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from typer.testing import CliRunner

from dbjobs import Cancel, InvalidOption, Job, Jobs, NotDelivered, ReplyTo, RetryAfter
from dbjobs.cli.app import app
from dbjobs.reply_to import mask_reply_to
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE
from dbjobs.testing import inline
from dbjobs.webhooks import HttpNotifier
from tests.conformance.helpers import eventually
from tests.conformance.notifying import SOON, delivery_of, register, work
from tests.conformance.raw import Raw
from tests.receiver import Receiver, answer

pytestmark = pytest.mark.about_us


@pytest.mark.once
async def test_a_text_that_no_notifier_is_for_is_kept_and_nothing_more(jobs: Jobs) -> None:
    jobs.command()(work)
    async with jobs.start():
        plain = await jobs.enqueue(work, "a", reply_to="https://token@example.com/x")
        assert (await jobs.wait(plain)).response == "a https://token@example.com/x"
        assert await jobs.list(queue=DELIVERY_QUEUE) == []
    register(other := Jobs(jobs.url))
    async with other:
        await other.enqueue(work, "a", reply_to="slack:#ops")
        await other.enqueue(work, "a", reply_to="inbox")
        assert await other.list(queue=DELIVERY_QUEUE) == []


async def test_secrets_are_shown_nowhere(
    jobs: Jobs, receiver: Receiver, raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    register(jobs, retry_limit=0)
    receiver.answer = lambda _: answer(400, body=b"secret-token")
    caplog.set_level("DEBUG")
    to = receiver.url(login="user:secret-token@", path="/p?key=secret-token")
    async with jobs.start():
        ref = await jobs.enqueue(work, "fail", reply_to=to)
        await jobs.wait(ref)
        delivery = await delivery_of(jobs, ref)
        assert delivery.state == "failed"
        found = [await jobs.get(id) for id in (ref, delivery.id)]
        looked = await jobs.find(reply_to=mask_reply_to(to), seconds=10)
        assert (await jobs.find(reply_to=to, seconds=10)).jobs == ()  # nobody guesses a secret by searching for it
        lines = [
            await asyncio.to_thread(CliRunner().invoke, app, [*words, "--url", jobs.url])
            for words in (["show", str(ref.id)], ["show", "--json", str(delivery.id)], ["explain", str(delivery.id)])
        ]
        assert [line.exit_code for line in lines] == [0, 0, 0]
        assert all("***@127.0.0.1" in line.output for line in lines[:2])
        shown = [
            *map(repr, found), repr(looked), repr(await jobs.list()), repr(await jobs.explain(ref)),
            repr(await jobs.explain(delivery.id)), repr(await jobs.logs(delivery.id)), caplog.text,
            *(line.output for line in lines),
        ]  # fmt: skip
        assert {job.id for job in looked.jobs} == {ref.id, delivery.id}
        assert "secret-token" not in "".join(shown)
        assert all(job is not None and f"user:***@127.0.0.1:{receiver.port}/p?key=***" in repr(job) for job in found)
        # To run it once more it is there as it was given.
        again = await jobs.replay(ref)
        receiver.received.clear()
        await eventually(lambda: len(receiver.received) == 1, "the replay is told")
        assert receiver.received[0].headers["authorization"].startswith("Basic ")
        assert receiver.received[0].data["id"] == again.id


@pytest.mark.once
async def test_any_scheme_may_have_a_notifier(jobs: Jobs) -> None:
    told: list[tuple[Job[Any], ReplyTo]] = []
    jobs.command(retry_limit=0)(work)

    @jobs.notifier("slack", "chat", retry_limit=1, retry=SOON)
    async def chat(job: Job[Any], target: ReplyTo) -> str:
        told.append((job, target))
        if target.attempt == 1:
            raise ValueError(f"cannot reach {target.text}")
        return "sent"

    def plain(job: Job[Any], target: ReplyTo) -> None:
        asyncio.run(asyncio.sleep(0))  # not in the event loop's thread
        told.append((job, target))

    assert jobs.notifier("sms", plain) is plain
    jobs.notifier("later", lambda job, target: _raise(RetryAfter(0) if target.attempt == 1 else Cancel("no")))
    async with jobs.start():
        sms = await jobs.enqueue(work, "a", reply_to="sms:+1")
        assert (await delivery_of(jobs, sms)).state == "completed"
        slack = await delivery_of(jobs, await jobs.enqueue(work, "fail", reply_to="slack://:secret@x"))
        later = await delivery_of(jobs, await jobs.enqueue(work, "a", reply_to="later:x"))
    assert (slack.state, slack.response, slack.attempt) == ("completed", "sent", 2)
    assert slack.errors[0].message == "NotDelivered: ValueError: cannot reach slack://:***@x"
    assert (later.state, later.attempt, later.error) == ("cancelled", 2, "no")
    assert [(job.state, target.text, target.scheme) for job, target in told] == [
        ("completed", "sms:+1", "sms"), *[("failed", "slack://:secret@x", "slack")] * 2
    ]  # fmt: skip
    assert told[1][1].id == told[2][1].id
    assert "secret" not in repr(told[1][1])


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.once
async def test_in_inline_mode_it_is_told_at_once(jobs: Jobs) -> None:
    jobs.command(retry_limit=0)(work)
    told: list[tuple[str, str]] = []
    jobs.notifier("slack", lambda job, target: told.append((job.state, target.text)))
    async with inline(jobs, errors="record") as ran:
        ref = await jobs.enqueue(work, "a", reply_to="slack:#ops")
        await jobs.enqueue(work, "fail", reply_to="slack:#ops")
        await jobs.replay(ref)
        assert [job.command for job in ran.jobs] == ["work", "dbjobs.notify.slack"] * 3
    assert told == [("completed", "slack:#ops"), ("failed", "slack:#ops"), ("completed", "slack:#ops")]


@pytest.mark.once
async def test_each_wrong_use_has_its_error(jobs: Jobs, receiver: Receiver) -> None:
    register(jobs)
    loose: Any = jobs  # a type checker refuses most of these

    def refuses(text: str) -> Any:
        return pytest.raises(InvalidOption, match=text)

    with refuses("notifier: there is one for 'http' already"):
        loose.notifier("http", lambda job, target: None)
    with refuses("notifier: 'Slack:' is not a scheme"):
        loose.notifier("Slack:")
    with refuses("name a scheme"):
        loose.notifier()
    with refuses("knows no schemes of its own; name them"):
        loose.notifier(lambda job, target: None)
    with refuses("cannot be called with \\(job, target\\)"):
        loose.notifier("sms", 5)
    with refuses("cannot be called with \\(job, target\\): too many positional"):
        loose.notifier("sms", lambda job: None)
    with refuses("cannot be called with"):
        loose.notifier("sms", HttpNotifier)
    with refuses("elsewhere=True takes schemes alone"):
        loose.notifier("sms", lambda job, target: None, elsewhere=True)
    with refuses("unknown option 'worker'; the options are priority, retry, retry_limit, timeout"):
        loose.notifier("sms", worker="x")
    with refuses("command 'dbjobs.notify.sms': option retry_limit=-1"):
        loose.notifier("sms", lambda job, target: None, retry_limit=-1)
    with refuses("option queue must not be 'dbjobs.notify'"):
        jobs.command(queue=DELIVERY_QUEUE, name="other")(work)
    async with jobs.start():
        with refuses("register notifiers before the workers of this process start"):
            loose.notifier("sms", lambda job, target: None)
        for call in (
            lambda: jobs.enqueue(work, "a", reply_to="https://secret@"),
            lambda: jobs.enqueue(work, "a", reply_to="https://secret@", connection=object()),
            lambda: jobs.enqueue_many(work, ["a"], reply_to="https://secret@"),
        ):
            with refuses(r"job of 'work': option reply_to: 'https://\*\*\*@': there is no host"):
                await call()
        with refuses(r"option reply_to='https://\*\*\*@xxx.*must have at most 255 characters"):
            await jobs.enqueue(work, "a", reply_to="https://secret@" + "x" * 300)
        assert await jobs.list() == []
    with pytest.raises(NotDelivered, match="no"):
        raise NotDelivered("no")
