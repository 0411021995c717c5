"""The primary dies and its synchronous standby takes over; a server is read-only for a while; a process is stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dbjobs import DatabaseUnavailable, Jobs, JobState
from tests.conformance.helpers import eventually, soon, wait_all
from tests.process.app import Work
from tests.process.workers import Workers, answers, assert_all_done_once, assert_lanes_kept
from tests.servers import Target, ThrowawayServer
from tests.servers.databases import PostgresAdministration
from tests.servers.postgres import PostgresServer
from tests.servers.processes import Spawn
from tests.servers.proxy import Link, Proxy
from tests.servers.standby import PostgresStandby, can_follow

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.dialect("postgres")]

LEASE_SECONDS = 6.0


@pytest.fixture
def standby(server: ThrowawayServer) -> Iterator[PostgresStandby]:
    if not can_follow(server):
        pytest.skip("LEFT OUT: there is no pg_basebackup beside this server")
    assert isinstance(server, PostgresServer)
    with PostgresStandby(server) as standby:
        yield standby


def both(first: str, second: str, form: str) -> str:
    """One URL of two servers, in either of libpq's forms."""
    one, other = urlsplit(first), urlsplit(second)
    login = one.netloc.rpartition("@")[0]
    if form == "netloc":
        hosts = f"127.0.0.1:{one.port},127.0.0.1:{other.port}"
        return f"postgresql://{login}@{hosts}{one.path}?target_session_attrs=read-write"
    return f"postgresql://{login}@{one.path}?host=127.0.0.1,127.0.0.1&port={one.port},{other.port}"


@pytest.mark.parametrize("form", ["netloc", "options"])
async def test_a_promoted_standby_is_found(
    server: ThrowawayServer, standby: PostgresStandby, spawn: Spawn, tmp_path: Path, form: str
) -> None:
    url = both(server.create_database("app"), standby.url("app"), form)
    workers = Workers(spawn, url, tmp_path)
    async with Jobs(url) as jobs:
        jobs.declare("work", retry_limit=20)
        refs = await jobs.enqueue_many("work", [Work(0.01)] * 300)
        lane = await jobs.enqueue_many("work", [Work(0.01)] * 30, worker="w")
        processes = [workers.start("concurrency=5", f"lease_seconds={LEASE_SECONDS}") for _ in range(2)]
        await workers.wait_lines("end", 50)
        await asyncio.to_thread(server.stop, "immediate")
        await asyncio.to_thread(standby.promote)
        promoted = time.monotonic()
        await eventually(lambda: answers(jobs), "the client has found the new primary")
        refs.append(await jobs.enqueue("work", Work(0.01)))
        await jobs.wait(refs[-1], timeout=20)
        assert time.monotonic() - promoted < LEASE_SECONDS, "it took the workers longer than a lease"
        await wait_all(jobs, refs + lane)
        await assert_all_done_once(jobs, workers, refs + lane)
        assert_lanes_kept(workers, {"w": lane})
        assert [process.poll() for process in processes] == [None, None], "a worker ended"


async def test_a_server_that_is_read_only_for_ten_seconds_costs_no_job(
    server: ThrowawayServer, spawn: Spawn, tmp_path: Path
) -> None:
    url = server.create_database("app")
    workers = Workers(spawn, url, tmp_path)
    lease_seconds = 40.0
    async with Jobs(url) as jobs:
        jobs.declare("work", retry_limit=0)
        short = await jobs.enqueue_many("work", [Work(0.05)] * 200)
        processes = [workers.start("concurrency=5", f"lease_seconds={lease_seconds}") for _ in range(2)]
        await workers.wait_lines("end", 20)
        administration = PostgresAdministration()

        def read_only(value: str) -> None:
            administration.execute(server.url(), f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            administration.execute(server.url(), "SELECT pg_reload_conf()")

        await asyncio.to_thread(read_only, "on")

        async def is_refused() -> bool:
            try:
                short.append(await jobs.enqueue("work", Work(0.01)))
            except DatabaseUnavailable as error:
                return "read-only" in str(error)
            return False

        await eventually(is_refused, "an enqueue is refused for what it is")
        await asyncio.sleep(10)  # shorter than the lease: nobody loses it
        await asyncio.to_thread(read_only, "off")
        done = await wait_all(jobs, short)
        assert {job.state for job in done} == {JobState.COMPLETED}, "a job was blamed for it"
        assert [process.poll() for process in processes] == [None, None], "a worker ended"


async def test_a_process_stopped_in_the_middle_of_a_transaction_stops_nobody(
    target: Target, url: str, spawn: Spawn, tmp_path: Path
) -> None:
    """At the moment at which it would commit: what its transaction has locked stays so until the server ends it."""
    with Proxy(url) as proxy:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        workers = Workers(spawn, proxy.url(url), tmp_path)
        async with Jobs(url) as jobs:
            for command in ("work", "transactional"):
                jobs.declare(command, retry_limit=20)
            lane = await jobs.enqueue_many("work", [Work(0.01)] * 40, worker="w")
            refs = await jobs.enqueue_many("work", [Work(0.01)] * 200)
            doomed = workers.start("concurrency=5", f"lease_seconds={LEASE_SECONDS}")

            def stop(link: Link, data: bytes) -> None:
                if b"COMMIT" in data and not stopped.is_set():
                    link.hold()
                    os.kill(doomed.pid, signal.SIGSTOP)
                    loop.call_soon_threadsafe(stopped.set)

            await workers.wait_lines("end", 20)
            proxy.on_sent = stop
            held = await jobs.enqueue("transactional", Work(0.01), worker="held")
            following = await jobs.enqueue("work", Work(0.01), worker="held")
            child = await jobs.enqueue("work", Work(0.01), depends_on=held)
            await soon(stopped, "it is stopped in the middle of a transaction")
            killed_at = {doomed.pid: time.monotonic()}
            direct = Workers(spawn, url, tmp_path)
            direct.start("concurrency=5", f"lease_seconds={LEASE_SECONDS}")
            began = time.monotonic()
            fresh = [await jobs.enqueue("work", Work(0.01)) for _ in range(20)]
            await wait_all(jobs, fresh, timeout=LEASE_SECONDS)
            assert time.monotonic() - began < LEASE_SECONDS, "a stopped process held others up"
            await wait_all(jobs, [*refs, *lane, held, following, child], timeout=3 * LEASE_SECONDS)
            # Before it goes on: the line that a suspended handler writes later would belong to the time before.
            assert_lanes_kept(direct, {"w": lane, "held": [held, following]}, killed_at)
            proxy.restore()
            os.kill(doomed.pid, signal.SIGCONT)
            await eventually(lambda: two_alive(jobs), "the stopped process is back")
            assert doomed.poll() is None


async def two_alive(jobs: Jobs) -> bool:
    return sum([node.alive for node in await jobs.nodes()]) == 2
