"""The processes that handlers with ``process=True`` run in, as their node sees them."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from dbjobs.engine import child as child_side
from dbjobs.errors import HandlerProcessError, InvalidRequest, InvalidResponse

# A handler process needs these from the system: a session of its own, pipes by number, a signal to its whole group.
_NEEDED = ("killpg", "setsid")
# A process imports the application before it can run anything.
START_SECONDS = 120.0


def refusal() -> str | None:
    """The reason why this system cannot run handlers in processes; None if it can."""
    if all(hasattr(os, name) for name in _NEEDED):
        return None
    return (
        "process=True needs process groups, which this system does not have (Windows): register the command without it "
        "here, so that it runs in a thread, as with process=hasattr(os, 'killpg')"
    )


class Children:
    """Keeps idle processes for the next call, at most ``limit`` of them. Safe in threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[Child]:
        """A process for one call. If it is still sound afterwards, it is kept for the next one.

        Raises:
            HandlerProcessError: none could be started.
        """
        child = self._take() or Child()
        try:
            yield child
        finally:
            with self._lock:
                keep = child.sound and not self._closed and len(self._idle) < self._limit
                if keep:
                    self._idle.append(child)
            if not keep:
                child.kill()
                child.wait()

    def close(self) -> None:
        """End the idle processes; the busy ones end with their calls."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.kill()
            child.wait()

    def _take(self) -> Child | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                child = self._idle.pop()
            if child.alive:
                return child
            child.wait()


class Child:
    """One process: a session of its own, nothing to read from, and pipes that its handler does not know.

    Ctrl+C and a signal to the node's process group do not reach it, what it prints goes where the node prints, and
    when the node dies it hears the end of its pipe and dies too.

    Raises:
        HandlerProcessError: it did not start, or this system cannot start one.
    """

    def __init__(self) -> None:
        if (reason := refusal()) is not None:
            raise HandlerProcessError(reason)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        self._out = Connection(ours_out, readable=False)
        self._in = Connection(ours_in, writable=False)
        program = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            f"from dbjobs.engine.child import main; main({theirs_in}, {theirs_out})"
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,
            )
        except OSError as error:
            self._out.close()
            self._in.close()
            raise HandlerProcessError(f"a process for handlers could not be started: {error}") from error
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._told_application = False
        self.sound = True

    @property
    def alive(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        *,
        name: str,
        on_start: Callable[[], None],
        on_line: Callable[[str, str], None],
    ) -> Any:
        """Run a function in it.

        Args:
            name: of the command, for errors.
            on_start: called when the function starts.
            on_line: called with (level, message) of each log line that it sends (see JobLogHandler).

        Raises:
            BaseException: what the function raised; if that cannot be sent here, a HandlerProcessError with the
                name of its class and its text.
            HandlerProcessError: the process ended.
        """
        try:
            work = pickle.dumps((function, arguments))
        except Exception as error:
            raise InvalidRequest(f"command {name!r} cannot be sent to a process: {error}") from error
        try:
            self._out.send_bytes(pickle.dumps(child_side.application()) if not self._told_application else b"")
            self._told_application = True
            self._out.send_bytes(work)
            if not self._in.poll(START_SECONDS):
                raise TimeoutError
            started = self._in.recv_bytes()
            if started == child_side.STARTED:
                on_start()
                while (answer := pickle.loads(self._in.recv_bytes()))[0] == "log":
                    on_line(*answer[1:])
                kind, content, retires = answer
            else:
                kind, content, retires = pickle.loads(started)  # it could not be imported there
        except TimeoutError:
            self.sound = False
            raise HandlerProcessError(
                f"the process for {name!r} did not import the application within {START_SECONDS:g} s"
            ) from None
        except (EOFError, OSError) as error:
            self.sound = False
            raise HandlerProcessError(f"the process of {name!r} {self._how_it_ended()}") from error
        except BaseException:
            self.sound = False
            raise
        self.sound = not retires
        if kind == "returned":
            try:
                return pickle.loads(content)
            except Exception as error:
                raise InvalidResponse(f"cannot read the response of {name!r} from its process: {error}") from error
        raise _raised(*content)

    def kill(self) -> None:
        """End it now, with all processes that it has started."""
        self.sound = False
        with suppress(ProcessLookupError, PermissionError):
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Note that it has ended."""
        self._out.close()
        self._in.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"


def _raised(pickled: bytes | None, name: str, text: str, trace: str) -> BaseException:
    """The exception that the process raised, or one of the same name and text."""
    found: object = None
    if pickled is not None:
        with suppress(Exception):
            found = pickle.loads(pickled)
    if isinstance(found, BaseException):
        error = found
    else:
        kind: type[HandlerProcessError] = type(name, (HandlerProcessError,), {"__module__": "dbjobs.errors"})
        error = kind(text)
    error.__cause__ = child_side.Elsewhere(f"in the handler's process:\n{trace}")
    return error
