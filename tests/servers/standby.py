"""A standby of a throwaway PostgreSQL, which can be promoted when its primary is gone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.databases import PostgresAdministration
from tests.servers.postgres import PostgresServer
from tests.servers.throwaway import ServerFailed, as_unprivileged


class PostgresStandby(PostgresServer):
    """A copy of a running primary that follows it; from its start on the primary's commits wait for it."""

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(primary.binaries)
        self._primary = primary
        self._password = primary._password

    def start(self) -> None:
        super().start()
        PostgresAdministration().execute(self._primary.url(), "ALTER SYSTEM SET synchronous_standby_names = '*'")
        PostgresAdministration().execute(self._primary.url(), "SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Make it a primary, without another one to wait for."""
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write("synchronous_standby_names = ''\n")
        self._control("promote")
        PostgresAdministration().execute(self.url(), "SELECT pg_reload_conf()")

    def _create(self) -> None:
        parts = urlsplit(self._primary.url())
        done = subprocess.run(
            [
                *(self.binaries / "pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync"),
                *("-h", "127.0.0.1", "-p", str(self._primary.port), "-U", parts.username or ""),
            ],
            check=False,
            cwd=self._directory,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PGPASSWORD": self._password},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            **as_unprivileged(),
        )
        if done.returncode:
            raise ServerFailed(f"pg_basebackup failed: {done.stderr.strip()}")
        self._configure(["listen_addresses=127.0.0.1", "unix_socket_directories="])


def can_follow(server: object) -> bool:
    """Whether a server can have a standby: PostgreSQL's own, with the program that copies a running one."""
    return isinstance(server, PostgresServer) and Path(server.binaries / "pg_basebackup").exists()
