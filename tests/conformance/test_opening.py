"""Opening a database: the tables are made once, and whatever is wrong with them or the server is said clearly."""

from __future__ import annotations

import asyncio
import gc
import importlib
import re
import sys
import threading
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from dbjobs import (
    DatabaseUnavailable,
    Jobs,
    MissingDriver,
    MissingPermission,
    SchemaTooNew,
    SchemaTooOld,
)
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.transactions.migrate import LATEST_VERSION
from tests.conformance.raw import Raw

pytestmark = pytest.mark.fresh


async def echo(request: Any) -> Any:
    return request


async def test_many_first_openings_at_once_make_the_tables_once(url: str, raw: Raw) -> None:
    async with AsyncExitStack() as stack:
        several = [Jobs(url) for _ in range(8)]
        await asyncio.gather(*(stack.enter_async_context(jobs) for jobs in several))
        several[0].command(echo)
        assert (await several[0].enqueue(echo)).created
    versions = await raw.rows("SELECT version FROM dbjobs.schema_version ORDER BY version")
    assert [row[0] for row in versions] == [number for number, *_ in several[0]._client._db.statements.migrations()]
    assert versions[-1][0] == LATEST_VERSION


async def test_opening_again_finds_what_is_there(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        ref = await jobs.enqueue(echo, 1)
    async with jobs:
        assert await jobs.get(ref) is not None


async def test_a_start_inside_an_open_client_shares_it(jobs: Jobs) -> None:
    jobs.command(echo)
    async with jobs:
        async with jobs.start():
            done = await jobs.wait(await jobs.enqueue(echo, 1), timeout=10)
        assert await jobs.get(done.id) == done


async def test_a_start_waits_for_its_connections_side_by_side(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heartbeat registers on its own connection while the workers' one is being made."""
    jobs.command(echo)
    async with jobs:
        kind = type(jobs._client.db)
        registered, make, opened = threading.Event(), repository.register_node, kind.open
        makers: list[Any] = []

        async def register(*arguments: Any) -> int:
            id = await make(*arguments)
            registered.set()
            return id

        async def open_last(db: Any) -> None:
            if threading.current_thread() is threading.main_thread():  # not the heartbeat's
                makers.append(db)
                assert await asyncio.to_thread(registered.wait, 20), "the heartbeat waits for this connection"
            await opened(db)

        monkeypatch.setattr(repository, "register_node", register)
        monkeypatch.setattr(kind, "open", open_last)
        async with jobs.start():
            assert (await jobs.wait(await jobs.enqueue(echo, 1), timeout=10)).response == 1
        assert len(makers) == (0 if jobs._client.db.one_writer else 1), "SQLite's callers and workers share one thread"


async def test_workers_that_cannot_be_opened_leave_nothing_behind(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.command(echo)
    async with jobs:
        kind, opened = type(jobs._client.db), type(jobs._client.db).open
        if jobs._client.db.one_writer:
            pytest.skip("SQLite's workers open nothing of their own")

        async def refuse(db: Any) -> None:
            if threading.current_thread() is threading.main_thread():
                raise DatabaseUnavailable("no room for another connection")
            await opened(db)

        with monkeypatch.context() as patched:
            patched.setattr(kind, "open", refuse)
            with pytest.raises(DatabaseUnavailable, match="no room"):
                async with jobs.start():
                    raise AssertionError("it must not start")
        assert await jobs.nodes() == []
        async with jobs.start():
            assert (await jobs.wait(await jobs.enqueue(echo, 1), timeout=10)).response == 1


async def test_tables_of_a_newer_release_are_refused(jobs: Jobs, raw: Raw) -> None:
    jobs.command(echo)
    async with jobs:
        ref = await jobs.enqueue(echo)
    await raw.rows(f"INSERT INTO dbjobs.schema_version (version) VALUES ({LATEST_VERSION + 1})")
    with pytest.raises(SchemaTooNew, match=rf"version {LATEST_VERSION + 1}.*newer release.*update the package"):
        async with jobs:
            pass
    with pytest.raises(SchemaTooNew):
        async with jobs.start():
            pass
    assert await raw.rows("SELECT id FROM dbjobs.background_job") == [(ref.id,)], "a job was lost"


async def test_missing_tables_are_not_made_against_the_will(url: str, raw: Raw) -> None:
    with pytest.raises(
        SchemaTooOld, match=rf"(version 0 and this release needs {LATEST_VERSION}|there is no file).*dbjobs migrate"
    ):
        async with Jobs(url, migrate=False):
            pass
    async with Jobs(url):
        pass
    async with Jobs(url, migrate=False) as jobs:
        assert await jobs.list() == []


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_user_who_may_not_make_tables_is_told_so(url: str, raw: Raw) -> None:
    name = raw.powerless()
    powerless = await raw.make_user(name, "Secret-Pass-1")  # as long and mixed as SQL Server wants it
    try:
        with pytest.raises(MissingPermission, match=r"run 'dbjobs migrate' as a user who may.*(?i:permission|denied)"):
            async with Jobs(powerless):
                pass
        async with Jobs(url) as owner:
            owner.command(echo)
            await owner.enqueue(echo)
        await raw.let_read(name)
        reader = Jobs(powerless)
        reader.command(echo)
        async with reader:  # up to date: no right to create is needed
            assert len(await reader.list()) == 1
            with pytest.raises(MissingPermission, match=r"background_job|job_queue"):
                await reader.enqueue(echo)
    finally:
        await raw.drop_user(name)


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
@pytest.mark.parametrize("how", ["no server", "no database", "wrong password", "no host"])
async def test_a_server_that_cannot_be_used_is_named_with_the_reason(url: str, how: str) -> None:
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port}"
    host = {"no server": "127.0.0.1:1", "no host": "no-such-host.invalid"}.get(how, where)
    reasons = {
        "no server": "connection refused; is the server running",
        "no database": f"{parts.path[1:]}_missing",
        "wrong password": "authentication failed|Access denied for user",
        "no host": "this host name cannot be resolved; is it spelled right",
    }
    broken = {
        "no server": parts._replace(netloc="nobody:secret@127.0.0.1:1"),
        "no host": parts._replace(netloc="nobody:secret@no-such-host.invalid"),
        "no database": parts._replace(path=parts.path + "_missing"),
        "wrong password": parts._replace(netloc=f"{parts.username}:wrong@{where}"),
    }[how].geturl()
    jobs = Jobs(broken)
    for entering in (jobs, jobs.start()):
        with pytest.raises(DatabaseUnavailable, match=re.escape(host)) as caught:
            async with entering:
                pass
        # SQL Server's driver says it in its own words.
        assert parts.scheme.startswith("mssql") or re.search(reasons[how], str(caught.value))
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)
        assert str(parts.password) not in str(caught.value)


@pytest.mark.dialect("sqlite")
async def test_a_file_that_cannot_be_made_is_named() -> None:
    with pytest.raises(DatabaseUnavailable, match="no/such/folder"):
        async with Jobs("sqlite:////no/such/folder/jobs.db"):
            pass


def test_a_missing_driver_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ImportError):
        importlib.import_module("asyncpg")
    with pytest.raises(MissingDriver, match=r"asyncpg.*pip install 'dbjobs\[postgres\]'"):
        Jobs("postgresql://localhost/app")


async def test_an_opening_that_is_cancelled_at_any_moment_leaves_nothing_behind(url: str) -> None:
    """An exception that nobody could catch would reach the event loop's handler, which fails the test."""
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    gc.freeze()  # a collection looks at what is made from here on: it takes a hundredth of the time
    try:
        for turns in range(40):
            db = make_database(url)
            opening = asyncio.create_task(db.open())
            for _ in range(turns):
                await asyncio.sleep(0)
            opening.cancel()
            await asyncio.wait([opening])
            await db.close()
            gc.collect()
    finally:
        gc.unfreeze()
        loop.set_exception_handler(None)
    assert complaints == []
