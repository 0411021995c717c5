"""The event loop of our own, in which code without one has its coroutines run."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from dbjobs import NotRunning
from dbjobs.client.portal import Portal

here: ContextVar[str] = ContextVar("here", default="nowhere")


async def where() -> str:
    return f"{here.get()} {threading.current_thread().name}"


async def refuse() -> None:
    raise ValueError("no")


def test_a_coroutine_runs_in_its_thread_with_the_caller_s_context() -> None:
    portal = Portal()
    try:
        here.set("the caller's")
        assert portal.wait(where()) == "the caller's dbjobs-sync"
        with pytest.raises(ValueError, match="no"):
            portal.wait(refuse())
        with pytest.raises(TimeoutError):
            portal.wait(asyncio.sleep(60), 0.01)
        assert portal.wait(where()), "it goes on"
    finally:
        portal.stop()
    with pytest.raises(NotRunning, match="closed by another thread"):
        portal.wait(where())


def test_a_thread_that_waits_when_it_ends_hears_of_it() -> None:
    portal = Portal()
    begun = threading.Event()
    raised: list[BaseException] = []

    async def for_ever() -> None:
        begun.set()
        await asyncio.sleep(3600)

    def wait() -> None:
        try:
            portal.wait(for_ever())
        except NotRunning as error:
            raised.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    assert begun.wait(20)
    portal.stop()
    waiting.join(20)
    assert "closed by another thread" in str(raised[0])
