"""One connection of asyncpg: settings that our statements rely on, a limit for each round trip, and a known end.

A connection on which anything but a plain refusal has happened (no answer in time, a broken socket, a cancelled call, a
state that the driver did not expect) is closed here, at once. It never serves another statement.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import asyncpg

from dbjobs.errors import DatabaseError, DatabaseUnavailable
from dbjobs.store.database import Row
from dbjobs.store.postgres.errors import is_mistake, translate
from dbjobs.store.readable import poll_of

if TYPE_CHECKING:
    Raw = asyncpg.Connection[asyncpg.Record]  # generic in its stubs only
else:
    Raw = asyncpg.Connection

# Plans must not depend on statistics: a table that was empty when a statement was first planned may hold
# a million rows a minute later, and the cached plan stays. So on our own connections the planner is left
# one way only: into a table through an index (the statements say `id = ANY (array)`, or LATERAL with a
# LIMIT) or to rows whose place is known, and from set to set by hashing. jit is off because forbidden plans
# are priced so high that they would be compiled.
_PLANS = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
    "enable_hashjoin": "on",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
    "enable_tidscan": "on",
    "jit": "off",
}
# How long a ROLLBACK may take; then the connection is closed, which rolls back as well.
ROLLBACK_SECONDS = 5.0
# The server's limit for a statement comes this much after ours: it ends what we have given up.
_SERVER_LATER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the round trips of one kind of user may take, in seconds.

    Attributes:
        connect: until a connection stands, for each host.
        command: for a statement, a BEGIN or a COMMIT; the server ends it soon after.
        lock: for a lock that somebody else holds; 0 for as long as the statement may take.
        idle: how long a transaction may wait for our next statement; then the server ends it.
    """

    connect: float
    command: float
    lock: float
    idle: float


def server_settings(limits: Limits) -> dict[str, str]:
    """The settings sent with each new connection, because a role or a database may have other defaults."""
    alive = max(int(limits.command / 3), 1)
    return _PLANS | {
        "application_name": "dbjobs",
        "statement_timeout": milliseconds(limits.command + _SERVER_LATER_SECONDS),
        "lock_timeout": milliseconds(limits.lock),
        "idle_in_transaction_session_timeout": milliseconds(limits.idle),
        "idle_session_timeout": "0",
        # Every protocol here is written for READ COMMITTED. Not default_transaction_read_only: if somebody has
        # set it (a provider with a full disk, or for maintenance), they mean us, too.
        "default_transaction_isolation": "read committed",
        "default_transaction_deferrable": "off",
        # The server notices a client that has vanished, and lets go of its locks.
        "tcp_keepalives_idle": str(alive),
        "tcp_keepalives_interval": str(alive),
        "tcp_keepalives_count": "2",
        "tcp_user_timeout": milliseconds(limits.command),
    }


def milliseconds(seconds: float) -> str:
    """A time as the server's settings want it."""
    return str(round(seconds * 1000))


class PostgresConnection:
    """Statements on one of our own connections.

    Args:
        raw: asyncpg's connection.
        where: host, port and database, for messages.
        limits: of its user.
        host: number of the server in its URL.
    """

    def __init__(self, raw: Raw, where: str, limits: Limits, host: int = 0) -> None:
        self.raw = raw
        self.host = host
        # The failure that closed it; unsent: the server has certainly not run what was asked.
        self.timed_out = self.read_only = self.unsent = False
        self._where = where
        self._limits = limits
        self._socket = _watched(raw, limits)

    # --- statements -----------------------------------------------------------------------------

    async def fetch(self, text: str, values: Sequence[Any], *, in_doubt: bool) -> Sequence[Row]:
        """Run a statement.

        Args:
            in_doubt: it commits by itself: without an answer nobody knows whether it has.

        Raises:
            DatabaseError.
        """
        try:
            rows: Sequence[Row] = await self.raw.fetch(text, *values)
            return rows
        except Exception as error:
            raise self._failed(error, in_doubt=in_doubt) from error
        except BaseException:
            self.terminate()  # the statement may still be under way on it
            raise

    async def script(self, text: str) -> None:
        """Run statements without parameters inside a transaction."""
        with self._guarded():
            await self.raw.execute(text)

    async def copy(self, table: str, schema: str, columns: Sequence[str], records: Sequence[Any]) -> None:
        """COPY rows into a table, inside a transaction."""
        with self._guarded():
            await self.raw.copy_records_to_table(table, schema_name=schema, columns=columns, records=records)

    async def begin(self) -> Any:
        """Start a transaction; returns what commit and rollback take."""
        with self._guarded():
            # READ COMMITTED whatever the server's default is: a pooler keeps our settings from it.
            transaction = self.raw.transaction(isolation="read_committed")
            await transaction.start()
            return transaction

    async def commit(self, transaction: Any) -> None:
        """Commit, shielded from cancellation, within a statement's time limit."""
        with anyio.CancelScope(shield=True), self._guarded(in_doubt=True):
            await transaction.commit()

    async def roll_back(self, transaction: Any) -> None:
        """Roll back. Never raises: if there is no answer, closing the connection rolls back as well."""
        if self.is_closed():
            return
        with anyio.CancelScope(shield=True), anyio.move_on_after(ROLLBACK_SECONDS) as limit:
            try:
                await transaction.rollback()
            except Exception:
                self.terminate()
        if limit.cancelled_caught:
            self.terminate()

    # --- life -----------------------------------------------------------------------------------

    def is_closed(self) -> bool:
        """True if it can no longer be used."""
        return self.raw.is_closed()

    def has_news(self) -> bool:
        """True if the server has sent something while the connection was idle: most often that it ends it."""
        return self._socket is not None and bool(self._socket.poll(0))

    def terminate(self) -> None:
        """Close the socket at once."""
        with suppress(Exception):  # it may be half closed, in any state of the driver
            self.raw.terminate()

    async def close(self) -> None:
        """Say good-bye, then close."""
        await self.raw.close(timeout=self._limits.command)

    @contextmanager
    def _guarded(self, *, in_doubt: bool = False) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise self._failed(error, in_doubt=in_doubt) from error
        except BaseException:
            self.terminate()
            raise

    def _failed(self, error: Exception, *, in_doubt: bool) -> DatabaseError:
        """Turn the driver's error into ours, and close the connection unless the database merely refused."""
        was_closed = self.is_closed()
        translation = translate(error, self._where)
        if translation is None:  # the driver failed on a lost connection, or on an argument
            text = f"{type(error).__name__}: {error}"
            translation = DatabaseError(text)
            if was_closed:
                translation = DatabaseUnavailable(f"PostgreSQL at {self._where} cannot be reached: {text}")
            self.terminate()
        if isinstance(translation, DatabaseUnavailable):
            self.terminate()
            self.timed_out = isinstance(error, TimeoutError)
            self.read_only = isinstance(error, asyncpg.ReadOnlySQLTransactionError)
            # A call that the driver refuses has not been sent, and a statement that the server refuses is undone. So is
            # one that reaches a session which an administrator has ended: a session that has committed says so
            # before it says that it ends (a wait for a standby that is cut off by it ends without a word).
            self.unsent = (
                isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError)
                or isinstance(error.__cause__, asyncpg.AdminShutdownError)
                or _is_poolers_refusal(error.__cause__)
            )
            is_refusal = isinstance(error, asyncpg.PostgresError)
            is_refusal = is_refusal and not isinstance(error, asyncpg.PostgresConnectionError)
            translation.in_doubt = in_doubt and not self.unsent and not is_refusal
            if translation.in_doubt:
                translation.args = (f"{translation} (it was sent, and may have been carried out)",)
        elif not isinstance(error, asyncpg.PostgresError) and not is_mistake(error):
            self.terminate()
        return translation


def _is_poolers_refusal(cause: BaseException | None) -> bool:
    """True if PgBouncer has dropped us before it passed the statement on.

    Its server connection ended while it set the client's parameters there, which it does before the client's first
    packet goes through. (Its "server conn crashed?" comes later: then the statement may have been carried out.)
    """
    return isinstance(cause, asyncpg.ProtocolViolationError) and "invalid server parameter" in str(cause)


def _watched(raw: Raw, limits: Limits) -> Any:
    """Let the kernel notice a dead peer; returns a poll for news on the socket, None where there is none."""
    try:
        transport: Any = getattr(raw, "_transport", None)
        raw_socket = transport.get_extra_info("socket")
        if raw_socket.family != getattr(socket, "AF_UNIX", None):
            alive = max(int(limits.command / 3), 1)
            raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in (
                ("TCP_KEEPIDLE", alive),
                ("TCP_KEEPINTVL", alive),
                ("TCP_KEEPCNT", 2),
                ("TCP_USER_TIMEOUT", round(max(limits.connect, limits.command / 3) * 1000)),
            ):
                if hasattr(socket, name):
                    raw_socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return poll_of(raw_socket.fileno())
    except (AttributeError, OSError, ValueError):  # another event loop's socket
        return None
