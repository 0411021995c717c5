"""What a session needs of its database: the statements of a schema and how to bind their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from dbjobs.store.postgres.errors import translated
from dbjobs.store.statements import Parameter, Statements, Table


class Binding:
    """The statements of one schema, on any connection to its server.

    Attributes:
        channel: where the notices of this schema travel.

    Args:
        statements: with the schema's name in them.
        schema: where the tables are.
        where: hosts, ports and database, for messages.
    """

    def __init__(self, statements: Statements, schema: str, where: str) -> None:
        self.statements = statements
        self.schema = schema
        self.channel = f"dbjobs.{schema}"
        self._where = where

    def bind(self, wanted: tuple[Parameter, ...], given: dict[str, Any]) -> list[Any]:
        """The values of a statement's parameters, in its order."""
        values: list[Any] = []
        tables: dict[str, dict[str, Sequence[Any]]] = {}
        for name, column in wanted:
            if column is not None:
                if name not in tables:
                    tables[name] = given[name].by_column()
                array = tables[name][column]
                # unnest() fills shorter arrays up with NULLs, so a column without values need not be sent.
                values.append(array if array.count(None) < len(array) else ())
            elif isinstance(given.get(name), Table):
                values.append(given[name].as_json())
            elif name == "channel":
                values.append(self.channel)
            elif name == "schema":
                values.append(self.schema)
            else:
                values.append(given[name])
        return values

    def errors(self) -> AbstractContextManager[None]:
        """Turns what asyncpg raises in its block into our own errors."""
        return translated(self._where)
