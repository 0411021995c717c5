"""The signals that end a process, as calls in its event loop: also where the loop knows no signals (on Windows)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# SIGBREAK is Ctrl+Break, and what ends the processes of another group, on Windows.
_NAMES = ("SIGTERM", "SIGINT", "SIGBREAK")


@contextmanager
def signalled(call: Callable[[signal.Signals], None]) -> Iterator[bool]:
    """Call ``call(signal)`` in this event loop for each signal, until the block ends.

    Yields:
        False where the loop has no handlers for signals. A process there can only be ended by another, not told to end.

    Raises:
        ValueError, RuntimeError: this is not the main thread.
    """
    loop = asyncio.get_running_loop()
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    added: list[signal.Signals] = []
    before: dict[signal.Signals, Any] = {}

    def pass_on(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(call, signal.Signals(number))

    try:
        try:
            for number in numbers:
                loop.add_signal_handler(number, call, number)
                added.append(number)
        except NotImplementedError:
            for number in numbers:
                before[number] = signal.signal(number, pass_on)
        yield not before
    finally:
        for number in added:
            loop.remove_signal_handler(number)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
