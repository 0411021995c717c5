"""The isolation levels that an application's own transaction may have."""

from __future__ import annotations

from collections.abc import Mapping

from tests.conformance.raw import CallersConnection

_STANDARD = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
# By dialect. A file has one level only.
LEVELS: Mapping[str, tuple[str, ...]] = {
    "postgres": _STANDARD[1:],  # it takes READ UNCOMMITTED for READ COMMITTED
    "mysql": _STANDARD,
    "sqlserver": _STANDARD,
    "sqlite": (),
}


async def begin_at(dialect: str, own: CallersConnection, level: str | None) -> None:
    """Begin a transaction at this level; None for what the database has by default."""
    if level is None:
        await own.begin()
    elif dialect == "postgres":
        await own.execute(f"BEGIN ISOLATION LEVEL {level}")
    else:
        await own.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        await own.begin()
