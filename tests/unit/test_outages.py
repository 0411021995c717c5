"""The loops of a node tell of an outage once, and go on when the database answers."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from dbjobs import DatabaseError, DatabaseUnavailable
from dbjobs.engine import resilience
from dbjobs.engine.resilience import LoopDelay, Outages, every, speak_through, supervised


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return said


@pytest.fixture
def outages(caplog: pytest.LogCaptureFixture) -> Outages:
    caplog.set_level(logging.INFO)
    return Outages()


def test_an_outage_is_told_once_by_all_loops(outages: Outages, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(50):
        for name in ("heartbeat", "claiming jobs", "writing outcomes"):
            outages.failed(name, DatabaseUnavailable("refused"))
    assert lines(caplog) == ["no database (heartbeat): refused; work waits, and goes on when it answers"]
    outages.succeeded("heartbeat")
    outages.answered()
    outages.succeeded("claiming jobs")
    assert lines(caplog) == [], "one of them still waits"
    outages.succeeded("writing outcomes")
    (line,) = lines(caplog)
    assert line.startswith("the database answers again after ")
    outages.answered()
    assert lines(caplog) == []


def test_an_outage_that_goes_on_is_told_again(
    outages: Outages, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for _ in range(100):
        outages.failed("heartbeat", DatabaseUnavailable("refused"))
        outages.failed("claiming jobs", DatabaseError("no such table"))
        now += 1
    said = lines(caplog)
    assert len(said) == 2 * 4, said
    assert "no database for 30 s (heartbeat): refused" in said
    assert "claiming jobs: has failed for 30 s: no such table; trying again" in said


def test_a_fault_of_ours_is_told_with_its_place(outages: Outages, caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise AttributeError("driver")
    except AttributeError as error:
        outages.failed("claiming jobs", error)
    assert "test_a_fault_of_ours" in caplog.text
    outages.succeeded("claiming jobs")
    assert lines(caplog)[-1].startswith("claiming jobs: works again after ")


async def test_an_answered_heartbeat_wakes_the_loops(outages: Outages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resilience, "_FIRST_SECONDS", 600.0)
    monkeypatch.setattr(resilience, "_LONGEST_SECONDS", 600.0)
    speak_through(outages)
    tried, done = asyncio.Event(), asyncio.Event()

    async def step() -> float:
        if not tried.is_set():
            tried.set()
            raise DatabaseUnavailable("refused")
        done.set()
        return 600.0

    task = asyncio.create_task(every("a loop", 0.0, step))
    await tried.wait()
    outages.answered()
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()


@pytest.mark.parametrize("error", [AttributeError("driver"), DatabaseError("no"), RuntimeError("dbjobs")])
async def test_a_loop_outlives_any_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resilience, "_FIRST_SECONDS", 0.001)
    tries = 0

    async def run() -> None:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise error

    await supervised("a loop", run)
    assert tries == 4


def test_a_loop_that_has_given_up_does_not_keep_the_outage_open(
    outages: Outages, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    outages.failed("writing outcomes", DatabaseUnavailable("refused"))
    now += resilience.REMINDER_SECONDS
    outages.answered()
    assert lines(caplog)[-1] == "the database answers again after 30.0 s"


async def test_a_backoff_without_a_node_speaks_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    backoff = LoopDelay("alone")
    await backoff.failed(DatabaseUnavailable("refused"))
    assert "no database (alone): refused" in caplog.text
