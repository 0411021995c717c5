"""A throwaway PostgreSQL on a free loopback port."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.servers.binaries import copy_binaries, postgres_version
from tests.servers.throwaway import (
    START_TIMEOUT_SECONDS,
    PortTaken,
    ServerFailed,
    StopMode,
    ThrowawayServer,
    as_unprivileged,
    entry_of,
    is_reachable_by_all,
)


class PostgresServer(ThrowawayServer):
    """One PostgreSQL server (see ThrowawayServer).

    Args:
        binaries: The folder with ``postgres``, ``initdb`` and ``pg_ctl``.
        options: Settings for ``postgresql.conf`` as ``"name=value"``, for example ``"shared_buffers=1GB"``.
            Nothing is traded for speed by default: ``fsync`` is on, as in production.
    """

    kind = "postgres"
    quickest_end = getattr(signal, "SIGQUIT", signal.SIGTERM)

    def __init__(self, binaries: Path, options: Sequence[str] = ()) -> None:
        super().__init__(postgres_version(binaries))
        self.binaries = binaries
        self._options = options

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def url(self, database: str | None = None) -> str:
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database or 'postgres'}"

    def another(self) -> PostgresServer:
        return PostgresServer(self.binaries, self._options)

    def stop(self, mode: StopMode = "fast") -> None:
        self._control("stop", "-m", mode)

    def _children(self, process: int) -> list[int]:
        children = Path(f"/proc/{process}/task/{process}/children")
        if not children.exists():
            raise NotImplementedError("needs /proc to find the server's processes")
        return [int(child) for child in children.read_text().split()]

    def _create(self) -> None:
        if self._user is not None and not is_reachable_by_all(self.binaries):
            self.binaries = copy_binaries(self.binaries, self._directory)
        password_file = self._directory / "password"
        password_file.write_text(self._password)
        if self._user is not None:
            os.chown(password_file, entry_of(self._user).pw_uid, -1)
        # `password` and not SCRAM: the client's share of SCRAM costs every new connection milliseconds.
        # --no-sync spares only the empty cluster's sync to disk; the server itself syncs as usual.
        self._run(
            *("initdb", "--username=postgres", "--auth=password", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        )
        password_file.unlink()
        self._configure(["listen_addresses=127.0.0.1", "unix_socket_directories=", *self._options])

    def _start(self) -> None:
        self._configure([f"port={self.port}"])
        try:
            self._control("start")
        except ServerFailed as error:
            if "could not bind" in self.log:
                raise PortTaken(str(error)) from error
            raise

    def _configure(self, settings: Sequence[str]) -> None:
        with (self.data / "postgresql.conf").open("a") as file:
            for setting in settings:
                name, _, value = setting.partition("=")
                quoted = value.replace("'", "''")
                file.write(f"{name} = '{quoted}'\n")

    def _control(self, *action: str) -> None:
        log = self._directory / "server.log"
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
            **as_unprivileged(),
        )
        if done.returncode:
            raise ServerFailed(
                f"{program} {arguments[0]} of PostgreSQL {self.version} failed:"
                f" {done.stderr.strip()}\n{self.log[-2000:]}"
            )
