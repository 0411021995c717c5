"""Databases that one test hands on to the next: emptied, with their tables left in place.

To make a database, its tables and its partitions takes longer than most tests do. A database is handed on only if
nothing but rows has changed in it; otherwise it is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import asyncpg
import pymysql
import pymysql.cursors

from dbjobs import Jobs
from tests.servers.databases import CONNECT_TIMEOUT_SECONDS, mysql_arguments
from tests.servers.fleet import Target

# Rows of these are the tables' own history, not a test's.
KEPT = ("schema_version", "dbjobs_schema_version")

Shape = object


class Cleaner(Protocol):
    """How databases of one dialect are looked at and emptied; each call is a connection of its own."""

    def shape(self, url: str) -> Shape:
        """All that is in a database but rows of jobs, to be compared."""
        ...

    def empty(self, url: str) -> None:
        """Remove every row, and let numbers begin at 1 again."""
        ...


class Recycler:
    """Spare databases of one target.

    Args:
        target: where databases are made, if there is no spare one.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._cleaner = _CLEANERS.get(target.dialect)
        self._spare: list[str] = []
        self._shape: Shape = None

    def take(self) -> str:
        """A database with our tables and no rows; where nothing is handed on, a fresh one without tables."""
        if self._cleaner is None:
            return self._target.new_url()
        if self._spare:
            return self._spare.pop()
        url = self._target.new_url()
        _in_thread(lambda: asyncio.run(_migrate(url)))
        if self._shape is None:
            self._shape = self._cleaner.shape(self._target.direct_url(url))
        return url

    def give_back(self, url: str) -> None:
        """Take it back: for the next test, or to be dropped."""
        if self._cleaner is not None:
            direct = self._target.direct_url(url)
            try:
                if self._cleaner.shape(direct) == self._shape:
                    self._cleaner.empty(direct)
                    self._spare.append(url)
                    return
            except (asyncpg.PostgresError, pymysql.MySQLError, OSError, TimeoutError):
                pass  # somebody is still at work in there, or has locked it: it goes
        self._target.discard(url)


async def _migrate(url: str) -> None:
    async with Jobs(url):
        pass


def _in_thread(work: Callable[[], Any]) -> Any:
    """The calling test may be running an event loop."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(work).result()


class _Postgres:
    _SHAPE = """
        SELECT 'version', version::text, '', '', '', '' FROM dbjobs.schema_version
        UNION ALL
        SELECT 'relation', c.oid::regclass::text, c.relkind::text, c.reloptions::text, c.relacl::text, c.relowner::text
        FROM pg_class c WHERE c.relnamespace::regnamespace::text !~ '^pg_|^information_schema' AND c.relkind <> 't'
        UNION ALL
        SELECT 'column', a.attrelid::regclass::text, a.attname, a.atttypid::regtype::text, a.attnotnull::text,
            a.attisdropped::text || coalesce(a.attstattarget::text, '')
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace::regnamespace::text !~ '^pg_|^information_schema' AND c.relkind IN ('r', 'p')
            AND a.attnum > 0
        UNION ALL
        SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
        FROM pg_constraint WHERE connamespace::regnamespace::text !~ '^pg_|^information_schema'
        UNION ALL
        SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid::text, '', ''
        FROM pg_index WHERE indrelid::regclass::text !~ '^pg_'
        UNION ALL
        SELECT 'trigger', tgrelid::regclass::text, tgname, '', '', '' FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT 'function', oid::regprocedure::text, '', '', '', ''
        FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^pg_|^information_schema'
        UNION ALL
        SELECT 'schema', nspname, nspacl::text, nspowner::text, '', '' FROM pg_namespace WHERE nspname !~ '^pg_'
        UNION ALL
        SELECT 'setting', setrole::text, setconfig::text, '', '', '' FROM pg_db_role_setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        UNION ALL
        SELECT 'database', datacl::text, datdba::text, datallowconn::text, datconnlimit::text, ''
        FROM pg_database WHERE datname = current_database()
    """
    _FILLED = """
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text !~ '^pg_|^information_schema'
          AND c.relname <> ALL ($1) AND pg_relation_size(c.oid) > 0
    """
    _NUMBERED = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S'"
    _OTHERS = """
        SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
    """

    def shape(self, url: str) -> Shape:
        async def look(connection: asyncpg.Connection[Any]) -> Shape:
            return sorted(tuple(str(value) for value in row) for row in await connection.fetch(self._SHAPE))

        return self._run(url, look)

    def empty(self, url: str) -> None:
        async def clear(connection: asyncpg.Connection[Any]) -> None:
            await connection.fetch(self._OTHERS)
            filled = [row[0] for row in await connection.fetch(self._FILLED, KEPT)]
            numbered = [row[0] for row in await connection.fetch(self._NUMBERED)]
            restart = "".join(f"ALTER SEQUENCE {name} RESTART;" for name in numbered)
            await connection.execute((f"TRUNCATE {', '.join(filled)};" if filled else "") + restart)

        self._run(url, clear)

    def _run(self, url: str, work: Callable[[asyncpg.Connection[Any]], Any]) -> Any:
        async def connect_and_work() -> Any:
            connection = await asyncpg.connect(
                url, timeout=CONNECT_TIMEOUT_SECONDS, command_timeout=30, server_settings={"lock_timeout": "3s"}
            )
            try:
                return await work(connection)
            finally:
                await connection.close()

        return _in_thread(lambda: asyncio.run(connect_and_work()))


class _Mysql:
    _SHAPE = (
        "SELECT table_name, engine, create_options, table_collation FROM information_schema.tables "
        "WHERE table_schema = DATABASE()",
        "SELECT table_name, column_name, column_type, is_nullable, column_default, extra, generation_expression "
        "FROM information_schema.columns WHERE table_schema = DATABASE()",
        "SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics "
        "WHERE table_schema = DATABASE()",
        "SELECT table_name, partition_name, partition_description FROM information_schema.partitions "
        "WHERE table_schema = DATABASE()",
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE()",
        "SELECT version FROM dbjobs_schema_version",
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
        "WHERE schema_name = DATABASE()",
    )

    def shape(self, url: str) -> Shape:
        return [sorted(tuple(str(value) for value in row) for row in rows) for rows in self._run(url, self._SHAPE)]

    def empty(self, url: str) -> None:
        with _connected(url) as connection:
            cursor = connection.cursor()
            cursor.execute("SET SESSION lock_wait_timeout = 3, innodb_lock_wait_timeout = 3")
            self._end_others(connection, cursor)
            cursor.execute("/*!80000 SET SESSION information_schema_stats_expiry = 0 */")
            cursor.execute(
                "SELECT table_name, COALESCE(auto_increment, 0) FROM information_schema.tables "
                "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
            )
            tables = {table: next_number for table, next_number in cursor.fetchall() if table not in KEPT}
            numbered = {table for table, next_number in tables.items() if next_number > 1}
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{table}' FROM DUAL WHERE EXISTS (SELECT 1 FROM `{table}`)" for table in tables
                )
            )
            filled = {row[0] for row in cursor.fetchall()}
            for table in filled - numbered:
                cursor.execute(f"DELETE FROM `{table}`")
            for table in numbered:
                cursor.execute(f"TRUNCATE TABLE `{table}`")

    @staticmethod
    def _end_others(connection: Any, cursor: pymysql.cursors.Cursor) -> None:
        cursor.execute("SELECT DATABASE()")
        row = cursor.fetchone()
        assert row is not None
        cursor.execute("SHOW PROCESSLIST")
        for session in cursor.fetchall():
            if session[3] == row[0] and session[0] != connection.thread_id():
                try:
                    cursor.execute(f"KILL CONNECTION {session[0]}")
                except pymysql.err.OperationalError as error:
                    if error.args[0] != 1094:  # unknown thread: it has just ended by itself
                        raise

    @staticmethod
    def _run(url: str, statements: Iterable[str]) -> list[Any]:
        with _connected(url) as connection:
            cursor = connection.cursor()
            found = []
            for statement in statements:
                cursor.execute(statement)
                found.append(cursor.fetchall())
            return found


def _connected(url: str) -> pymysql.connections.Connection[pymysql.cursors.Cursor]:
    arguments = mysql_arguments(url)
    arguments["database"] = arguments.pop("db")
    return pymysql.connect(**arguments, connect_timeout=CONNECT_TIMEOUT_SECONDS, autocommit=True)


_CLEANERS: dict[str, Cleaner] = {"postgres": _Postgres(), "mysql": _Mysql()}
