"""What every throwaway server is: data in a temporary folder, a free loopback port, and a guard that ends it."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from tests.servers import databases

UNPRIVILEGED_USER = "nobody"
START_TIMEOUT_SECONDS = 60
PORT_TRIES = 3

StopMode = Literal["smart", "fast", "immediate"]


class ServerFailed(Exception):
    """A throwaway server could not be made, started or stopped; the message ends with its log."""


class PortTaken(ServerFailed):
    """Between our look and the server's bind another process has taken the port."""


class ThrowawayServer(ABC):
    """One database server with its data in a temporary folder.

    ``start`` makes the data folder the first time. After ``stop``, ``start`` continues with the same data on
    the same port. ``close`` ends the server and removes everything; when this process dies without it, a
    guard process does the same.

    As root the server runs as ``nobody``, because none of them wants to run as root.

    Attributes:
        kind: what it is, as part of the temporary folder's name.
        version: the server's version.
        port: the port on 127.0.0.1, once started.
        quickest_end: the signal that ends it at once.
        folder: where its data is to be; None for the temporary folder.
    """

    kind: str
    quickest_end: signal.Signals

    def __init__(self, version: str) -> None:
        self.folder: Path | None = None
        self.version = version
        self.port = 0
        self._user = unprivileged_user()
        # An own password: on a shared machine, other users can reach a loopback port too.
        self._password = secrets.token_hex(16)
        self._directory = Path()
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self._directory / "data"

    @property
    @abstractmethod
    def pid_file(self) -> Path:
        """The file whose first line is the server's process, while it runs."""

    @property
    def pid(self) -> int:
        """The server's (first) process."""
        return int(self.pid_file.read_text().split()[0])

    @property
    def log(self) -> str:
        """The server's log so far."""
        path = self._directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @abstractmethod
    def url(self, database: str | None = None) -> str:
        """Return the URL of a database on this server; without a name, of the one to administrate it from."""

    @abstractmethod
    def another(self) -> ThrowawayServer:
        """A second server of the same programs, not started."""

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        return databases.create_database(self.url(), name)

    def start(self) -> None:
        """Start the server and return when it accepts connections."""
        if self._guard is not None:
            self._start()
            return
        try:
            self._directory = Path(tempfile.mkdtemp(prefix=f"dbjobs-{self.kind}-", dir=self._parent_folder()))
            self._start_guard()
            if self._user is not None:
                os.chown(self._directory, entry_of(self._user).pw_uid, -1)
            self._create()
            self._start_on_free_port()
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server and keep its data; ``immediate`` is a crash: the next start has to recover."""

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop the server as ``stop`` does, then start it on the same port with the same data."""
        self.stop(mode)
        self._start()

    def close(self) -> None:
        """End the server and remove its folder. Harmless when called again."""
        if self._guard is None:
            return
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait()
        self._guard = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server where it stands: no connection breaks and no answer comes."""
        first = self.pid
        os.kill(first, signal.SIGSTOP)  # from here on it starts no others
        processes = [first, *self._children(first)]
        try:
            for process in processes:
                os.kill(process, signal.SIGSTOP)
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def _children(self, process: int) -> list[int]:
        """The server's other processes. Raises NotImplementedError where they cannot be told."""
        return []

    @abstractmethod
    def _create(self) -> None:
        """Make the data folder."""

    @abstractmethod
    def _start(self) -> None:
        """Start on ``self.port`` with the data that is there. Raises PortTaken, ServerFailed."""

    def _start_on_free_port(self) -> None:
        for tries_left in reversed(range(PORT_TRIES)):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
            try:
                self._start()
            except PortTaken:
                if not tries_left:
                    raise
            else:
                return

    def _parent_folder(self) -> Path:
        folder = self.folder or Path(tempfile.gettempdir())
        # A temporary folder of root's own (TMPDIR) is closed to the user that the server runs as.
        if self._user is not None and not is_reachable_by_all(folder):
            return Path("/tmp")
        return folder

    def _start_guard(self) -> None:
        command = [sys.executable, "-I", str(Path(__file__).with_name("guard.py"))]
        self._guard = subprocess.Popen(
            [*command, str(self._directory), str(self.pid_file), str(int(self.quickest_end))],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests; the guard waits for their end
        )


def unprivileged_user() -> str | None:
    """The user that servers run as: another one when we are root."""
    return UNPRIVILEGED_USER if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def as_unprivileged() -> dict[str, Any]:
    """The arguments of ``subprocess`` that start a process as that user."""
    user = unprivileged_user()
    if user is None:
        return {}
    return {"user": user, "group": entry_of(user).pw_gid, "extra_groups": []}


def entry_of(user: str) -> Any:
    """What the system knows of a user."""
    import pwd  # not on Windows, where no server is started

    return pwd.getpwnam(user)


def is_reachable_by_all(path: Path) -> bool:
    """Tell whether every user may enter ``path``: each folder on the way to it must be open to others."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (resolved, *resolved.parents))


def give_to_unprivileged(root: Path) -> None:
    """Make everything below ``root`` the property of the user that servers run as."""
    user = unprivileged_user()
    if user is None:
        return
    entry = entry_of(user)
    own: Callable[[Path], None] = lambda path: os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)  # noqa: E731
    own(root)
    for path in root.rglob("*"):
        own(path)
