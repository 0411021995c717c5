"""A stand-in for SQL Server's driver, whose calls hang, fail or answer as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pyodbc


def error_of_server(state: str, message: str, number: int) -> pyodbc.Error:
    """An error as Microsoft's driver raises it."""
    return pyodbc.Error(state, f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server]{message} ({number}) (SQLExec)")


def broken() -> pyodbc.Error:
    """What the driver raises when the server has closed the connection."""
    return error_of_server("08S01", "Communication link failure", 0)


class Gate:
    """Where a call of the driver hangs: `reached` when it has come there, and it goes on when `open` is called."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let the call go on."""
        self._opened.set()

    def pass_through(self, connection: FakeConnection) -> None:
        """Hang here, but not for longer than a whole test may take."""
        self.reached.set()
        if not self._opened.wait(60):
            raise AssertionError("nobody has opened the gate")


class FakeServer:
    """What all fake connections of a test have in common.

    Attributes:
        connections: every connection that was made, in order.
        ran: (connection's session id, text, values) of every batch that has begun.
    """

    def __init__(self) -> None:
        self.connections: list[FakeConnection] = []
        self.ran: list[tuple[int, str, tuple[Any, ...]]] = []
        self._rules: list[tuple[str, Callable[[FakeConnection], None]]] = []
        self._gates: list[Gate] = []

    def connect(self, dsn: str, **options: Any) -> FakeConnection:
        """In place of ``pyodbc.connect``."""
        connection = FakeConnection(self, len(self.connections) + 51)
        self.connections.append(connection)
        self._apply("connect", connection)
        return connection

    def hang(self, words: str) -> Gate:
        """The next call whose text has these words ("connect", "close" for those) hangs at this gate."""
        gate = Gate()
        self._gates.append(gate)
        self._rules.append((words, gate.pass_through))
        return gate

    def fail(self, words: str, error: pyodbc.Error) -> None:
        """The next call whose text has these words fails."""

        def refuse(connection: FakeConnection) -> None:
            raise error

        self._rules.append((words, refuse))

    def open_all_gates(self) -> None:
        """Let everything return that hangs."""
        for gate in self._gates:
            gate.open()

    def batches(self, words: str) -> list[int]:
        """The session ids of the connections on which a batch with these words has begun."""
        return [session for session, text, _ in self.ran if words in text]

    def run(self, connection: FakeConnection, text: str, values: tuple[Any, ...]) -> None:
        """Called by cursors, in their connection's thread."""
        self.ran.append((connection.session_id, text, values))
        if connection.is_dead:
            raise broken()
        self._apply(text, connection)

    def _apply(self, text: str, connection: FakeConnection) -> None:
        for rule in self._rules:
            if rule[0] in text:
                self._rules.remove(rule)
                rule[1](connection)
                return

    def closing(self, connection: FakeConnection) -> None:
        """Called by connections, in their thread."""
        self._apply("close", connection)


class FakeConnection:
    """In place of ``pyodbc.Connection``."""

    def __init__(self, server: FakeServer, session_id: int) -> None:
        self.session_id = session_id
        self.autocommit = True
        self.timeout = 0
        self.is_dead = False
        self.closed = threading.Event()
        self._server = server

    def getinfo(self, kind: int) -> str:
        return "libmsodbcsql-18.so"

    def cursor(self) -> FakeCursor:
        return FakeCursor(self._server, self)

    def close(self) -> None:
        self._server.closing(self)
        self.closed.set()


class FakeCursor:
    """In place of ``pyodbc.Cursor``."""

    def __init__(self, server: FakeServer, connection: FakeConnection) -> None:
        self._server = server
        self._connection = connection
        self.description: list[tuple[str]] | None = None
        self._rows: list[tuple[Any, ...]] = []

    def setinputsizes(self, sizes: Sequence[Any]) -> None: ...

    def execute(self, text: str, *values: Any) -> None:
        self.description, self._rows = None, []
        self._server.run(self._connection, text, values)
        if "AS session_started" in text:
            self.description = [("keeps_cursors",), ("compatibility_level",), ("session_id",), ("session_started",)]
            self._rows = [(True, 160, self._connection.session_id, "2026-07-01T10:00:00")]
        elif "job_queue" in text:
            self.description = [("queue",), ("paused",), ("concurrency",)]
            self._rows = [("default", False, None)]
        elif "@@TRANCOUNT AS" in text:
            self.description, self._rows = [("transactions",)], [(1,)]

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def nextset(self) -> bool:
        return False

    def close(self) -> None: ...
