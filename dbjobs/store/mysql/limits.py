"""How long MySQL and MariaDB may take: every round trip has a limit, and an engine's limits follow its lease."""

from __future__ import annotations

from typing import NamedTuple

_LOCK_SECONDS = 10.0
_KILL_SECONDS = 5.0
_IDLE_SECONDS = 60.0
# After a statement hangs and its connection is ended, an engine must still have time to repeat it within one lease.
_STATEMENT_SHARE = 1 / 3
_KILL_SHARE = 1 / 6
_LEAST_SECONDS = 2.0


class Limits(NamedTuple):
    """Limits of one database's connections, in seconds.

    Attributes:
        connect: for a connection to be made, the login and the session's settings included.
        statement: for statements sent together, and for each of BEGIN, COMMIT and ROLLBACK.
        lock: for a lock that somebody else holds; it ends before ``statement`` does.
        kill: for ending a connection on the server.
        idle: for a transaction of ours that sends nothing, where the server has such a limit; 0: for ever.
    """

    connect: float
    statement: float
    lock: float = _LOCK_SECONDS
    kill: float = _KILL_SECONDS
    idle: float = _IDLE_SECONDS

    def following(self, lease_seconds: float) -> Limits:
        """The limits for an engine with such a lease: none is longer than before."""
        statement = min(self.statement, max(_LEAST_SECONDS, lease_seconds * _STATEMENT_SHARE))
        return Limits(
            min(self.connect, statement),
            statement,
            min(self.lock, max(1.0, statement - 1.0)),
            min(self.kill, max(0.5, lease_seconds * _KILL_SHARE)),
            max(1.0, lease_seconds),
        )

    @property
    def session(self) -> dict[str, int]:
        """The parameters of ``open_connection.sql``: the servers know whole seconds only."""
        return {"lock_seconds": max(1, int(self.lock)), "idle_seconds": int(self.idle)}
