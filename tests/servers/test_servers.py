"""The throwaway servers keep what they promise; on a machine without PostgreSQL these tests are skipped."""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

import aiomysql
import pytest

from tests.conformance.raw import Raw
from tests.servers import Fleet, LeftOut, Target, available_targets
from tests.servers.databases import database_url
from tests.servers.processes import Processes, Spawn
from tests.servers.targets import OWN_SERVERS
from tests.servers.throwaway import StopMode

DEADLINE_SECONDS = 30

# A process that is not our child can be waited for, and not merely polled, on Linux only.
needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs os.pidfd_open (Linux)")


SERVERS = pytest.mark.dialect("postgres", "mysql")


@SERVERS
def test_server_answers_with_the_version_it_is_named_for(target: Target) -> None:
    digits = target.name.removeprefix("postgres")
    assert target.version.startswith(digits if digits.isdecimal() else "")
    if target.server is not None:
        assert target.version.startswith(target.server.version)


@SERVERS
async def test_every_commit_is_on_disk_as_in_production(target: Target, url: str) -> None:
    if target.dialect == "postgres":
        assert await Raw(target.dialect, url).rows("SELECT current_setting('fsync')") == [("on",)]
    else:
        assert await Raw(target.dialect, url).rows("SELECT @@innodb_flush_log_at_trx_commit") == [(1,)]


@SERVERS
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_restart_keeps_port_and_committed_data(target: Target, url: str, mode: StopMode) -> None:
    if target.server is None:
        pytest.skip("the user's own server is not ours to restart")
    raw = Raw(target.dialect, url)
    await raw.rows("CREATE TABLE kept (n int)")
    await raw.rows("INSERT INTO kept VALUES (7)")
    target.server.restart(mode)
    assert await raw.rows("SELECT n FROM kept") == [(7,)]


@SERVERS
async def test_stopped_server_refuses_then_starts_again_with_its_data(target: Target, url: str) -> None:
    if target.server is None:
        pytest.skip("the user's own server is not ours to stop")
    raw = Raw(target.dialect, url)
    target.server.stop("immediate")
    try:
        with pytest.raises((OSError, aiomysql.OperationalError), match="onnect"):
            await raw.rows("SELECT 1")
    finally:
        target.server.start()
    assert await raw.rows("SELECT 1") == [(1,)]


@needs_pidfd
@pytest.mark.process
@SERVERS
def test_server_ends_when_its_owner_is_killed(target: Target, spawn: Spawn) -> None:
    if target.server is None:
        pytest.skip("needs a server of our own")
    owner = spawn(
        "-c",
        "import sys; from tests.servers import make_server\n"
        "server = make_server(sys.argv[1]); server.start()\n"
        "print(server.pid, server.data, flush=True); input()",
        target.name,
        cwd=Path(__file__).parents[2],
    )
    assert owner.stdout is not None
    pid, data = owner.stdout.readline().split()
    ended = os.pidfd_open(int(pid))
    try:
        owner.send_signal(signal.SIGKILL)
        assert select.select([ended], [], [], DEADLINE_SECONDS)[0], "the server outlived its owner"
        wait_until(lambda: not Path(data).parent.exists(), "its folder is removed")
    finally:
        os.close(ended)


@SERVERS
async def test_a_database_is_dropped_with_somebody_in_it(target: Target) -> None:
    url = target.new_url()
    async with Raw(target.dialect, url).connection() as own:
        await own.begin()
        await own.execute("INSERT INTO note VALUES ('never committed')")
        target.discard(url)
        with pytest.raises(Exception, match=r"(?i)connection|lost|terminat"):
            await own.execute("SELECT 1")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


async def test_each_database_is_fresh(target: Target, url: str) -> None:
    other = target.new_url()
    assert other != url
    target.discard(other)


@needs_pidfd
@pytest.mark.process
def test_spawned_process_and_its_children_end_with_the_test() -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True); child.wait()"
    )
    with Processes() as processes:
        process = processes.spawn("-c", code)
        assert process.stdout is not None
        child = os.pidfd_open(int(process.stdout.readline()))
    try:
        assert process.returncode == -signal.SIGKILL
        assert select.select([child], [], [], DEADLINE_SECONDS)[0], "the child outlived its test"
    finally:
        os.close(child)


def test_targets_follow_the_environment() -> None:
    def names(**environment: str) -> list[str]:
        return [source.name for source in available_targets(environment)]

    assert names() == ["sqlite", "postgres18", "mysql", "mariadb", "sqlserver"]
    own = {"DBJOBS_TEST_POSTGRES": "postgresql://localhost/app"}
    assert names(**own) == ["sqlite", "postgres", "mysql", "mariadb", "sqlserver"]
    assert names(DBJOBS_TEST_TARGETS=" postgres15, sqlite,sqlite") == ["postgres15", "sqlite"]
    # We can start no SQL Server: in CI, where a missing database is a failure, it is asked for when there is one.
    assert "sqlserver" not in names(CI="true")
    assert "sqlserver" in names(CI="true", DBJOBS_TEST_SQLSERVER="mssql://sa:secret@localhost/master")
    with pytest.raises(ValueError, match="'oracle'"):
        names(DBJOBS_TEST_TARGETS="oracle")


WITHOUT_ODBC = """
import sys

class WithoutOdbc:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file: No such file or directory")

sys.meta_path.insert(0, WithoutOdbc())
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.process
@pytest.mark.slow
def test_a_machine_without_unixodbc_runs_the_suite_and_says_once_what_it_left_out(spawn: Spawn) -> None:
    """Every test file is imported; those run that need no server, and two that need one which is not there."""
    child = spawn(
        "-c", WITHOUT_ODBC, "tests", "-p", "no:cacheprovider", "-p", "no:xdist",
        "-k", "test_database_url or test_priority",
        env={"DBJOBS_TEST_TARGETS": "sqlserver", "CI": "", "DBJOBS_TEST_SQLSERVER": ""}, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    output = child.communicate(timeout=120)[0]
    assert child.returncode == 0, output
    assert output.count("sqlserver: LEFT OUT: the tests can start no such server; set DBJOBS_TEST_SQLSERVER=") == 1
    summary = output.partition("short test summary info")[2]
    assert len(re.findall(r"SKIPPED \[\d+\] .*sqlserver is left out", summary)) == 1
    assert len(re.findall(r"SKIPPED \[\d+\] .*SQL Server's driver is not installed", summary)) == 1


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("postgres", "DBJOBS_TEST_POSTGRES"),
        ("sqlserver", "DBJOBS_TEST_SQLSERVER"),
        ("postgres99", "DBJOBS_TEST_POSTGRES"),
    ],
)
def test_what_is_left_out_says_which_variable_supplies_it(name: str, variable: str) -> None:
    fleet = Fleet(available_targets({"DBJOBS_TEST_TARGETS": name}))
    for _ in range(2):
        with pytest.raises(LeftOut, match=f"set {variable}="):
            fleet.open(name)
    assert not fleet.opened


@pytest.mark.parametrize("name", ["postgres", "mysql", "mariadb", "sqlserver"])
def test_a_server_that_does_not_answer_is_left_out_by_name(name: str) -> None:
    variable, example = OWN_SERVERS[name]
    scheme = example.partition("://")[0]
    url = f"{scheme}://root:secret@127.0.0.1:1/app"
    fleet = Fleet(available_targets({"DBJOBS_TEST_TARGETS": name, variable: url}))
    with pytest.raises(LeftOut, match=variable) as caught:
        fleet.open(name)
    assert "secret" not in str(caught.value)


def test_a_server_that_was_named_and_does_not_answer_is_a_failure(tmp_path: Path, spawn: Spawn) -> None:
    """Where CI is not set a database that cannot be started skips its tests; not so the one somebody has asked for."""
    environment = {
        "DBJOBS_TEST_TARGETS": "mariadb",
        "DBJOBS_TEST_MARIADB": "mariadb://root:secret@127.0.0.1:1/app",
        "CI": "",
    }
    test = Path(__file__).parents[1] / "conformance" / "test_opening.py"
    arguments = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(test))
    process = spawn(*arguments, env=environment, cwd=Path(__file__).parents[2])
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1, output
    assert "mariadb LEFT OUT" in output


def test_processes_that_want_the_same_download_make_it_once(tmp_path: Path, spawn: Spawn) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.servers.cache import cached\n"
        "def make(folder):\n"
        "    folder.mkdir(); open('made', 'a').write('once\\n'); (folder / 'there').touch()\n"
        "print('ready', flush=True); input()\n"
        "print((cached('tool', make) / 'there').exists(), flush=True)"
    )
    environment = {"DBJOBS_TEST_CACHE": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    several = [spawn("-c", code, env=environment, cwd=tmp_path) for _ in range(4)]
    for process in several:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in several:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.stdout and process.stdout.readline() for process in several] == ["True\n"] * 4
    assert (tmp_path / "made").read_text() == "once\n"


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("postgresql://u:p@h:5432/app", "postgresql://u:p@h:5432/fresh"),
        ("postgres://h", "postgres://h/fresh"),
        ("postgresql:///app?host=/run/pg", "postgresql:///fresh?host=/run/pg"),
        ("mysql://root:p@h:3306/", "mysql://root:p@h:3306/fresh"),
        ("mariadb://h/app?pool_size=3", "mariadb://h/fresh?pool_size=3"),
        ("mssql://sa:p@h/master?driver=FreeTDS", "mssql://sa:p@h/fresh?driver=FreeTDS"),
    ],
)
def test_database_url_replaces_only_the_database(server: str, expected: str) -> None:
    assert database_url(server, "fresh") == expected


def test_what_is_no_server_is_refused_by_scheme() -> None:
    with pytest.raises(ValueError, match="mssql://"):
        database_url("sqlite:///jobs.db", "fresh")
