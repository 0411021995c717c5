"""The throwaway servers keep what they promise; on a machine without PostgreSQL these tests are skipped."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import asyncpg
import pytest

from tests.servers import Target, available_targets
from tests.servers.databases import database_url
from tests.servers.postgres import StopMode
from tests.servers.processes import Processes, Spawn

DEADLINE_SECONDS = 30

# A process that is not our child can be waited for, and not merely polled, on Linux only.
needs_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs os.pidfd_open (Linux)")


@pytest.mark.dialect("postgres")
async def test_server_answers_with_the_version_it_is_named_for(target: Target, url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        version = await connection.fetchval("select version()")
        assert version.startswith(f"PostgreSQL {target.version}")
        assert await connection.fetchval("show fsync") == "on"
    finally:
        await connection.close()


@pytest.mark.dialect("postgres")
@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_restart_keeps_port_and_committed_data(target: Target, url: str, mode: StopMode) -> None:
    if target.server is None:
        pytest.skip("the user's own server is not ours to restart")
    connection = await asyncpg.connect(url)
    await connection.execute("create table kept (n int); insert into kept values (7)")
    target.server.restart(mode)
    connection.terminate()
    connection = await asyncpg.connect(url)
    try:
        assert await connection.fetchval("select n from kept") == 7
    finally:
        await connection.close()


@pytest.mark.dialect("postgres")
async def test_stopped_server_refuses_then_starts_again_with_its_data(target: Target, url: str) -> None:
    if target.server is None:
        pytest.skip("the user's own server is not ours to stop")
    target.server.stop("immediate")
    try:
        with pytest.raises(OSError, match="onnect"):
            await asyncpg.connect(url)
    finally:
        target.server.start()
    connection = await asyncpg.connect(url)
    await connection.close()


@needs_pidfd
@pytest.mark.process
@pytest.mark.dialect("postgres")
def test_server_ends_when_its_owner_is_killed(target: Target, spawn: Spawn) -> None:
    if target.server is None:
        pytest.skip("needs a server of our own")
    owner = spawn(
        "-c",
        "import sys; from pathlib import Path; from tests.servers import PostgresServer\n"
        "server = PostgresServer(Path(sys.argv[1])); server.start()\n"
        "print(server.data, flush=True); input()",
        str(target.server.binaries),
        cwd=Path(__file__).parents[2],
    )
    assert owner.stdout is not None
    data = Path(owner.stdout.readline().strip())
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    ended = os.pidfd_open(postmaster)
    try:
        owner.send_signal(signal.SIGKILL)
        assert select.select([ended], [], [], DEADLINE_SECONDS)[0], "the server outlived its owner"
    finally:
        os.close(ended)


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

    assert names() == ["sqlite", "postgres18"]
    assert names(DBJOBS_TEST_POSTGRES="postgresql://localhost/app") == ["sqlite", "postgres"]
    assert names(DBJOBS_TEST_TARGETS=" postgres15, sqlite,sqlite") == ["postgres15", "sqlite"]
    with pytest.raises(ValueError, match="'oracle'"):
        names(DBJOBS_TEST_TARGETS="oracle")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("postgresql://u:p@h:5432/app", "postgresql://u:p@h:5432/fresh"),
        ("postgres://h", "postgres://h/fresh"),
        ("postgresql:///app?host=/run/pg", "postgresql:///fresh?host=/run/pg"),
    ],
)
def test_database_url_replaces_only_the_database(server: str, expected: str) -> None:
    assert database_url(server, "fresh") == expected
