"""Callers' own MySQL and MariaDB connections: checks that one can be used, and refuses others with the reason."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from dbjobs.errors import InvalidOption
from dbjobs.store.adopting import refused
from dbjobs.store.mysql.connection import DRIVERS
from dbjobs.store.mysql.script import OpenRuns, Run, Scripts

# Modes in which other words are reserved, or in which an empty text is NULL. In others our statements mean the same,
# also where quotes and backslashes mean something else: our own texts hold neither, and the driver quotes parameters.
_FOREIGN_MODES = {"ORACLE", "EMPTY_STRING_IS_NULL"}
_MANY_ROWS = 1_000_000_000

# Connections whose settings have been checked, by any database object: once each, because a check is a round trip.
_sound: WeakSet[Any] = WeakSet()


def check_kind(connection: Any) -> None:
    """Refuse anything but a driver's connection in a transaction.

    Raises:
        InvalidOption.
    """
    if type(connection).__module__.partition(".")[0] not in DRIVERS or not hasattr(connection, "escape_string"):
        raise refused(connection, "an aiomysql or asyncmy connection for a MySQL or MariaDB database")
    check_charset(connection)
    if connection.get_autocommit() and not connection.get_transaction_status():
        raise outside()


def check_charset(connection: Any) -> None:
    """Refuse a connection whose character set cannot carry every text.

    Raises:
        InvalidOption.
    """
    charset = connection.character_set_name()
    if charset != "utf8mb4":
        raise InvalidOption(f"connection= has the character set {charset!r}; jobs need utf8mb4")


def outside() -> InvalidOption:
    """The error for a connection that would commit each statement of an enqueue by itself."""
    return InvalidOption("connection= has no open transaction and commits by itself: begin() one on it first")


async def check_settings(connection: OpenRuns, scripts: Scripts) -> None:
    """Refuse a session whose settings change what our statements mean or cut off their results.

    Raises:
        InvalidOption: names the setting.
        DatabaseError.
    """
    if connection.raw in _sound:
        return
    found = await Run(connection, scripts, {}).steps(scripts.steps("caller_settings"), alone=False)
    mode, most_rows, big_selects = found[0]
    foreign_modes = _FOREIGN_MODES
    if type(connection.raw).__module__.startswith("MySQLdb"):  # it escapes with backslashes whatever the mode
        foreign_modes = foreign_modes | {"NO_BACKSLASH_ESCAPES"}
    foreign = sorted(foreign_modes & set(mode.split(",")))
    if foreign:
        raise InvalidOption(
            f"connection= has sql_mode {foreign[0]}, in which jobs cannot be stored: SET sql_mode without it"
        )
    if most_rows < _MANY_ROWS:
        raise InvalidOption(
            f"connection= has sql_select_limit = {most_rows}: SET SESSION sql_select_limit = DEFAULT on it"
        )
    if not big_selects:
        raise InvalidOption(
            "connection= has sql_big_selects = 0 (or max_join_size): SET SESSION sql_big_selects = 1 on it"
        )
    _sound.add(connection.raw)
