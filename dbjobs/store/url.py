"""Database URLs: which database a scheme means, what the rest says; how to show one without its password."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import NamedTuple, NoReturn
from urllib.parse import SplitResult, parse_qsl, urlsplit

from dbjobs.errors import InvalidUrl


class Scheme(NamedTuple):
    """What stands behind a URL's scheme.

    Attributes:
        module: of the database class.
        database: name of that class.
        driver: package that it needs.
        extra: extra of ours that installs the driver; empty if none does.
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
    "mysql+asyncmy": Scheme("dbjobs.store.mysql.database", "MysqlDatabase", "asyncmy", ""),
    "mariadb+asyncmy": Scheme("dbjobs.store.mysql.database", "MysqlDatabase", "asyncmy", ""),
    "mssql": Scheme("dbjobs.store.sqlserver.database", "SqlServerDatabase", "aioodbc", "sqlserver"),
    "sqlite": Scheme("dbjobs.store.sqlite.database", "SqliteDatabase", "sqlite3", ""),
}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ENCODE = (
    "in a user or password write @ as %40, / as %2F, # as %23, ? as %3F, [ as %5B and ] as %5D "
    "(urllib.parse.quote(password, safe='') does it)"
)
# Options whose value may hold an '@' as it is; anywhere else after the host it is the rest of a password.
_MAY_HOLD_AT = frozenset({"user", "password", "options", "application_name", "service", "passfile", "serverspn", "app"})
# How names of SQLite files end.
_FILES = (".db", ".db3", ".sqlite", ".sqlite3")
_HARMLESS = re.compile(r"[\w.+-]{0,40}\Z")


def split_url(url: str) -> tuple[SplitResult, dict[str, str]]:
    """Split a database URL and its query options.

    Raises:
        InvalidUrl: no scheme, an unknown scheme, a port that is not a number, or an unescaped sign in the password.
    """
    known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
    if not isinstance(url, str):
        raise InvalidUrl(f"a database URL must be a string, not {type(url).__name__}{_instead_of(url)}")
    found = _SCHEME.match(url)
    if found is None:
        hint = f"expected one of {known}"
        if not url:
            hint += "; was it read from an environment variable that is not set?"
        elif url.endswith(_FILES) and ":" not in url:
            hint = f"write sqlite:///{url}"
        elif url.lower().startswith("sqlite:"):
            hint = "write sqlite:///relative/path.db or sqlite:////absolute/path.db"
        raise InvalidUrl(f"database URL {hidden(url)!r} has no scheme; {hint}")
    scheme = found[1].lower()
    if scheme not in SCHEMES:
        plain = scheme.partition("+")[0]
        hint = f"write {plain}:// (dbjobs picks the driver)" if plain in SCHEMES else f"expected one of {known}"
        raise InvalidUrl(f"database URL {hidden(url)!r}: unknown scheme {scheme!r}; {hint}")
    if scheme != "sqlite":
        _check_login(url, url[found.end() :])
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote the password
        raise InvalidUrl(f"database URL {hidden(url)!r}: its host cannot be read; {_ENCODE}") from None
    try:
        if "," not in parts.netloc or SCHEMES[scheme].extra != "postgres":
            _ = parts.port  # PostgreSQL's URL may name several hosts, each with a port
    except ValueError:
        raise InvalidUrl(f"database URL {hidden(url)!r}: its port is not a number up to 65535; {_ENCODE}") from None
    options: dict[str, str] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in options:
            raise InvalidUrl(f"database URL {hidden(url)!r}: option {name!r} is given twice")
        options[name] = value
    return parts, options


def _instead_of(url: object) -> str:
    """What to write in place of something that is not a string."""
    if url is None:
        return "; was it read from an environment variable that is not set?"
    if hasattr(url, "render_as_string"):  # SQLAlchemy's
        return "; write url.render_as_string(hide_password=False), with a scheme such as postgresql:// or sqlite://"
    if isinstance(url, PurePath):
        return "; for a file write f'sqlite:///{path}'"
    if hasattr(url, "scheme"):  # pydantic's, yarl's
        return "; write str(url)"
    return ""


def _check_login(url: str, rest: str) -> None:
    """Refuse a URL whose host would be taken from the middle of a password.

    Args:
        rest: what comes after ``scheme://``.
    """
    host_ends = re.search(r"[/?#]", rest)
    login_and_host = rest[: host_ends.start()] if host_ends else rest
    path, _, query = rest[len(login_and_host) :].partition("?")
    # user:pass?word@host: what stands before the '?' looks like host:port.
    in_query = "@" in query and "@" not in login_and_host and ":" in login_and_host
    for option in query.split("&"):
        name, _, value = option.partition("=")
        in_query = in_query or "@" in name or ("@" in value and name.lower() not in _MAY_HOLD_AT)
    if "#" in rest or "@" in path or in_query:
        raise InvalidUrl(f"database URL {hidden(url)!r} has an '@' or '#' where none may be: {_ENCODE}")


def number_option(options: Mapping[str, str], name: str, default: int) -> int:
    """A URL option that must be a whole number >= 1.

    Raises:
        InvalidUrl.
    """
    value = options.get(name, str(default))
    if not (value.isascii() and value.isdigit()) or int(value) < 1:
        refuse_value(name, value, "must be a whole number >= 1")
    return int(value)


def refuse_value(name: str, value: str, what: str) -> NoReturn:
    """Refuse the value of an option that is known.

    Raises:
        InvalidUrl: always.
    """
    raise InvalidUrl(f"database URL option {name}={value if _HARMLESS.match(value) else '...'!r} {what}")


def check_known(options: Iterable[str], known: Iterable[str], *, instead: Mapping[str, str], otherwise: str) -> None:
    """Refuse the first option that is not known.

    Args:
        instead: for names that other programs use: what to write here.
        otherwise: what to say when no known name is similar.

    Raises:
        InvalidUrl.
    """
    known = sorted(known)
    for name in options:
        if name in known:
            continue
        near = difflib.get_close_matches(name.lower(), [other.lower() for other in known], 1, 0.75)
        hint = instead.get(name.lower()) or (f"did you mean {near[0]!r}?" if near else otherwise)
        raise InvalidUrl(f"database URL option {name!r} is not known; {hint}")


def hidden(url: object) -> str:
    """A URL without its login and its options, for messages."""
    text = str(url)
    found = _SCHEME.match(text)
    start = found[0] if found else ""
    _, at, place = text[len(start) :].rpartition("@")
    place = re.split(r"[?&#]", place, maxsplit=1)[0]
    if at:
        return f"{start}***@{place}"
    # Without an '@', what looks like a port may be a password whose host was forgotten.
    return start + re.sub(r"(?<=[\w.\]]):([^/:\[\]]*)", _port_or_nothing, place)


def _port_or_nothing(found: re.Match[str]) -> str:
    return found[0] if re.fullmatch(r"\d*(,[\w.-]*)?", found[1]) else ":***"
