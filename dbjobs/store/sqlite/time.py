"""The time functions of SQLite, with a clock of ours behind 'now': for tests."""

from __future__ import annotations

import sqlite3
from typing import Any

from dbjobs.store.frozen import FrozenClock

# How many arguments come before the time in each; a time that is left out is 'now'.
_FUNCTIONS = {"strftime": 1, "julianday": 0, "datetime": 0, "date": 0, "time": 0, "unixepoch": 0}


def install(connection: sqlite3.Connection, clock: FrozenClock) -> None:
    """Replace 'now' on this connection."""
    beside = _Beside(clock)
    for name in _FUNCTIONS:
        connection.create_function(name, -1, beside.function(name))


class _Beside:
    """SQLite's own functions, on a connection beside the one that they were replaced on."""

    def __init__(self, clock: FrozenClock) -> None:
        self._clock = clock
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)

    def function(self, name: str) -> Any:
        """What takes the place of a function."""
        place = _FUNCTIONS[name]

        def replaced(*arguments: Any) -> Any:
            given = list(arguments)
            if len(given) == place:
                given.append("now")
            if isinstance(given[place], str) and given[place].lower() == "now":
                given[place] = self._clock.text
            marks = ", ".join("?" * len(given))
            return self._connection.execute(f"SELECT {name}({marks})", given).fetchone()[0]

        return replaced

    def __del__(self) -> None:
        self._connection.close()  # nobody else knows when the connection that holds the functions has gone
