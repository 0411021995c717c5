"""The signals that end a process, as calls in its event loop: also where the loop knows no signals (on Windows)."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

# SIGBREAK is Ctrl+Break, and what ends the processes of another group, on Windows.
_NAMES = ("SIGTERM", "SIGINT", "SIGBREAK")

Call = Callable[[signal.Signals], None]


class _Listeners:
    """All in one event loop that want to hear of signals: the loop has only one handler for each signal."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.calls: list[Call] = []
        self._added: list[signal.Signals] = []
        self._before: dict[signal.Signals, Any] = {}

    @property
    def by_loop(self) -> bool:
        """True where the loop has handlers for signals."""
        return not self._before

    def install(self) -> None:
        """Take the signals.

        Raises:
            ValueError, RuntimeError: this is not the main thread.
        """
        numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
        try:
            for number in numbers:
                self._loop.add_signal_handler(number, self._tell, number)
                self._added.append(number)
        except NotImplementedError:
            for number in numbers:
                self._before[number] = signal.signal(number, self._pass_on)

    def uninstall(self) -> None:
        """Give them back."""
        for number in self._added:
            self._loop.remove_signal_handler(number)
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._tell, signal.Signals(number))

    def _tell(self, number: signal.Signals) -> None:
        for call in list(self.calls):
            call(number)


_listeners: WeakKeyDictionary[asyncio.AbstractEventLoop, _Listeners] = WeakKeyDictionary()


@contextmanager
def signalled(call: Call) -> Iterator[bool]:
    """Call ``call(signal)`` in this event loop for each signal, until the block ends.

    Several blocks may be open at the same time, and end in any order: each is called.

    Yields:
        False where the loop has no handlers for signals. A process there can only be ended by another, not told to end.

    Raises:
        ValueError, RuntimeError: this is not the main thread.
    """
    loop = asyncio.get_running_loop()
    listeners = _listeners.get(loop)
    if listeners is None:
        listeners = _Listeners(loop)
    listeners.calls.append(call)
    try:
        if len(listeners.calls) == 1:
            _listeners[loop] = listeners
            listeners.install()
        yield listeners.by_loop
    finally:
        listeners.calls.remove(call)
        if not listeners.calls:
            _listeners.pop(loop, None)
            listeners.uninstall()
