"""A throwaway MySQL or MariaDB on a free loopback port."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

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
    is_reachable_by_all,
)

Kind = Literal["mysql", "mariadb"]

MYSQL_SUITE = "sid"  # the only one with Oracle's MySQL
INSTALLED_MARIADB = Path("/usr/sbin/mariadbd")
INSTALLED_MYSQL = Path("/usr/sbin/mysqld")
# MariaDB's own tables, in the order in which its installer feeds them to the server; names differ by version.
_SYSTEM_TABLES = (
    "(mysql|mariadb)_system_tables.sql",
    "(mysql|mariadb)_performance_tables.sql",
    "(mysql|mariadb)_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "(mysql|mariadb)_sys_schema.sql",
)
# Small, and without what tests have no use for; everything that makes a commit durable is as in production.
_OPTIONS = {
    "mysql": (
        "--performance-schema=OFF",  # 250 MB
        "--mysqlx=OFF",
        "--skip-log-bin",
        "--secure-file-priv=NULL",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-buffer-pool-size=64M",
        "--innodb-redo-log-capacity=64M",
    ),
    "mariadb": (
        "--skip-log-bin",
        "--innodb-flush-log-at-trx-commit=1",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=32M",
    ),
}


@dataclass(frozen=True)
class MysqlPrograms:
    """A server's program, and an initialised data folder that every server starts as a copy of.

    Attributes:
        kind: which of the two.
        version: such as ``"9.7.4"``.
        words: the command line up to the options that every server needs.
        template: the data folder.
    """

    kind: Kind
    version: str
    words: tuple[str, ...]
    template: Path


@cache
def find_mysql_programs(kind: Kind) -> MysqlPrograms:
    """Return what is installed, or else download Debian's packages into the cache folder.

    Raises:
        NotDebian: nothing is installed, and this machine has no Debian packages either.
    """
    installed = _installed(kind)
    if installed is not None:
        words: list[str] = [str(installed), "--no-defaults"]
        version = _version(words)
        name = f"{kind}-{version}-installed"
    else:
        suite = MYSQL_SUITE if kind == "mysql" else debian.own_suite()
        packages = [f"{kind}-server-core", f"{kind}-client-core"]
        root = cached(f"{kind}-{suite}", lambda folder: debian.unpack(suite, packages, folder))
        program = "usr/sbin/mysqld" if kind == "mysql" else "usr/sbin/mariadbd"
        words = [
            *debian.command(root, program),
            "--no-defaults",
            f"--basedir={root}/usr",
            f"--lc-messages-dir={root}/usr/share/mysql",
            f"--character-sets-dir={root}/usr/share/mysql/charsets",
            f"--plugin-dir={root}/usr/lib/mysql/plugin",
        ]
        version = _version(words)
        name = f"{kind}-{version}-{suite}"
    initialise = _initialise_mysql if kind == "mysql" else _initialise_mariadb
    template = cached(f"{name}-data", lambda folder: initialise(words, folder))
    return MysqlPrograms(kind, version, tuple(words), template / "data")


def _installed(kind: Kind) -> Path | None:
    """The installed server, if it is of this kind: MariaDB's packages call theirs ``mysqld`` too."""
    program = INSTALLED_MYSQL if kind == "mysql" else INSTALLED_MARIADB
    if not program.exists() or (kind == "mysql" and program.resolve().name != "mysqld"):
        return None
    return program if is_reachable_by_all(program.parent) else None


def _version(words: Sequence[str]) -> str:
    answer = subprocess.run([*words, "--version"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"Ver (\d+(\.\d+)+)", answer)
    if match is None:
        raise ValueError(f"{words[0]} --version answered {answer!r}, which names no version")
    return match[1]


def _initialise_mysql(words: Sequence[str], folder: Path) -> None:
    data = _empty_data_folder(folder)
    _bootstrap([*words, "--initialize-insecure", f"--datadir={data}", "--innodb-redo-log-capacity=64M"], "")
    (data / "auto.cnf").unlink()  # each copy makes an identity of its own
    _open_to_copy(data)


def _initialise_mariadb(words: Sequence[str], folder: Path) -> None:
    data = _empty_data_folder(folder)
    base = next((word.partition("=")[2] for word in words if word.startswith("--basedir=")), "/usr")
    shared = sorted(Path(base, "share/mysql").glob("*.sql"))
    files = [file for wanted in _SYSTEM_TABLES for file in shared if re.fullmatch(wanted, file.name)]
    text = "CREATE DATABASE mysql;\nUSE mysql;\n" + "\n".join(file.read_text() for file in files)
    sizes = ("--max-allowed-packet=8M", "--net-buffer-length=16K", "--innodb-log-file-size=32M")
    _bootstrap([*words, "--bootstrap", f"--datadir={data}", "--enforce-storage-engine=", *sizes], text)
    _open_to_copy(data)


def _empty_data_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    data.mkdir(parents=True)
    give_to_unprivileged(folder)
    return data


def _bootstrap(words: Sequence[str], text: str) -> None:
    done = subprocess.run(words, check=False, cwd="/", input=text, capture_output=True, text=True, **as_unprivileged())
    if done.returncode:
        raise ServerFailed(f"{words[0]} could not make its data folder:\n{(done.stdout + done.stderr)[-2000:]}")


def _open_to_copy(data: Path) -> None:
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


class MysqlServer(ThrowawayServer):
    """One MySQL or MariaDB server (see ThrowawayServer).

    Args:
        programs: which one, as ``find_mysql_programs`` has found it.
        options: options of the server, for example ``"--innodb-buffer-pool-size=1G"``. Nothing is traded for
            speed by default: every commit is on disk, as in production.
    """

    quickest_end = getattr(signal, "SIGKILL", signal.SIGTERM)
    ready = "ready for connections"  # what its log says then
    environment: Mapping[str, str] | None = None

    def __init__(self, programs: MysqlPrograms, options: Sequence[str] = ()) -> None:
        super().__init__(programs.version)
        self.kind = programs.kind
        self.programs = programs
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid_file(self) -> Path:
        return self._directory / "server.pid"

    def url(self, database: str | None = None) -> str:
        return f"{self.kind}://root:{self._password}@127.0.0.1:{self.port}/{database or ''}"

    def another(self) -> MysqlServer:
        return MysqlServer(self.programs, self._options)

    def stop(self, mode: StopMode = "fast") -> None:
        if self._process is None:
            raise ServerFailed(f"{self.kind} {self.version} is not running")
        self._process.send_signal(signal.SIGKILL if mode == "immediate" else signal.SIGTERM)
        try:
            self._process.wait(START_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerFailed(f"{self.kind} {self.version} did not stop\n{self.log[-2000:]}") from None
        self.pid_file.unlink(missing_ok=True)  # a killed server leaves it, and the number may come to be another's
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.stop("immediate")
        super().close()

    def _create(self) -> None:
        shutil.copytree(self.programs.template, self.data)
        # The template has a root without a password, or none who may come over TCP. Read at every start.
        (self._directory / "init.sql").write_text(
            "CREATE USER IF NOT EXISTS root@'127.0.0.1';\n"
            f"ALTER USER root@'127.0.0.1' IDENTIFIED BY '{self._password}';\n"
            "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        give_to_unprivileged(self._directory)

    def _start(self) -> None:
        log = self._directory / "server.log"
        log.unlink(missing_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *self.programs.words,
                    f"--datadir={self.data}",
                    f"--tmpdir={self._directory}",
                    f"--pid-file={self.pid_file}",
                    f"--init-file={self._directory}/init.sql",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    "--socket=",  # none: a path below a long temporary folder would be too long for one
                    "--skip-name-resolve",
                    *_OPTIONS[self.programs.kind],
                    *self._options,
                ],
                cwd=self._directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for the tests
                **as_unprivileged(),
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self.ready not in self.log:
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                self.stop("immediate")
            self._process = None
            message = f"{self.kind} {self.version} did not start:\n{self.log[-2000:]}"
            raise PortTaken(message) if "Bind on TCP/IP port" in self.log else ServerFailed(message)
