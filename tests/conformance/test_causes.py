"""Failures by cause: counted in memory where they happen, written now and then, folded, forgotten."""

from __future__ import annotations

import pytest

from dbjobs import Backoff, Cancel, Jobs
from dbjobs.engine import causes
from dbjobs.engine.frames import own_frame
from dbjobs.inspect import periods
from dbjobs.inspect.causes import FailureGroup, groups
from dbjobs.store import repository
from dbjobs.store.repository.causes import CauseRow, Failures
from dbjobs.store.repository.rollups import DAY, HOUR
from tests.conformance.helpers import wait_all

pytestmark = pytest.mark.about_us


async def found(jobs: Jobs, days: float = 1) -> list[FailureGroup]:
    db = jobs._client.db
    now = await repository.read_clock(db)
    return (await groups(db, periods.period(now, now - days * DAY))).groups


def deliver(to: str) -> None:
    raise ConnectionError(f"{to} ü refused")


def look_up(to: str) -> None:
    raise KeyError(to)


async def test_attempts_are_grouped_by_error_place_and_command(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01))
    async def send(to: str) -> None:
        if to == "fine":
            return
        (deliver if to.startswith("a") else look_up)(to)

    @jobs.command(retry_limit=0)
    async def other(to: str) -> None:
        deliver(to)

    @jobs.command
    async def unwanted() -> None:
        raise Cancel("not a failure")

    async with jobs:
        refs = [await jobs.enqueue(send, to) for to in ("a1", "fine", "a2", "b1", "fine")]
        last = await jobs.enqueue(other, "a3")
        refs += [last, await jobs.enqueue(unwanted)]
        async with jobs.start():
            await wait_all(jobs, refs)
        listed = await found(jobs)
        counts = {(one.command, one.code, one.frame.rpartition(":")[2]): (one.jobs, one.attempts) for one in listed}
        assert counts == {
            ("send", "ConnectionError", "deliver"): (2, 4),
            ("send", "KeyError", "look_up"): (1, 2),
            ("other", "ConnectionError", "deliver"): (1, 1),
        }
        one = next(one for one in listed if one.command == "other")
        assert one.frame == "tests/conformance/test_causes.py:deliver"
        assert one.message == "ConnectionError: a3 ü refused"
        assert one.sample == [last.id]
        assert one.first_at <= one.last_at
        assert sum(one.series) == 1
        assert len({one.cause for one in listed}) == 3


async def test_causes_are_bounded_and_a_new_node_counts_on(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(causes, "MOST_CAUSES", 2)
    kinds = [type(f"Error{n}", (Exception,), {}) for n in range(4)]

    @jobs.command(retry_limit=0)
    async def fail(n: int) -> None:
        raise kinds[n]

    async with jobs:
        for _ in range(2):  # two nodes, one after the other
            async with jobs.start(concurrency=1):
                await wait_all(jobs, [await jobs.enqueue(fail, n) for n in range(4)])
        listed = await found(jobs)
        assert sum(one.jobs for one in listed) == 8
        assert len(listed) == 3
        assert next(one for one in listed if one.code == "*").jobs == 4


async def test_hours_become_days_and_days_are_forgotten(jobs: Jobs) -> None:
    async with jobs:
        db = jobs._client.db
        now = int(await repository.read_clock(db))
        rows = []
        for age in (HOUR, 20 * DAY, 20 * DAY + HOUR, 300 * DAY, 500 * DAY):
            for counter in (1, 2):
                when = float(now - age)
                failures = Failures(
                    jobs=1, attempts=2, first_at=when, last_at=when, message=f"ü{age}", sample=[age + counter]
                )
                cause = ("send", "KeyError", "shop/mail.py:send")
                rows.append(CauseRow(HOUR, (now - age) // HOUR * HOUR, counter, cause, failures))
        await repository.write_causes(db, rows)
        await repository.write_causes(db, rows)  # an answer was lost: the same again
        (before,) = await found(jobs, 600)
        assert (before.jobs, before.attempts) == (10, 20)
        await causes.fold(db, None)
        (after,) = await found(jobs, 600)
        assert (after.jobs, after.attempts) == (8, 16)
        assert (after.last_at, after.message) == (before.last_at, f"ü{HOUR}")
        assert after.sample[0] in (HOUR + 1, HOUR + 2)
        assert len(after.sample) == 5
        assert abs(after.first_at.timestamp() - (now - 300 * DAY)) < 1
        left = await repository.list_causes(db, 0, now + HOUR, 100)
        assert sorted((row.period_seconds, row.failures.jobs) for row in left)[:2] == [(HOUR, 1), (HOUR, 1)]
        assert all(row.starts % row.period_seconds == 0 for row in left)
        await causes.fold(db, 6)
        assert [one.jobs for one in await found(jobs, 600)] == [6]


TRACE = """Traceback (most recent call last):
  File "/srv/shop/app/mail.py", line 10, in send
    connect()
  File "/usr/lib/python3/dist-packages/smtplib.py", line 3, in connect
    raise ConnectionError
ConnectionError
"""


@pytest.mark.once
def test_the_frame_is_the_innermost_of_the_application() -> None:
    assert own_frame(TRACE) == "shop/app/mail.py:send"
    assert own_frame(TRACE.replace("line 10", "line 99")) == own_frame(TRACE)
    assert own_frame(TRACE.replace("/srv/shop/app/mail.py", "/venv/lib/site-packages/x/y.py")) == (
        "python3/dist-packages/smtplib.py:connect"
    )
    assert own_frame(None) == own_frame("no frames") == ""
    assert own_frame('  | File "C:\\\\shop\\\\a.py", line 1, in <lambda>\n').endswith("a.py:<lambda>")
