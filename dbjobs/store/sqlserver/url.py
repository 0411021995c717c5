"""A database URL as an ODBC connection string."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from dbjobs.errors import InvalidUrl
from dbjobs.store.sqlserver.driver import is_freetds
from dbjobs.store.unreachable import place
from dbjobs.store.url import check_known, number_option, split_url

_OWN_OPTIONS = {"driver", "pool_size", "connect_timeout", "command_timeout"}
# Words that would overrule what the URL itself says -> where it says so.
_IN_THE_URL = {
    "server": "the host",
    "address": "the host",
    "database": "the path",
    "uid": "the user",
    "pwd": "the password",
}
# The words of Microsoft's ODBC driver 17 and 18, and of FreeTDS, that a URL may add.
_WORDS = """
    ansinpw app applicationintent attachdbfilename authentication autotranslate clientcertificate clientkey
    columnencryption concat_null_yields_null connectretrycount connectretryinterval description encrypt
    failover_partner failoverpartnerspn getdataextensions hostnameincertificate ipaddresspreference keepalive
    keepaliveinterval keystoreauthentication keystorelocation keystoreprincipalid keystoresecret language
    longasmax mars_connection multisubnetfailover net network packetsize querylog_on querylogfile
    querylogtime quotedid regional replication retryexec servercertificate serverspn statslog_on statslogfile
    transparentnetworkipresolution trusted_connection trustservercertificate useexecutesp usefmtonly wsid
    clientcharset debugflags dumpfile dumpfileappend enablequotedidentifier encryption mutualauthentication
    realm readonlyintent tds_version textsize trusted_domain usentlmv2
"""
_INSTEAD = {
    "ssl": "write Encrypt=yes",
    "sslmode": "write Encrypt=yes",
    "application_name": "write APP",
    "charset": "texts are Unicode; leave it out",
    "timeout": "write connect_timeout or command_timeout",
    "logintimeout": "write connect_timeout",
    "connection_timeout": "write connect_timeout",
}


class Target(NamedTuple):
    """What a URL says.

    Attributes:
        where: host, port and database, for messages.
        driver: the driver named in the URL; None: find one.
        others: options for the ODBC driver, as they were written.
    """

    host: str
    port: int
    database: str
    user: str | None
    password: str | None
    where: str
    driver: str | None
    pool_size: int
    connect_timeout: int
    command_timeout: int
    others: dict[str, str]


def parse(url: str) -> Target:
    """Take a URL apart.

    Raises:
        InvalidUrl.
    """
    parts, options = split_url(url)
    form = "mssql://user:password@host:1433/database"
    if not parts.hostname:
        raise InvalidUrl(f"a database URL of SQL Server names a host; expected {form}")
    database = unquote(parts.path.removeprefix("/"))
    if not database:
        raise InvalidUrl(f"the database URL of {parts.hostname!r} names no database; expected {form}")
    others = {name: value for name, value in options.items() if name.lower() not in _OWN_OPTIONS}
    own = {name.lower(): value for name, value in options.items() if name.lower() in _OWN_OPTIONS}
    for name in others:
        if name.lower() in _IN_THE_URL:
            raise InvalidUrl(f"database URL option {name!r} belongs in {_IN_THE_URL[name.lower()]}: expected {form}")
        if not name or any(sign in name for sign in "={};[]"):
            raise InvalidUrl(f"database URL option {name!r} is not a word of an ODBC connection string")
    if own.get("driver") is None or is_freetds(own["driver"]) or "odbc driver" in own["driver"].lower():
        # The drivers ignore a misspelt word silently. Words of other drivers are not checked.
        check_known(
            [name.lower() for name in others],
            {*_WORDS.split(), *_OWN_OPTIONS},
            instead=_INSTEAD,
            otherwise="it is not a word of Microsoft's ODBC driver or of FreeTDS",
        )
    port = parts.port or 1433
    return Target(
        host=parts.hostname,
        port=port,
        database=database,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        where=f"{place(parts.hostname, port)}/{database}",
        driver=own.get("driver"),
        pool_size=number_option(own, "pool_size", 4),
        connect_timeout=number_option(own, "connect_timeout", 10),
        command_timeout=number_option(own, "command_timeout", 60),
        others=others,
    )


def connection_string(target: Target, driver: str) -> str:
    """The words of an ODBC connection string for this driver."""
    words = {"DRIVER": driver, "DATABASE": target.database}
    given = {name.lower() for name in target.others}
    if is_freetds(driver):
        words |= {"SERVER": target.host, "PORT": str(target.port)}
        words |= {name: value for name, value in _FREETDS.items() if name.lower() not in given}
    else:
        words["SERVER"] = f"tcp:{target.host},{target.port}"
    if target.user is not None:
        words["UID"] = target.user
    if target.password is not None:
        words["PWD"] = target.password
    if target.user is None and not given & {"trusted_connection", "authentication"} and not is_freetds(driver):
        words["Trusted_Connection"] = "yes"
    if "app" not in given:
        words["APP"] = "dbjobs"
    return ";".join(f"{name}={quoted(value)}" for name, value in (words | target.others).items())


_FREETDS = {"TDS_Version": "7.4", "ClientCharset": "UTF-8"}


def quoted(value: str) -> str:
    """A value in braces, in which every sign stands for itself."""
    if value.isascii() and value.isalnum():
        return value
    return "{" + value.replace("}", "}}") + "}"
