"""One class for each driver: what ``Raw`` does, in that driver's and that database's words."""

from __future__ import annotations

import sqlite3
from typing import Any

from tests.conformance.drivers.driver import Driver
from tests.conformance.drivers.mysql import Mysql
from tests.conformance.drivers.postgres import Postgres
from tests.conformance.drivers.sqlite import Sqlite
from tests.conformance.drivers.sqlserver import SqlServer

__all__ = ["DRIVERS", "Driver", "driver_of"]

DRIVERS: dict[str, type[Driver]] = {
    "postgres": Postgres,
    "sqlite": Sqlite,
    "mysql": Mysql,
    "sqlserver": SqlServer,
}


def driver_of(connection: Any) -> type[Driver]:
    """The class whose words this driver's connection understands."""
    if isinstance(connection, sqlite3.Connection):
        return Sqlite
    package = type(connection).__module__.partition(".")[0]
    return {"aiomysql": Mysql, "asyncmy": Mysql, "aioodbc": SqlServer}.get(package, Postgres)
