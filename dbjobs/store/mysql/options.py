"""The options of a MySQL URL, with TLS in the words that clients and providers use."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dbjobs.errors import DatabaseError, InvalidUrl
from dbjobs.store.url import check_known, refuse_value

_TLS_MODES = ("true", "false", "unchecked")
# The server's own clients' words, in providers' URLs. Their PREFERRED falls back to plain text; here that is an error.
_CLIENTS_MODES = {
    "DISABLED": "false",
    "REQUIRED": "unchecked",
    "VERIFY_CA": "unnamed",
    "VERIFY_IDENTITY": "true",
}
_KNOWN = frozenset(
    {"pool_size", "connect_timeout", "command_timeout", "unix_socket", "charset"}
    | {"ssl", "ssl_ca", "ssl_cert", "ssl_key", "ssl-mode", "ssl_mode"}
)
_INSTEAD = {
    **dict.fromkeys(
        ("sslmode", "sslaccept", "usessl", "ssl_verify_cert", "ssl_verify_identity"), "write ssl-mode=VERIFY_IDENTITY"
    ),
    "sslca": "write ssl_ca",
    "ssl-ca": "write ssl_ca",
    "ssl-cert": "write ssl_cert",
    "ssl-key": "write ssl_key",
    "connection_limit": "write pool_size",
    "read_timeout": "write command_timeout",
    "socket": "write unix_socket",
}


class Tls(NamedTuple):
    """How a connection is encrypted.

    Attributes:
        mode: ``true`` (the server's certificate and name are checked), ``unnamed`` (its certificate), ``unchecked``,
            or ``false`` (no TLS).
        ca, cert, key: files.
    """

    mode: str
    ca: str | None
    cert: str | None
    key: str | None

    def arguments(self) -> dict[str, ssl.SSLContext]:
        """What the driver's ``connect`` wants.

        Raises:
            DatabaseError: one of the files is not there.
        """
        if self.mode == "false":
            return {}
        for name, file in (("ssl_ca", self.ca), ("ssl_cert", self.cert), ("ssl_key", self.key)):
            if file is not None and not Path(file).is_file():
                raise DatabaseError(f"database URL option {name}: there is no file {file!r}")
        context = ssl.create_default_context(cafile=self.ca)
        if self.mode != "true":
            context.check_hostname = False
        if self.mode == "unchecked":
            context.verify_mode = ssl.CERT_NONE
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key)
        return {"ssl": context}


def check(options: Mapping[str, str]) -> None:
    """Refuse what is not known.

    Raises:
        InvalidUrl.
    """
    check_known(options, _KNOWN, instead=_INSTEAD, otherwise=f"known options are {', '.join(sorted(_KNOWN))}")
    if options.get("charset", "utf8mb4").lower() not in ("utf8mb4", "utf8"):
        refuse_value("charset", options["charset"], "is not available: every connection uses utf8mb4")


def tls_of(options: Mapping[str, str]) -> Tls:
    """The TLS that a URL asks for.

    Raises:
        InvalidUrl.
    """
    files = (options.get("ssl_ca"), options.get("ssl_cert"), options.get("ssl_key"))
    named = [name for name in ("ssl", "ssl-mode", "ssl_mode") if name in options]
    if len(named) > 1:
        raise InvalidUrl(f"database URL options {named[0]!r} and {named[1]!r} mean the same: write only one of them")
    if not named:
        return Tls("true" if any(files) else "false", *files)
    name = named[0]
    value = options[name]
    if name == "ssl":
        if value not in _TLS_MODES:
            refuse_value(name, value, f"must be one of {', '.join(_TLS_MODES)}")
        return Tls(value, *files)
    if value.upper() not in _CLIENTS_MODES:
        refuse_value(name, value, f"must be one of {', '.join(_CLIENTS_MODES)}")
    return Tls(_CLIENTS_MODES[value.upper()], *files)
