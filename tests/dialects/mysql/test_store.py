"""What only MySQL and MariaDB do: statements that outlive their connection, logins over TLS, another driver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from dbjobs import DatabaseUnavailable, Jobs
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.mysql.database import MysqlDatabase
from tests.conformance.helpers import eventually
from tests.conformance.raw import Raw
from tests.servers import Target

pytestmark = pytest.mark.dialect("mysql")


@pytest.fixture
async def db(url: str) -> AsyncIterator[MysqlDatabase]:
    async with Jobs(url):  # makes the tables
        pass
    opened = make_database(url)
    assert isinstance(opened, MysqlDatabase)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.mark.parametrize("by", ["cancellation", "timeout"])
async def test_a_statement_given_up_is_undone_on_the_server(url: str, db: MysqlDatabase, by: str) -> None:
    raw = Raw("mysql", url)
    await repository.set_queue(db, "q", paused=False)
    hasty = make_database(f"{url}?command_timeout=1")
    await hasty.open()
    try:
        async with raw.connection() as own:
            await own.begin()
            await own.execute("UPDATE dbjobs_job_queue SET concurrency = 1 WHERE queue = 'q'")
            if by == "timeout":
                with pytest.raises(DatabaseUnavailable):
                    await repository.set_queue(hasty, "q", paused=True)
            else:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(lambda: repository.set_queue(db, "q", paused=True))
                    await eventually(raw.somebody_waits_for_a_lock, "the update waits")
                    tasks.cancel_scope.cancel()
            # The row is still locked: a statement that went on would be waiting for it.
            assert not await raw.somebody_waits_for_a_lock()
            await own.rollback()
    finally:
        await hasty.close()
    assert [(q.queue, q.paused) for q in await repository.list_queues(db)] == [("q", False)]


async def test_a_lock_wait_that_ends_is_tried_again_as_a_whole(url: str, db: MysqlDatabase) -> None:
    raw = Raw("mysql", url)
    await repository.set_queue(db, "q", paused=False)
    async with raw.connection() as own, asyncio.TaskGroup() as tasks:
        await own.begin()
        await own.execute("UPDATE dbjobs_job_queue SET concurrency = 1 WHERE queue = 'q'")
        waiting = tasks.create_task(repository.set_queue(db, "q", paused=True))
        await eventually(raw.somebody_waits_for_a_lock, "the update waits")
        await own.commit()
        await waiting
    assert [(q.paused, q.concurrency) for q in await repository.list_queues(db)] == [(True, 1)]


async def test_the_other_driver_runs_jobs_too(url: str) -> None:
    pytest.importorskip("asyncmy")
    jobs = Jobs(url.replace("://", "+asyncmy://", 1))

    @jobs.command(retry_limit=0)
    async def echo(request: Any) -> Any:
        return request

    async with jobs.start():
        refs = await jobs.enqueue_many(echo, ["a", "żółw 🐢", None] * 100)
        lane = await jobs.enqueue(echo, 5, worker="w", depends_on=refs[-1], ref_id="r")
        assert (await jobs.wait(lane, timeout=20)).response == 5
        assert (await jobs.wait(refs[1], timeout=20)).response == "żółw 🐢"


async def test_tls_checks_the_server_s_certificate_unless_told_not_to(url: str, target: Target) -> None:
    if target.name != "mysql":
        pytest.skip("only MySQL's own servers make themselves a certificate")
    async with Jobs(f"{url}?ssl=unchecked") as jobs:
        session: Any = jobs._client.db.transaction()
        async with session as opened, opened.connection.cursor() as cursor:
            await cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
            assert (await cursor.fetchone())[1] != ""
    with pytest.raises(DatabaseUnavailable, match="certificate"):
        async with Jobs(f"{url}?ssl=true"):
            pass
