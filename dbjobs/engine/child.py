"""The program of a handler process: it reads calls from one pipe, one at a time, and answers on another."""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import runpy
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from dbjobs.engine.traces import MAX_TRACEBACK_CHARACTERS, trace_of
from dbjobs.errors import InvalidResponse
from dbjobs.text import MAX_LOG_CHARACTERS, printable

STARTED = b"started"

# Set in a handler's process while the handler runs: takes (level, message) for the log of its job.
tell: ContextVar[Callable[[str, str], None] | None] = ContextVar("dbjobs_tell", default=None)


class Elsewhere(Exception):
    """Where an error was raised in the handler's process, as text: the cause of the error as it is raised here."""


class Application(NamedTuple):
    """Facts about the program whose handlers a process runs.

    Attributes:
        module: name of the module that the program was started as, as in ``python -m``; None for a file.
        path: the file it was started from; None if there is none (a console).
        arguments: ``sys.argv``.
    """

    module: str | None
    path: str | None
    arguments: list[str]


def application() -> Application:
    """This program, for its children."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    path = getattr(main, "__file__", None)
    return Application(getattr(spec, "name", None), path and os.path.abspath(path), list(sys.argv))  # noqa: PTH100


def main(reading: int, writing: int) -> None:
    """Serve calls until the other side closes its pipe; then end at once, even if something still runs."""
    # A service manager signals the whole group, but means the node, which gives handlers their grace. A function, not
    # SIG_IGN: programs that a handler starts must not inherit it.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    os.set_inheritable(reading, False)
    os.set_inheritable(writing, False)
    calls: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(Connection(reading, writable=False), calls), daemon=True).start()
    answers = Connection(writing, readable=False)
    while True:
        about = calls.get()
        if about:
            _become(pickle.loads(about))
        answer = _answer(calls.get(), answers)
        answers.send_bytes(answer[0])
        if answer[1]:
            _end()


class _Lines:
    """Sends log lines ahead of a call's answer; none after it, whatever threads the handler has left."""

    def __init__(self, answers: Connection) -> None:
        self._answers = answers
        self._lock = threading.Lock()
        self._over = True  # until the call has started
        self._process = os.getpid()

    def send(self, level: str, message: str) -> None:
        if os.getpid() != self._process:
            return  # a fork of the handler's: two processes on one pipe would mix up their messages
        with self._lock:
            if not self._over:
                self._answers.send_bytes(pickle.dumps(("log", level, printable(message, MAX_LOG_CHARACTERS))))

    def begin(self) -> None:
        self._answers.send_bytes(STARTED)
        self._over = False

    def end(self) -> None:
        with self._lock:
            self._over = True


def _receive(connection: Connection, calls: queue.SimpleQueue[bytes]) -> None:
    try:
        while True:
            calls.put(connection.recv_bytes())
    except (EOFError, OSError):
        _end()  # the node has gone, or wants this process to go


def _end() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    with suppress(OSError):
        os.killpg(0, signal.SIGKILL)  # this process, and everything that its handlers have started
    os._exit(1)


def _become(program: Application) -> None:
    """Give handlers of the program's own file a module to be found in; code that it guards by __name__ does not run."""
    sys.argv[:] = program.arguments
    name = program.module
    if name is not None and (name == "__main__" or name.endswith(".__main__")):
        return  # a package that was run: handlers are not looked for in there
    try:
        if name is not None:
            found = importlib.import_module(name)
        elif program.path is not None and os.path.basename(program.path) not in ("dbjobs", "pytest"):  # noqa: PTH119
            found = types.ModuleType("__mp_main__")
            found.__dict__.update(runpy.run_path(program.path, run_name="__mp_main__"))
        else:
            return
    except BaseException:
        traceback.print_exc()  # a handler from there is then not found, and its job says so
        return
    sys.modules["__main__"] = sys.modules["__mp_main__"] = found


def _answer(work: bytes, answers: Connection) -> tuple[bytes, bool]:
    """Run a call. Returns its answer, and True if the process must not serve another call."""
    lines = _Lines(answers)
    token = tell.set(lines.send)
    try:
        function, arguments = pickle.loads(work)
        lines.begin()
        response = function(*arguments)
    except BaseException as error:
        # A handler that raises SystemExit expects the process to end: the next job gets a new one.
        retires = not isinstance(error, Exception) or isinstance(error, MemoryError)
        return pickle.dumps(("raised", _told(error), retires)), retires
    finally:
        tell.reset(token)
        lines.end()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
    try:
        return pickle.dumps(("returned", pickle.dumps(response), False)), False
    except BaseException as error:
        _, _, why, _ = _told(error)
        unfit = InvalidResponse(f"a response of type {type(response).__name__} cannot be sent to the node: {why}")
        return pickle.dumps(("raised", _told(unfit), True)), True


def _told(error: BaseException) -> tuple[bytes | None, str, str, str]:
    """(pickled exception or None, name of its class, its text, its traceback)."""
    pickled: bytes | None = None
    with suppress(BaseException):
        pickled = pickle.dumps(error)
        again: Any = pickle.loads(pickled)
        if type(again) is not type(error) or str(again) != str(error):
            pickled = None
    text, trace = "(its text cannot be shown)", ""
    with suppress(BaseException):
        text = str(error)
    with suppress(BaseException):
        trace = trace_of(error, MAX_TRACEBACK_CHARACTERS // 2 - 100)  # all of it goes into the node's error
    return pickled, type(error).__name__, text, trace
