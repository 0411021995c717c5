"""SQL Server: every round trip ends on the loop's side, whatever the driver does, and what hangs is given up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

pytest.importorskip("aioodbc", reason="SQL Server's driver is not installed", exc_type=ImportError)

import aioodbc
import pyodbc  # needs unixODBC's library; without it the line above has skipped this file

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidOption, TransactionConflict
from dbjobs.store.sqlserver import connection as sqlserver_connection
from dbjobs.store.sqlserver import database as sqlserver
from dbjobs.store.sqlserver import session as sqlserver_session
from dbjobs.store.sqlserver.database import SqlServerDatabase
from dbjobs.store.sqlserver.limits import Limits
from dbjobs.store.synchronous import run
from tests.dialects.sqlserver.fake_odbc import FakeConnection, FakeServer, broken, error_of_server

# Short, but long enough for a call that does not hang, on a machine that is busy with other tests.
STATEMENT_SECONDS = 1.0
LIMITS = Limits(connect=STATEMENT_SECONDS, statement=STATEMENT_SECONDS, lock=0.4, kill=STATEMENT_SECONDS, script=5.0)
# A limit may take this long to be noticed, and its session to be ended; far below the minute that a gate holds.
PATIENCE_SECONDS = 10.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    fake = FakeServer()
    monkeypatch.setattr(pyodbc, "connect", fake.connect)
    monkeypatch.setattr(sqlserver, "find_driver", lambda: "ODBC Driver 18 for SQL Server")
    for module in (sqlserver_connection, sqlserver_session):
        monkeypatch.setattr(module, "GRACE_SECONDS", 0.0)
    yield fake
    fake.open_all_gates()


@asynccontextmanager
async def opened(limits: Limits = LIMITS, pool_size: int = 2) -> AsyncIterator[SqlServerDatabase]:
    db = SqlServerDatabase("mssql://me:secret@host/app", pool_size=pool_size)
    db._limits = limits
    async with asyncio.timeout(PATIENCE_SECONDS):
        await db.open()
        try:
            yield db
        finally:
            await db.close()


async def works(db: SqlServerDatabase) -> int:
    """Run a statement, on which connection?"""
    assert [tuple(row) for row in await db.fetch("list_queues")] == [("default", False, None)]
    assert db._pool is not None
    return db._pool._idle[-1].session.id if db._pool._idle[-1].session else 0


async def test_a_statement_that_hangs_is_given_up_with_its_connection(server: FakeServer) -> None:
    async with opened() as db:
        first = await works(db)
        gate = server.hang("job_queue")
        with pytest.raises(DatabaseUnavailable, match="host:1433/app did not answer within 1 s"):
            await db.fetch("list_queues")
        assert await works(db) != first
        hung = server.connections[first - 51]
        assert not hung.closed.is_set()
        gate.open()  # the driver returns at last: its connection is closed, and nobody hears of the rows
        assert await asyncio.to_thread(hung.closed.wait, PATIENCE_SECONDS)
        await works(db)
        assert db._inbox is not None
        assert db._inbox._outstanding == 0


async def test_what_hangs_is_ended_on_the_server(server: FakeServer) -> None:
    async with opened() as db:
        first = await works(db)
        server.hang("job_queue")
        with pytest.raises(DatabaseUnavailable):
            await db.fetch("list_queues")
        ((killer, _, values),) = [ran for ran in server.ran if "KILL" in ran[1]]
        assert killer != first
        assert values == (first, "2026-07-01T10:00:00")  # by number and login: numbers are used again


async def test_a_server_that_answers_nobody_costs_two_limits_and_no_more(server: FakeServer) -> None:
    async with opened() as db:
        await works(db)
        server.hang("job_queue")
        server.hang("connect")  # the connection that would end the session
        with pytest.raises(DatabaseUnavailable):
            await db.fetch("list_queues")
        assert server.batches("KILL") == []
        await works(db)


@pytest.mark.parametrize("ending", ["COMMIT TRANSACTION", "IF @@TRANCOUNT > 0 ROLLBACK"])
async def test_the_end_of_a_transaction_has_a_limit(server: FakeServer, ending: str) -> None:
    refused = ending.startswith("IF")

    async def work(db: SqlServerDatabase) -> None:
        async with db.transaction() as session:
            await session.fetch("list_queues")
            if refused:
                raise ValueError("the work was refused")

    async with opened() as db:
        server.hang(ending)
        with pytest.raises(ValueError if refused else DatabaseUnavailable):
            await work(db)
        (hung,) = server.batches(ending)
        async with db.transaction() as session:
            await session.fetch("list_queues")
        assert server.batches("COMMIT TRANSACTION")[-1] != hung


async def test_while_a_commit_hangs_others_go_on(server: FakeServer) -> None:
    async with opened(LIMITS._replace(statement=PATIENCE_SECONDS)) as db:
        gate = server.hang("COMMIT TRANSACTION")

        async def commit() -> None:
            async with db.transaction():
                pass

        task = asyncio.create_task(commit())
        assert await asyncio.to_thread(gate.reached.wait, PATIENCE_SECONDS)
        await works(db)
        assert not task.done()
        gate.open()
        await task


async def test_a_transaction_begins_on_another_connection_if_an_idle_one_is_gone(server: FakeServer) -> None:
    async with opened() as db:
        first = await works(db)
        server.connections[first - 51].is_dead = True
        async with db.transaction() as session:
            await session.fetch("list_queues")
        (began, again) = server.batches("BEGIN TRANSACTION")
        assert began == first
        assert again != first
        assert server.batches("COMMIT TRANSACTION") == [again]


async def test_a_begin_that_did_not_answer_is_not_repeated_at_once(server: FakeServer) -> None:
    async with opened() as db:
        server.hang("BEGIN TRANSACTION")
        with pytest.raises(DatabaseUnavailable, match="did not answer"):
            async with db.transaction():
                pass
        assert len(server.batches("BEGIN TRANSACTION")) == 1


async def test_a_statement_is_never_repeated_by_itself(server: FakeServer) -> None:
    """It may have been done: what commits by itself is repeated by those who know that they may."""
    async with opened() as db:
        server.fail("job_queue", broken())
        with pytest.raises(DatabaseUnavailable, match="Communication link failure"):
            await db.fetch("list_queues")
        assert len(server.batches("job_queue")) == 1
        await works(db)


async def test_a_connection_that_lay_idle_is_asked_first(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as db:
        first = await works(db)
        assert server.batches("AS answer") == []  # it has answered a moment ago
        monkeypatch.setattr(sqlserver, "IDLE_SECONDS", 0.0)
        assert await works(db) == first
        assert server.batches("AS answer")[-1] == first
        server.connections[first - 51].is_dead = True
        asked = len(server.batches("job_queue"))
        second = await works(db)
        assert second != first
        assert server.batches("job_queue")[asked:] == [second]  # the statement went to no dead connection


async def test_a_dead_connection_that_does_not_answer_costs_one_limit(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlserver, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(sqlserver, "PING_SECONDS", 0.1)
    async with opened(LIMITS._replace(statement=60.0)) as db:  # what a statement may take is no matter
        gate = server.hang("AS answer")
        await works(db)
        assert gate.reached.is_set()


async def test_what_ends_one_connection_is_believed_of_the_idle_ones(server: FakeServer) -> None:
    async with opened() as db:
        async with db.transaction(), db.transaction():
            pass
        assert db._pool is not None
        assert len(db._pool._idle) == 2
        server.fail("job_queue", broken())
        with pytest.raises(DatabaseUnavailable):
            await db.fetch("list_queues")
        assert await works(db) not in (51, 52)
        for old in server.connections[:2]:
            assert await asyncio.to_thread(old.closed.wait, PATIENCE_SECONDS)


async def test_a_lock_that_is_not_had_in_time_is_a_conflict_and_costs_no_connection(server: FakeServer) -> None:
    async with opened() as db:
        first = await works(db)
        server.fail("job_queue", error_of_server("HYT00", "Lock request time out period exceeded.", 1222))
        with pytest.raises(TransactionConflict):
            await db.fetch("list_queues")
        assert await works(db) == first


async def test_a_cancelled_statement_gives_its_connection_up(server: FakeServer) -> None:
    async with opened(LIMITS._replace(statement=PATIENCE_SECONDS)) as db:
        first = await works(db)
        gate = server.hang("job_queue")
        task = asyncio.create_task(db.fetch("list_queues"))
        assert await asyncio.to_thread(gate.reached.wait, PATIENCE_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await works(db) != first
        assert server.batches("KILL") == []  # it may finish
        gate.open()
        assert await asyncio.to_thread(server.connections[first - 51].closed.wait, PATIENCE_SECONDS)
        assert db._inbox is not None
        assert db._inbox._outstanding == 0


async def test_connecting_has_a_limit(server: FakeServer) -> None:
    server.hang("connect")
    db = SqlServerDatabase("mssql://me:secret@host/app")
    db._limits = LIMITS
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(DatabaseUnavailable, match="did not answer"):
            await db.open()


async def test_the_first_words_on_a_connection_have_a_limit(server: FakeServer) -> None:
    gate = server.hang("IMPLICIT_TRANSACTIONS")
    db = SqlServerDatabase("mssql://me:secret@host/app")
    db._limits = LIMITS
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(DatabaseUnavailable, match="did not answer"):
            await db.open()
    gate.open()
    assert await asyncio.to_thread(server.connections[0].closed.wait, PATIENCE_SECONDS)


async def test_closing_has_a_limit(server: FakeServer) -> None:
    async with opened() as db:
        await works(db)
        gate = server.hang("close")
    gate.open()
    assert await asyncio.to_thread(server.connections[0].closed.wait, PATIENCE_SECONDS)


async def test_nobody_waits_for_a_connection_for_ever(server: FakeServer) -> None:
    async with opened(pool_size=1) as db, db.transaction():
        with pytest.raises(DatabaseUnavailable, match="pool_size"):
            await db.fetch("list_queues")


async def test_an_engines_limits_follow_its_lease(server: FakeServer) -> None:
    client = SqlServerDatabase("mssql://me:secret@host/app?command_timeout=60")
    engine = client.for_engine(15.0)
    assert engine._limits == Limits(connect=5.0, statement=5.0, lock=2.0, kill=2.5, script=60.0)
    # A statement that hangs, the end of its session, and once more, fit into the lease.
    assert 2 * engine._limits.statement + engine._limits.kill < 15.0
    assert client.for_engine(3600.0)._limits.statement == 60.0
    assert engine.another()._limits == engine._limits


async def test_a_session_waits_for_a_lock_for_less_than_its_statements_may_take(server: FakeServer) -> None:
    async with opened(LIMITS._replace(lock=0.25)):
        (text,) = [text for _, text, _ in server.ran if "SET LOCK_TIMEOUT" in text]
        assert "SET LOCK_TIMEOUT 250;" in text
        assert server.connections[0].timeout == 1  # the driver's own limit, in whole seconds, never none


async def test_a_handlers_own_statements_have_limits_of_their_own(server: FakeServer) -> None:
    async def handle(db: SqlServerDatabase) -> None:
        async with db.handler_transaction() as session:
            # A handler's statement goes past our limits, on the driver's connection; so does its wait for a lock.
            assert "SET LOCK_TIMEOUT 60000;" in [text for _, text, _ in server.ran if "SET LOCK_TIMEOUT" in text][-1]
            assert server.connections[-1].timeout == 60
            server.hang("job_queue")
            await session.fetch("list_queues")

    async with opened() as db:
        with pytest.raises(DatabaseUnavailable, match="within 1 s"):  # ours have not
            await handle(db)


async def test_a_transaction_whose_connection_was_lost_is_not_committed(server: FakeServer) -> None:
    async def go_on(db: SqlServerDatabase) -> None:
        async with db.transaction() as session:
            with suppress(DatabaseUnavailable):
                await session.fetch("list_queues")

    async with opened() as db:
        server.fail("job_queue", broken())
        assert not await doubts(go_on(db))
        assert server.batches("COMMIT TRANSACTION") == []


async def test_a_file_without_a_statement_costs_no_connection(server: FakeServer) -> None:
    async with opened(pool_size=1) as db, db.transaction():
        assert await db.fetch("notify", notices=[]) == ()


async def test_a_session_sets_what_the_statements_rely_on_in_an_order_that_works(server: FakeServer) -> None:
    async with opened():
        pass
    text = next(text for _, text, _ in server.ran if "SET LOCK_TIMEOUT" in text)
    order = ["IMPLICIT_TRANSACTIONS OFF", "ROWCOUNT 0", "LANGUAGE us_english", "DATEFORMAT ymd", "DATEFIRST 7"]
    places = [text.index(f"SET {setting}") for setting in order]
    assert places == sorted(places)
    assert places[-1] < text.index("SELECT")
    for setting in ("QUOTED_IDENTIFIER", "XACT_ABORT", "ARITHABORT", "READ COMMITTED", "NUMERIC_ROUNDABORT"):
        assert setting in text


async def test_every_batch_runs_at_read_committed_also_in_a_handlers_transaction(server: FakeServer) -> None:
    async with opened() as db, db.handler_transaction() as session:
        await session.fetch("list_queues")
    for words in ("job_queue", "BEGIN TRANSACTION"):
        (text,) = [text for _, text, _ in server.ran if words in text]
        assert text.index("SET TRANSACTION ISOLATION LEVEL READ COMMITTED") < text.index(words)


async def test_a_script_may_take_longer_than_a_statement(server: FakeServer) -> None:
    async with opened() as db:
        usual = server.connections[0].timeout
        gate = server.hang("history_layout")

        async def make() -> None:
            async with db.transaction() as session:
                await session.script("make_partition", month="202607")

        task = asyncio.create_task(make())
        await asyncio.sleep(STATEMENT_SECONDS * 1.5)
        assert not task.done()
        assert server.connections[0].timeout == LIMITS.script
        gate.open()
        await task
        assert server.connections[0].timeout == usual


async def callers_connection() -> Any:
    return await aioodbc.connect(dsn="", autocommit=False)


async def test_a_callers_connection_has_a_limit_too(server: FakeServer) -> None:
    async with opened() as db:
        mine = await callers_connection()
        session = await db.adopt(mine)
        gate = server.hang("job_queue")
        with pytest.raises(DatabaseUnavailable, match=r"connection=: .* did not answer"):
            await session.fetch("list_queues")
        gate.open()
        assert not mine.closed
        await session.fetch("list_queues")
        await mine.close()


async def test_a_callers_transaction_begins_at_its_own_isolation_level(server: FakeServer) -> None:
    """A SNAPSHOT transaction whose first access to data was at another level fails behind our statement."""
    async with opened() as db:
        mine = await callers_connection()
        session = await db.adopt(mine)
        await session.fetch("find_refs", ref_ids=["a"])
        (text,) = [text for _, text, _ in server.ran if "job_ref" in text]
        assert text.index("history_layout") < text.index("SET TRANSACTION ISOLATION LEVEL") < text.index("job_ref")
        await db.fetch("find_refs", ref_ids=["a"])
        assert "history_layout" not in [text for _, text, _ in server.ran if "job_ref" in text][-1]
        await mine.close()


async def test_a_cancelled_call_leaves_a_callers_connection_when_it_has_ended_there(server: FakeServer) -> None:
    """What the caller does next (a rollback) must not meet it on the connection."""
    async with opened(LIMITS._replace(statement=PATIENCE_SECONDS)) as db:
        mine = await callers_connection()
        session = await db.adopt(mine)
        gate = server.hang("job_queue")
        task = asyncio.create_task(session.fetch("list_queues"))
        assert await asyncio.to_thread(gate.reached.wait, PATIENCE_SECONDS)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await task
        await mine.close()


class SyncConnection(FakeConnection):
    """An application's own pyodbc connection, in a transaction."""

    closed = False  # type: ignore[assignment]

    def __init__(self, server: FakeServer) -> None:
        super().__init__(server, 7)
        del self.__dict__["closed"]
        self.autocommit = False


async def test_a_synchronous_connection_is_used_in_its_callers_thread(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyodbc, "Connection", SyncConnection)
    loop = asyncio.get_running_loop()

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_SECONDS)

    async with opened() as db:

        def application() -> list[Any]:
            session = run(db.adopt_blocking(SyncConnection(server), wait))
            with pytest.raises(InvalidOption, match=r"must be a pyodbc connection, .*: aioodbc"):
                run(db.adopt_blocking(mine, wait))
            server.fail("job_queue", error_of_server("40001", "deadlock victim", 1205))
            with pytest.raises(TransactionConflict):
                run(session.fetch("list_queues"))
            return [tuple(row) for row in run(session.fetch("list_queues"))]

        mine = await callers_connection()
        assert await asyncio.to_thread(application) == [("default", False, None)]
        await mine.close()
    assert server.batches("job_queue") == [7, 7]


async def doubts(work: Coroutine[Any, Any, Any]) -> bool:
    """May what has failed have been stored nevertheless?"""
    with pytest.raises(DatabaseUnavailable) as caught:
        await work
    return caught.value.in_doubt


async def test_what_may_have_been_stored_is_told_from_what_was_not(server: FakeServer) -> None:
    async def in_transaction(db: SqlServerDatabase) -> None:
        async with db.transaction() as session:
            await session.fetch("list_queues")

    async with opened() as db:
        server.hang("job_queue")
        assert await doubts(db.fetch("list_queues"))
        server.fail("job_queue", broken())
        assert await doubts(db.fetch("list_queues"))
        server.fail("COMMIT TRANSACTION", broken())
        assert await doubts(in_transaction(db))
        server.fail("job_queue", error_of_server("42000", "The transaction log for database 'app' is full", 9002))
        assert not await doubts(db.fetch("list_queues"))  # refused: undone
        server.fail("job_queue", broken())
        assert not await doubts(in_transaction(db))  # never committed
        server.hang("BEGIN TRANSACTION")
        assert not await doubts(in_transaction(db))
        server.hang("connect")  # the one before has made the pool distrust what it had
        assert not await doubts(db.fetch("list_queues"))


async def test_a_closed_database_says_so(server: FakeServer) -> None:
    async with opened() as db:
        pass
    with pytest.raises(DatabaseError, match="not open"):
        await db.fetch("list_queues")


def test_a_driver_that_hangs_does_not_keep_the_process() -> None:
    program = (
        "import threading\n"
        "from dbjobs.store.sqlserver.thread import ConnectionThread\n"
        "begun = threading.Event()\n"
        "thread = ConnectionThread()\n"
        "thread.submit(lambda: (begun.set(), threading.Event().wait()))\n"
        "begun.wait()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
