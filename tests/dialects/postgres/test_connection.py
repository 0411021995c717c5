"""What a failure on a connection of ours means: which error it is, and whether the connection ends."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from dbjobs import DatabaseError, DatabaseUnavailable
from dbjobs.errors import DataRefused, LockTimeout, TransactionConflict
from dbjobs.store.postgres.connection import Limits, PostgresConnection, server_settings

LIMITS = Limits(connect=1.0, command=2.0, lock=1.5, idle=3.0)


class Raw:
    """A driver's connection that fails in one way."""

    def __init__(self, error: BaseException, *, closes: bool = False) -> None:
        self.error = error
        self.closes = closes
        self.closed = False
        self.rollbacks = 0

    async def fetch(self, text: str, *values: Any) -> list[Any]:
        self.closed = self.closed or self.closes
        raise self.error

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True


def lost(cause: BaseException | None = None) -> Exception:
    error = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "closes", "kind", "ends", "unsent", "in_doubt"),
    [
        # the database refuses: the connection is as good as before
        (asyncpg.UniqueViolationError("taken"), False, DatabaseError, False, False, None),
        (asyncpg.DeadlockDetectedError("deadlock"), False, TransactionConflict, False, False, None),
        (asyncpg.LockNotAvailableError("lock"), False, LockTimeout, False, False, None),
        # an argument that quotes anything at all
        (asyncpg.exceptions._base.DataError("'connection'"), False, DataRefused, False, False, None),
        # sent, and no answer
        (TimeoutError(), False, DatabaseUnavailable, True, False, True),
        (ConnectionResetError("reset"), True, DatabaseUnavailable, True, False, True),
        (lost(), True, DatabaseUnavailable, True, False, True),
        (lost(asyncpg.CrashShutdownError("crash")), True, DatabaseUnavailable, True, False, True),
        (lost(asyncpg.ProtocolViolationError("server conn crashed?")), True, DatabaseUnavailable, True, False, True),
        # nothing was done
        (lost(asyncpg.ProtocolViolationError("invalid server parameter")), True,
         DatabaseUnavailable, True, True, False),
        (lost(asyncpg.AdminShutdownError("bye")), True, DatabaseUnavailable, True, True, False),
        (asyncpg.InterfaceError("connection is closed"), True, DatabaseUnavailable, True, True, False),
        (asyncpg.InterfaceError("cannot perform operation: another operation is in progress"), False,
         DatabaseUnavailable, True, True, False),
        (asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"), False,
         DatabaseUnavailable, True, True, False),
        # the server says why, and has undone it
        (asyncpg.QueryCanceledError("statement timeout"), False, DatabaseUnavailable, True, False, False),
        (asyncpg.DiskFullError("full"), False, DatabaseUnavailable, True, False, False),
        (asyncpg.ReadOnlySQLTransactionError("read-only"), False, DatabaseUnavailable, True, False, False),
        # the driver stumbles over a connection that is gone
        (AttributeError("'NoneType' object has no attribute 'is_in_transaction'"), True,
         DatabaseUnavailable, True, False, True),
        (AttributeError("'NoneType' object has no attribute 'query'"), False, DatabaseError, True, False, None),
    ],
)  # fmt: skip
async def test_a_failure_is_told_for_what_it_is(
    error: Exception, *, closes: bool, kind: type[Exception], ends: bool, unsent: bool, in_doubt: bool | None
) -> None:
    raw: Any = Raw(error, closes=closes)
    connection = PostgresConnection(raw, "host/db", LIMITS)
    with pytest.raises(kind) as caught:
        await connection.fetch("SELECT 1", (), in_doubt=True)
    assert isinstance(caught.value, DatabaseUnavailable) is (kind is DatabaseUnavailable)
    assert (connection.is_closed(), connection.unsent) == (ends, unsent)
    if in_doubt is not None:
        assert isinstance(caught.value, DatabaseUnavailable)
        assert caught.value.in_doubt is in_doubt
        assert ("may have been carried out" in str(caught.value)) is in_doubt


async def test_within_a_transaction_nothing_is_in_doubt_before_its_commit() -> None:
    raw: Any = Raw(TimeoutError())
    with pytest.raises(DatabaseUnavailable) as caught:
        await PostgresConnection(raw, "host/db", LIMITS).fetch("SELECT 1", (), in_doubt=False)
    assert not caught.value.in_doubt


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt()])
async def test_an_interrupted_statement_ends_its_connection(error: BaseException) -> None:
    raw: Any = Raw(error)
    connection = PostgresConnection(raw, "host/db", LIMITS)
    with pytest.raises(type(error)):
        await connection.fetch("SELECT 1", (), in_doubt=True)
    assert connection.is_closed()


async def test_a_rollback_asks_nothing_of_a_connection_that_is_gone() -> None:
    raw: Any = Raw(TimeoutError())
    connection = PostgresConnection(raw, "host/db", LIMITS)
    connection.terminate()

    class Transaction:
        async def rollback(self) -> None:
            raise AssertionError("it was asked")

    await connection.roll_back(Transaction())


async def test_a_rollback_without_an_answer_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbjobs.store.postgres.connection.ROLLBACK_SECONDS", 0.01)
    raw: Any = Raw(TimeoutError())
    connection = PostgresConnection(raw, "host/db", LIMITS)

    class Transaction:
        async def rollback(self) -> None:
            await asyncio.Event().wait()

    await connection.roll_back(Transaction())
    assert connection.is_closed()


def test_the_server_ends_what_we_have_given_up() -> None:
    settings = server_settings(LIMITS)
    assert settings["statement_timeout"] == "3000"
    assert settings["lock_timeout"] == "1500"
    assert settings["idle_in_transaction_session_timeout"] == "3000"
    assert settings["default_transaction_isolation"] == "read committed"
