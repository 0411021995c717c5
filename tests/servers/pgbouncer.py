"""A throwaway PgBouncer in front of a PostgreSQL server, pooling by transaction."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers import debian
from tests.servers.cache import cached
from tests.servers.throwaway import (
    START_TIMEOUT_SECONDS,
    PortTaken,
    ServerFailed,
    StopMode,
    ThrowawayServer,
    as_unprivileged,
    give_to_unprivileged,
)

_SETTINGS = """\
[databases]
* = host={host} port={port} user={user} password={password}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = plain
auth_file = {directory}/users
pool_mode = transaction
max_client_conn = 500
default_pool_size = 20
server_idle_timeout = 5
pidfile = {pid_file}
"""


def find_pgbouncer() -> list[str]:
    """The words that start the installed one, or else Debian's, downloaded into the cache folder.

    Raises:
        NotDebian: none is installed, and this machine has no Debian packages either.
    """
    installed = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if installed is not None:
        return [installed]
    suite = debian.own_suite()
    root = cached(f"pgbouncer-{suite}", lambda folder: debian.unpack(suite, ["pgbouncer"], folder))
    return debian.command(root, "usr/sbin/pgbouncer")


class Pgbouncer(ThrowawayServer):
    """One PgBouncer (see ThrowawayServer).

    Args:
        program: the words that ``find_pgbouncer`` has found.
        server_url: the PostgreSQL server behind it, by address and password.
    """

    kind = "pgbouncer"
    quickest_end = getattr(signal, "SIGKILL", signal.SIGTERM)

    def __init__(self, program: Sequence[str], server_url: str) -> None:
        answer = subprocess.run([*program, "--version"], check=True, capture_output=True, text=True).stdout
        match = re.search(r"\d+(\.\d+)+", answer)
        super().__init__(match[0] if match else "?")
        self._program = program
        self._behind = server_url
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid_file(self) -> Path:
        return self._directory / "server.pid"

    def url(self, database: str | None = None) -> str:
        user = urlsplit(self._behind).username
        return f"postgresql://{user}:{self._password}@127.0.0.1:{self.port}/{database or 'postgres'}?pooler=transaction"

    def another(self) -> Pgbouncer:
        return Pgbouncer(self._program, self._behind)

    def stop(self, mode: StopMode = "fast") -> None:
        if self._process is None:
            raise ServerFailed("PgBouncer is not running")
        # SIGINT waits for open transactions, SIGTERM does not.
        self._process.send_signal(signal.SIGKILL if mode == "immediate" else signal.SIGTERM)
        self._process.wait(START_TIMEOUT_SECONDS)
        self.pid_file.unlink(missing_ok=True)
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.stop("immediate")
        super().close()

    def _create(self) -> None:
        user = urlsplit(self._behind).username
        (self._directory / "users").write_text(f'"{user}" "{self._password}"\n')

    def _start(self) -> None:
        behind = urlsplit(self._behind)
        settings = self._directory / "pgbouncer.ini"
        settings.write_text(
            _SETTINGS.format(
                host=behind.hostname, port=behind.port, user=behind.username, password=behind.password,
                own_port=self.port, directory=self._directory, pid_file=self.pid_file,
            )
        )  # fmt: skip
        give_to_unprivileged(self._directory)
        with (self._directory / "server.log").open("wb") as output:
            self._process = subprocess.Popen(
                [*self._program, str(settings)],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for the tests
                **as_unprivileged(),
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while "process up" not in self.log:
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                self.stop("immediate")
            self._process = None
            message = f"PgBouncer {self.version} did not start:\n{self.log[-2000:]}"
            raise PortTaken(message) if "in use" in self.log else ServerFailed(message)
