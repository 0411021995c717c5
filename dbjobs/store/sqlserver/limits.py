"""How long SQL Server may take: every round trip has a limit, and an engine's limits follow its lease."""

from __future__ import annotations

from typing import NamedTuple

LOCK_SECONDS = 10.0
KILL_SECONDS = 5.0
SCRIPT_SECONDS = 60.0
# A statement that hangs, and then the end of its session, must leave an engine time to repeat it within one lease.
ENGINE_SHARE = 1 / 3
ENGINE_KILL_SHARE = 1 / 6
ENGINE_LEAST_SECONDS = 3.0
# An outcome whose row is locked must not hold up the others for long.
ENGINE_LOCK_SECONDS = 2.0
# The driver has the same limit and a way to tell the server; only if that does not end the call either, it is given up.
GRACE_SECONDS = 1.0


class Limits(NamedTuple):
    """Limits of one database's connections, in seconds.

    Attributes:
        connect: for a connection to be made.
        statement: for a batch, and for each of BEGIN, COMMIT and ROLLBACK.
        lock: for a lock that somebody else holds; it ends before ``statement`` does.
        kill: for ending a session on the server, and for closing a connection.
        script: for a batch of DDL or of housekeeping, which may have much to do.
        handler: for a handler's own statements on the connection, which the driver alone limits; None: ``statement``.
    """

    connect: float
    statement: float
    lock: float = LOCK_SECONDS
    kill: float = KILL_SECONDS
    script: float = SCRIPT_SECONDS
    handler: float | None = None

    def following(self, lease_seconds: float) -> Limits:
        """The limits for an engine with such a lease: none is longer than before."""
        statement = min(self.statement, max(ENGINE_LEAST_SECONDS, lease_seconds * ENGINE_SHARE))
        return self._replace(
            connect=min(self.connect, statement),
            statement=statement,
            lock=min(self.lock, ENGINE_LOCK_SECONDS, statement * 0.8),
            kill=min(self.kill, max(1.0, lease_seconds * ENGINE_KILL_SHARE)),
        )

    def for_handlers(self, seconds: float) -> Limits:
        """The limits for handlers' transactions: how long their own statements may take, and wait for a lock."""
        return self._replace(lock=seconds, handler=seconds)

    @property
    def lock_milliseconds(self) -> str:
        """The session's settings."""
        return str(round(self.lock * 1000))
