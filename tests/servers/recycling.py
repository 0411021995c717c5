"""Databases that one test hands on to the next: emptied, with their tables left in place.

To make a database, its tables and its partitions takes longer than most tests do. A database is handed on only if
nothing but rows has changed in it; otherwise it is dropped. To read a whole schema takes longer than to empty it, so
first the server is asked for a mark that every change of a schema moves; the schema is read where that has moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import psycopg
import pymysql
import pymysql.cursors

from dbjobs import Jobs
from tests.servers.databases import CONNECT_TIMEOUT_SECONDS, mysql_arguments
from tests.servers.fleet import Target

# Rows of these are the tables' own history, not a test's.
KEPT = ("schema_version", "dbjobs_schema_version")

Shape = object
Mark = object


class Cleaner(Protocol):
    """How databases of one server are looked at and emptied, over one connection that is kept from test to test."""

    def mark(self, url: str) -> Mark:
        """What is another value after every change of the schema, and cheap to read."""
        ...

    def shape(self, url: str) -> Shape:
        """All that is in a database but rows of jobs, to be compared."""
        ...

    def empty(self, url: str) -> None:
        """End the sessions that are at work, remove every row, and let numbers begin at 1 again."""
        ...

    def close(self) -> None:
        """Give up the connection; the next call makes another."""
        ...


class Recycler:
    """Spare databases of one target.

    Args:
        target: where databases are made, if there is no spare one.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._cleaner = _CLEANERS[target.dialect]() if target.dialect in _CLEANERS else None
        self._spare: list[str] = []
        self._shape: Shape = None
        self._marks: dict[str, Mark] = {}

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
        if self._cleaner is not None and self._is_empty_again(self._cleaner, self._target.direct_url(url)):
            self._spare.append(url)
        else:
            self._target.discard(url)

    def close(self) -> None:
        """Give up the connection; the databases stay."""
        if self._cleaner is not None:
            self._cleaner.close()

    def _is_empty_again(self, cleaner: Cleaner, url: str) -> bool:
        known = self._marks.pop(url, None)
        # A test may have ended every session of its database, or the server: the second try connects anew.
        for _ in range(2):
            try:
                if (known is None or cleaner.mark(url) != known) and cleaner.shape(url) != self._shape:
                    return False
                cleaner.empty(url)
                self._marks[url] = cleaner.mark(url)
                return True
            except (psycopg.Error, pymysql.MySQLError, OSError):
                cleaner.close()
        return False  # somebody is still at work in there, or has locked it


async def _migrate(url: str) -> None:
    async with Jobs(url):
        pass


def _in_thread(work: Callable[[], Any]) -> Any:
    """The calling test may be running an event loop."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(work).result()


class _Postgres:
    # Each row of a catalogue carries the transaction that wrote it; a row that is gone is missed in the count.
    _MARK = """
        SELECT (SELECT array_agg(version::text) FROM dbjobs.schema_version),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_class WHERE oid >= 16384),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_attribute WHERE attrelid >= 16384),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_attrdef WHERE adrelid >= 16384),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_constraint WHERE oid >= 16384),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_index WHERE indexrelid >= 16384),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_trigger),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_proc WHERE oid >= 16384),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_namespace),
            (SELECT (count(*), sum(xmin::text::bigint))::text FROM pg_db_role_setting
             WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))),
            (SELECT xmin::text FROM pg_database WHERE datname = current_database())
    """
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
        SELECT 'default', adrelid::regclass::text, adnum::text, pg_get_expr(adbin, adrelid), '', '' FROM pg_attrdef
        UNION ALL
        SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
        FROM pg_constraint WHERE connamespace::regnamespace::text !~ '^pg_|^information_schema'
        UNION ALL
        SELECT 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid::text, '', ''
        FROM pg_index WHERE indrelid::regclass::text !~ '^pg_'
        UNION ALL
        SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), '', ''
        FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT 'function', oid::regprocedure::text, prosrc, '', '', ''
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
    _OTHERS = """
        SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
    """
    _FILLED = """
        SELECT c.oid::regclass::text FROM pg_class c
        WHERE c.oid >= 16384 AND c.relkind = 'r' AND c.relnamespace::regnamespace::text !~ '^pg_|^information_schema'
          AND c.relname <> ALL (%s) AND pg_relation_size(c.oid) > 0
    """
    # Not by ALTER SEQUENCE: that is a change of the schema.
    _RESTART = "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"

    def __init__(self) -> None:
        self._url = ""
        self._connection: psycopg.Connection[Any] | None = None

    def mark(self, url: str) -> Mark:
        return self._connected(url).execute(self._MARK).fetchall()

    def shape(self, url: str) -> Shape:
        return sorted(tuple(str(value) for value in row) for row in self._connected(url).execute(self._SHAPE))

    def empty(self, url: str) -> None:
        connection = self._connected(url)
        connection.execute(self._OTHERS)
        filled = [row[0] for row in connection.execute(self._FILLED, [list(KEPT)])]
        if filled:
            connection.execute(f"TRUNCATE {', '.join(filled)}".encode())
        connection.execute(self._RESTART)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self, url: str) -> psycopg.Connection[Any]:
        if self._connection is None or self._url != url:
            self.close()
            self._connection = psycopg.connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                options="-c lock_timeout=3s -c statement_timeout=30s",
            )
            self._url = url
        return self._connection


class _Mysql:
    # What changes a schema is counted for the whole server.
    _MARK = "SHOW GLOBAL STATUS WHERE Variable_name RLIKE '^Com_(create|alter|drop|rename)_'"
    _SHAPE = (
        "SELECT table_name, engine, create_options, table_collation FROM information_schema.tables "
        "WHERE table_schema = '{0}'",
        "SELECT table_name, column_name, column_type, is_nullable, column_default, extra, generation_expression "
        "FROM information_schema.columns WHERE table_schema = '{0}'",
        "SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics "
        "WHERE table_schema = '{0}'",
        "SELECT table_name, partition_name, partition_description FROM information_schema.partitions "
        "WHERE table_schema = '{0}'",
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = '{0}'",
        "SELECT routine_name FROM information_schema.routines WHERE routine_schema = '{0}'",
        "SELECT version FROM `{0}`.dbjobs_schema_version",
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata "
        "WHERE schema_name = '{0}'",
    )

    def __init__(self) -> None:
        # It has no database of its own: who ends the sessions of one does not meet it.
        self._connection: pymysql.connections.Connection[pymysql.cursors.Cursor] | None = None
        self._tables: list[str] = []
        self._numbered: list[str] = []

    def mark(self, url: str) -> Mark:
        version = f"SELECT version FROM `{_database(url)}`.dbjobs_schema_version"
        return self._rows(url, self._MARK), self._rows(url, version)

    def shape(self, url: str) -> Shape:
        found = [
            sorted(tuple(str(value) for value in row) for row in self._rows(url, statement.format(_database(url))))
            for statement in self._SHAPE
        ]
        self._tables = [table for table, engine, *_ in found[0] if engine != "None" and table not in KEPT]  # no views
        self._numbered = [row[0] for row in found[1] if row[5] == "auto_increment"]
        return found

    def empty(self, url: str) -> None:
        database = _database(url)
        self._end_others(url)
        filled = {
            row[0]
            for row in self._rows(
                url,
                " UNION ALL ".join(
                    f"SELECT '{table}' FROM DUAL WHERE EXISTS (SELECT 1 FROM `{database}`.`{table}`)"
                    for table in self._tables
                ),
            )
        }
        names = ", ".join(f"'{table}'" for table in self._numbered)
        counted = {
            row[0]
            for row in self._rows(
                url,
                "SELECT table_name FROM information_schema.tables "
                f"WHERE table_schema = '{database}' AND table_name IN ({names}) AND auto_increment > 1",
            )
        }
        for table in filled - counted:
            self._rows(url, f"DELETE FROM `{database}`.`{table}`")
        for table in counted:
            self._rows(url, f"TRUNCATE TABLE `{database}`.`{table}`")

    def close(self) -> None:
        if self._connection is not None and self._connection.open:
            self._connection.close()
        self._connection = None

    def _end_others(self, url: str) -> None:
        database = _database(url)
        for session in self._rows(url, "SHOW PROCESSLIST"):
            if session[3] == database:
                try:
                    self._rows(url, f"KILL CONNECTION {session[0]}")
                except pymysql.err.OperationalError as error:
                    if error.args[0] != 1094:  # unknown thread: it has just ended by itself
                        raise

    def _rows(self, url: str, statement: str) -> tuple[tuple[Any, ...], ...]:
        if self._connection is None:
            arguments = mysql_arguments(url)
            del arguments["db"]
            self._connection = pymysql.connect(
                **arguments, connect_timeout=CONNECT_TIMEOUT_SECONDS, read_timeout=30, autocommit=True
            )
            self._rows(url, "SET SESSION lock_wait_timeout = 3, innodb_lock_wait_timeout = 3")
            self._rows(url, "/*!80000 SET SESSION information_schema_stats_expiry = 0 */")
        cursor = self._connection.cursor()
        cursor.execute(statement)
        return tuple(cursor.fetchall())


def _database(url: str) -> str:
    return str(mysql_arguments(url)["db"])


_CLEANERS: dict[str, Callable[[], Cleaner]] = {"postgres": _Postgres, "mysql": _Mysql}
