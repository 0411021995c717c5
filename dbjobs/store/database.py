"""The interface of a database, and how to find the class for a URL."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar

from dbjobs.errors import MissingDriver
from dbjobs.store.records import NewJob
from dbjobs.store.schemas import check_schema
from dbjobs.store.statements import Statements
from dbjobs.store.url import SCHEMES, split_url

T = TypeVar("T")
Row = Any  # a row of any driver: values by position and by column name


class Session(Protocol):
    """Statements on one connection, inside one transaction."""

    @property
    def connection(self) -> Any:
        """The driver's connection, for a handler's own statements in the same transaction."""
        ...

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        """Run a statement of this dialect's folder and return its rows.

        Raises:
            DatabaseError: or one of its subclasses; never a driver's own exception.
        """
        ...

    async def script(self, statement: str, /, **words: str) -> None:
        """Run a file of DDL in which ``{word}`` stands for a name that cannot be a parameter."""
        ...

    async def insert_bulk(self, jobs: Sequence[NewJob]) -> list[int]:
        """Insert plain jobs (no ref_id, batch, dependency or time) the fastest way; return their ids in order."""
        ...


class FillingSession(Session, Protocol):
    """The same for copying whole tables."""

    async def copy_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows as they are, numbers and all, the fastest way.

        Args:
            table: its name without schema or prefix; ``completed_job`` and the like stand for the months of history.
            columns: of the values, in order; what this database derives from them is added.
            rows: moments as aware datetimes, JSON as text.

        Raises:
            DataRefused: the database cannot store one of the values. DatabaseError.
        """
        ...


class HandlersSession(Session, Protocol):
    """The same for a handler, whose own statements go to the driver as they are; what it raises comes as it is."""

    async def execute_own(self, statement: str, parameters: Sequence[Any]) -> int:
        """Run a statement; returns how many rows it changed."""
        ...

    async def fetch_own(self, statement: str, parameters: Sequence[Any]) -> Sequence[Row]:
        """Run a statement; its rows."""
        ...


class Database(Protocol):
    """A database that holds the job tables. Each event loop has its own instance."""

    dialect: str
    one_writer: bool  # an open transaction that has written keeps all other connections from writing
    url: str
    schema: str
    pool_size: int  # connections that callers of this instance share
    statements: Statements

    async def open(self) -> None:
        """Connect. Raises DatabaseUnavailable, MissingPermission."""
        ...

    async def close(self) -> None: ...

    async def fetch(self, statement: str, /, **parameters: Any) -> Sequence[Row]:
        """Run one statement file in a transaction of its own (see Session.fetch)."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Session]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        ...

    async def conduct(self, work: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
        """Run ``work``, which awaits nothing but its session, in a transaction; its result, after the commit."""
        ...

    async def fill(self, work: Callable[[FillingSession], Coroutine[Any, Any, T]]) -> T:
        """The same for copying whole tables."""
        ...

    def handler_transaction(self) -> AbstractAsyncContextManager[HandlersSession]:
        """The same for a handler, which may keep it open for long: apart from the engine's own connections."""
        ...

    async def adopt(self, connection: Any) -> Session:
        """The caller's own connection as a session. Raises InvalidOption if it is not one of this database."""
        ...

    async def adopt_blocking(self, connection: Any, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> Session:
        """The same for code without an event loop: the connection of a synchronous driver.

        The session never suspends: its ``fetch`` has blocked until the answer was there.

        Args:
            wait: runs a coroutine in the event loop in which this database is open, and waits for its result.
        """
        ...

    async def listen(self, on_notice: Callable[[str], None], on_ready: Callable[[bool], None]) -> None:
        """Call ``on_notice(text)`` for every notice until cancelled; rebuild a connection that dies.

        ``on_ready(True)`` says that notices arrive from here on (poll now, once, and then seldom),
        ``on_ready(False)`` that they do not (poll often). A database without notices returns at once.
        """
        ...

    def another(self) -> Database:
        """A second, unopened instance for the same tables with a single connection (the heartbeat's)."""
        ...

    def for_engine(self, lease_seconds: float) -> Database:
        """An unopened instance for the loops of a node: connections that no caller can take.

        The lease determines how long a round trip may take there and how long the server lets a transaction idle, so
        that a node recovers from connections that died silently before its lease runs out. Where one writer serves all
        (a file), this is the instance itself.
        """
        ...

    def distrust(self, unanswered_seconds: float | None = None) -> None:
        """Another connection to this database had to be replaced: do not hand out idle ones.

        Args:
            unanswered_seconds: how long the other one waited in vain; connections in use are ended after the same
                wait.
        """
        ...


def missing_file(db: Database) -> Path | None:
    """The file that opening would create; None if it exists, or if the database is not a file."""
    path = getattr(db, "path", None)
    return path if isinstance(path, Path) and not path.exists() else None


def make_database(url: str, *, schema: str = "dbjobs", **settings: Any) -> Database:
    """Find the database class for a URL; nothing is opened yet.

    Args:
        url: ``postgresql://user:password@host:port/database``, ``mysql://...``, ``mariadb://...``,
            ``mssql://...`` or ``sqlite:///path/to/jobs.db``.
        schema: schema (PostgreSQL, SQL Server) or name prefix (MySQL, SQLite) of all tables.
        settings: passed on to the database class (``pool_size=...``).

    Raises:
        InvalidUrl, InvalidOption, MissingDriver.
    """
    parts, _ = split_url(url)
    check_schema(schema)
    scheme = SCHEMES[parts.scheme]
    try:
        import_module(scheme.driver)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == scheme.driver:
            package = f"'dbjobs[{scheme.extra}]'" if scheme.extra else scheme.driver
            what = f"which is not installed: pip install {package}"
        else:  # a system library that it needs is missing, such as unixODBC's
            what = f"which cannot be imported: {error}"
        raise MissingDriver(f"{parts.scheme}:// needs the package {scheme.driver}, {what}") from None
    database: Database = getattr(import_module(scheme.module), scheme.database)(url, schema=schema, **settings)
    return database
