"""What a system does not have is done without, or refused with one clear error."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
from pathlib import Path

import pytest

from dbjobs import HandlerProcessError, InvalidOption, Jobs
from dbjobs.engine.children import Child
from dbjobs.engine.signals import signalled
from dbjobs.store.readable import poll_of


@pytest.mark.parametrize("native", [True, False])
async def test_signals_are_calls_in_the_event_loop(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    if not native:

        def none(*arguments: object) -> None:
            raise NotImplementedError

        monkeypatch.setattr(loop, "add_signal_handler", none)
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    with signalled(received.put_nowait) as is_native:
        assert is_native <= native
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)
            async with asyncio.timeout(20):
                assert await received.get() is number
    if not native:
        assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("has_poll", [True, False])
def test_a_socket_tells_that_something_has_come(has_poll: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_poll:
        monkeypatch.delattr(select, "poll", raising=False)
    here, there = socket.socketpair()
    with here, there:
        poll = poll_of(here.fileno())
        assert not poll.poll(0)
        there.send(b"x")
        assert poll.poll(0)
        here.recv(1)
        assert not poll.poll(0)
        there.close()
        assert poll.poll(0)


def double(request: int) -> int:
    return request * 2


@pytest.mark.parametrize("missing", ["killpg", "setsid"])
async def test_process_handlers_need_process_groups(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")
    jobs.command(process=True)(double)
    monkeypatch.delattr(os, missing, raising=False)
    async with jobs:
        await jobs.enqueue(double, 1)  # others may run it
    with pytest.raises(InvalidOption, match=r"command 'double': process=True needs process groups"):
        async with jobs.start():
            pass
    with pytest.raises(HandlerProcessError, match="process=True needs process groups"):
        Child()
