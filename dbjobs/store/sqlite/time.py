"""The time functions of SQLite, with a clock of ours behind 'now': for tests."""

from __future__ import annotations

import sqlite3
from typing import Any

from dbjobs.store.frozen import FrozenClock

# How many arguments come before the time in each; a time that is left out is 'now'.
_FUNCTIONS = {"strftime": 1, "julianday": 0, "datetime": 0, "date": 0, "time": 0, "unixepoch": 0}


def install(connection: sqlite3.Connection, clock: FrozenClock) -> None:
    """Replace 'now' on this connection; everything else is still computed by SQLite, on a connection beside it."""
    beside = sqlite3.connect(":memory:", check_same_thread=False)

    def replaced(name: str, place: int) -> None:
        def function(*arguments: Any) -> Any:
            given = list(arguments)
            if len(given) == place:
                given.append("now")
            if isinstance(given[place], str) and given[place].lower() == "now":
                given[place] = clock.text
            marks = ", ".join("?" * len(given))
            return beside.execute(f"SELECT {name}({marks})", given).fetchone()[0]

        connection.create_function(name, -1, function)

    for name, place in _FUNCTIONS.items():
        replaced(name, place)
