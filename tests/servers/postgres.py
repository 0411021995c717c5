"""A throwaway PostgreSQL on a free loopback port."""

from __future__ import annotations

import os
import pwd
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from tests.servers import databases
from tests.servers.binaries import copy_binaries, is_reachable_by_all, postgres_version

UNPRIVILEGED_USER = "nobody"
START_TIMEOUT_SECONDS = 60
PORT_TRIES = 3

StopMode = Literal["smart", "fast", "immediate"]


class ServerFailed(Exception):
    """A throwaway server could not be made, started or stopped; the message ends with its log."""


class PostgresServer:
    """One PostgreSQL server with its data in a temporary folder.

    ``start`` makes the data folder the first time. After ``stop``, ``start`` continues with the same data on
    the same port. ``close`` ends the server and removes everything; when this process dies without it, a
    guard process does the same.

    As root the server runs as ``nobody``, because PostgreSQL refuses to run as root.

    Args:
        binaries: The folder with ``postgres``, ``initdb`` and ``pg_ctl``.
        options: Settings for ``postgresql.conf`` as ``"name=value"``, for example ``"shared_buffers=1GB"``.
            Nothing is traded for speed by default: ``fsync`` is on, as in production.
    """

    def __init__(self, binaries: Path, options: Sequence[str] = ()) -> None:
        self.version = postgres_version(binaries)
        self.port = 0
        self.binaries = binaries
        self._options = options
        self._user = UNPRIVILEGED_USER if os.geteuid() == 0 else None
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
    def log(self) -> str:
        """The server's log so far."""
        path = self._directory / "postgres.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database on this server."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        return databases.create_database(self.url(), name)

    def start(self) -> None:
        """Start the server and return when it accepts connections."""
        if self._guard is not None:
            self._control("start")
            return
        try:
            self._create()
            self._start_on_free_port()
        except BaseException:
            self.close()
            raise

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server and keep its data; ``immediate`` is a crash: the next start has to recover."""
        self._control("stop", "-m", mode)

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop the server as ``stop`` does, then start it on the same port with the same data."""
        self._control("restart", "-m", mode)

    def close(self) -> None:
        """End the server and remove its folder. Harmless when called again."""
        if self._guard is None:
            return
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        self._guard.wait()
        self._guard = None

    def _create(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="dbjobs-postgres-", dir=self._parent_folder()))
        self._start_guard()
        if self._user is not None:
            if not is_reachable_by_all(self.binaries):
                self.binaries = copy_binaries(self.binaries, self._directory)
            os.chown(self._directory, pwd.getpwnam(self._user).pw_uid, -1)
        password_file = self._directory / "password"
        password_file.write_text(self._password)
        if self._user is not None:
            os.chown(password_file, pwd.getpwnam(self._user).pw_uid, -1)
        # `password` and not SCRAM: the client's share of SCRAM costs every new connection milliseconds.
        # --no-sync spares only the empty cluster's sync to disk; the server itself syncs as usual.
        self._run(
            *("initdb", "--username=postgres", "--auth=password", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        )
        password_file.unlink()
        self._configure(["listen_addresses=127.0.0.1", "unix_socket_directories=", *self._options])

    def _parent_folder(self) -> Path:
        folder = Path(tempfile.gettempdir())
        # A temporary folder of root's own (TMPDIR) is closed to the user that the server runs as.
        if self._user is not None and not is_reachable_by_all(folder):
            return Path("/tmp")
        return folder

    def _start_guard(self) -> None:
        command = [sys.executable, "-I", str(Path(__file__).with_name("guard.py"))]
        user = [] if self._user is None else [self._user]
        self._guard = subprocess.Popen(
            [*command, str(self.binaries / "pg_ctl"), str(self._directory), *user],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the tests; the guard waits for their end
        )

    def _start_on_free_port(self) -> None:
        for tries_left in reversed(range(PORT_TRIES)):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
            self._configure([f"port={self.port}"])
            try:
                self._control("start")
            except ServerFailed:
                # Between our look and the server's bind another process may have taken the port.
                if not tries_left or "could not bind" not in self.log:
                    raise
            else:
                return

    def _configure(self, settings: Sequence[str]) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            for setting in settings:
                name, _, value = setting.partition("=")
                quoted = value.replace("'", "''")
                file.write(f"{name} = '{quoted}'\n")

    def _control(self, *action: str) -> None:
        log = self._directory / "postgres.log"
        self._run("pg_ctl", *action, "-s", "-w", "-t", str(START_TIMEOUT_SECONDS), "-l", str(log))

    def _run(self, program: str, *arguments: str) -> None:
        # PG* variables of the person who runs the tests would reach into our server's settings.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(
            [self.binaries / program, "-D", self.data, *arguments],
            check=False,
            cwd=self._directory,  # the server's user may not enter the folder that we stand in
            env=environment | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            user=self._user,
            group=None if self._user is None else pwd.getpwnam(self._user).pw_gid,
            extra_groups=None if self._user is None else [],
        )
        if done.returncode:
            raise ServerFailed(
                f"{program} {arguments[0]} of PostgreSQL {self.version} failed:"
                f" {done.stderr.strip()}\n{self.log[-2000:]}"
            )
