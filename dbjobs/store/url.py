"""Database URLs: which database a scheme means, and what the rest of a URL says."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from dbjobs.errors import InvalidUrl


class Scheme(NamedTuple):
    """What stands behind a URL's scheme.

    Attributes:
        module: of the database class.
        database: name of that class.
        driver: package that it needs.
        extra: extra of ours that installs the driver; empty if Python brings it.
    """

    module: str
    database: str
    driver: str
    extra: str


SCHEMES = {
    "postgresql": Scheme("dbjobs.store.postgres.database", "PostgresDatabase", "asyncpg", "postgres"),
    "postgres": Scheme("dbjobs.store.postgres.database", "PostgresDatabase", "asyncpg", "postgres"),
    "mysql": Scheme("dbjobs.store.mysql.database", "MysqlDatabase", "aiomysql", "mysql"),
    "mariadb": Scheme("dbjobs.store.mysql.database", "MysqlDatabase", "aiomysql", "mysql"),
    "mysql+asyncmy": Scheme("dbjobs.store.mysql.database", "MysqlDatabase", "asyncmy", "mysql"),
    "mariadb+asyncmy": Scheme("dbjobs.store.mysql.database", "MysqlDatabase", "asyncmy", "mysql"),
    "mssql": Scheme("dbjobs.store.sqlserver.database", "SqlServerDatabase", "aioodbc", "sqlserver"),
    "sqlite": Scheme("dbjobs.store.sqlite.database", "SqliteDatabase", "sqlite3", ""),
}


def split_url(url: str) -> tuple[SplitResult, dict[str, str]]:
    """Split a database URL and its query options.

    Raises:
        InvalidUrl: no scheme, an unknown scheme, or a port that is not a number.
    """
    known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
    if not isinstance(url, str) or "://" not in url:
        raise InvalidUrl(f"database URL {_hidden(url)!r} has no scheme; expected one of {known}")
    try:
        parts = urlsplit(url)
        if "," not in parts.netloc or not _takes_several_hosts(parts.scheme):
            _ = parts.port  # PostgreSQL's URL may name several hosts, each with a port
    except ValueError as error:
        raise InvalidUrl(f"database URL {_hidden(url)!r}: {error}") from None
    if parts.scheme not in SCHEMES:
        plain = parts.scheme.partition("+")[0]
        hint = f"write {plain}:// (dbjobs picks the driver)" if plain in SCHEMES else f"expected one of {known}"
        raise InvalidUrl(f"database URL {_hidden(url)!r}: unknown scheme {parts.scheme!r}; {hint}")
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in options:
            raise InvalidUrl(f"database URL {_hidden(url)!r}: option {name!r} is given twice")
        options[name] = value
    return parts, options


def number_option(options: dict[str, str], name: str, default: int) -> int:
    """A URL option that must be a whole number >= 1.

    Raises:
        InvalidUrl.
    """
    value = options.get(name, str(default))
    if not value.isdigit() or int(value) < 1:
        raise InvalidUrl(f"database URL option {name}={value!r} must be a whole number >= 1")
    return int(value)


def _takes_several_hosts(scheme: str) -> bool:
    return scheme in SCHEMES and SCHEMES[scheme].extra == "postgres"


def _hidden(url: object) -> str:
    """The URL without its password, for messages."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", str(url))
