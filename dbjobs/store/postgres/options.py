"""The options of a PostgreSQL URL: libpq's, as providers write them, and what each of them does."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from dbjobs.errors import InvalidUrl
from dbjobs.store.url import check_known, refuse_value

log = logging.getLogger("dbjobs")

OWN = frozenset({"pool_size", "pooler", "connect_timeout", "command_timeout"})
_SYSTEM = "system"  # sslrootcert=system: the certificates that this machine trusts

# asyncpg does with these what libpq does.
_DRIVER = frozenset(
    {"host", "port", "dbname", "database", "user", "password", "passfile", "service", "krbsrvname", "gsslib"}
    | {"sslmode", "sslnegotiation", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs"}
)
# Sent to the server when a connection is made.
_SERVER = frozenset({"application_name", "options"})
# option -> (why it changes nothing here, the values that this is true of; empty for any)
_WITHOUT_EFFECT: dict[str, tuple[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        ("dbjobs sets the socket's limits itself, from connect_timeout and command_timeout", frozenset()),
    ),
    "channel_binding": (
        "the driver cannot bind a login to its TLS connection; sslmode=verify-full makes sure of the server",
        frozenset({"disable", "prefer", "require"}),
    ),
    "gssencmode": ("the driver does not encrypt by GSSAPI", frozenset({"disable", "prefer"})),
    "gssdelegation": ("the driver does not delegate", frozenset({"0"})),
    "client_encoding": ("the driver speaks UTF-8", frozenset({"utf8", "UTF8", "utf-8", "UTF-8", "auto"})),
    "sslcompression": ("TLS no longer compresses", frozenset({"0"})),
    "sslsni": ("Python always names the host", frozenset({"1"})),
    "sslcertmode": ("a certificate is sent if there is one", frozenset({"allow"})),
    "load_balance_hosts": ("the host that worked last is asked first", frozenset({"disable"})),
    "fallback_application_name": ("application_name is 'dbjobs' unless the URL sets it", frozenset()),
}
_VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    # A node that cannot write is of no use.
    "target_session_attrs": ("any", "read-write", "primary"),
}
_INSTEAD = {
    "ssl": "write sslmode=require, or sslmode=verify-full to check the server's certificate",
    "schema": "give it to Jobs(url, schema=...)",
    "pgbouncer": "write pooler=transaction",
    "connection_limit": "write pool_size",
    "max_connections": "write pool_size",
    "hostaddr": "write the address as the host",
    **dict.fromkeys(
        ("prepared_statements", "prepared_statement_cache_size", "statement_cache_size", "prepare_threshold"),
        "write pooler=transaction if there is a pooler before the server",
    ),
}


class Options(NamedTuple):
    """What the options of a URL mean.

    Attributes:
        driver: for asyncpg.
        server: settings for the session.
        system_certificates: the server's certificate is checked against those that this machine trusts.
    """

    driver: dict[str, str]
    server: dict[str, str]
    system_certificates: bool


def read(options: Mapping[str, str]) -> Options:
    """Sort out the options of a URL.

    Raises:
        InvalidUrl: one is not known, or asks for what the driver cannot do.
    """
    check_known(
        options,
        OWN | _DRIVER | _SERVER | _WITHOUT_EFFECT.keys(),
        instead=_INSTEAD,
        otherwise="a setting of the server is written as options=-c%20NAME%3DVALUE",
    )
    for name, allowed in _VALUES.items():
        if options.get(name, allowed[0]) not in allowed:
            refuse_value(name, options[name], f"must be one of {', '.join(allowed)}")
    for name in _WITHOUT_EFFECT.keys() & options.keys():
        reason, values = _WITHOUT_EFFECT[name]
        if values and options[name] not in values:
            refuse_value(name, options[name], f"is not available: {reason}")
        log.debug("the URL's option %s changes nothing: %s", name, reason)
    driver = {name: value for name, value in options.items() if name in _DRIVER}
    system = driver.get("sslrootcert") == _SYSTEM
    if system:
        # As libpq has it: nothing weaker than verify-full goes with certificates that anybody can get.
        if driver.pop("sslmode", "verify-full") != "verify-full":
            raise InvalidUrl("database URL option sslrootcert=system goes with sslmode=verify-full only")
        del driver["sslrootcert"]
    return Options(driver, {name: value for name, value in options.items() if name in _SERVER}, system)
