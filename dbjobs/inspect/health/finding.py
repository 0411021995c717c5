"""What a check finds, and its input."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dbjobs.store.database import Database

# How many live jobs to count, and among how many queued ones to look for the oldest.
BOUND_JOBS = 100_000
# How many ready jobs at the front of each queue to check for unknown commands.
BOUND_COMMANDS = 1_000


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the doctor.

    Attributes:
        check: what was looked at, one word.
        ok: False if somebody should act.
        message: what was found.
        advice: what to do; None if all is well.
        search: the jobs it is about, as a search (``queue:mail state:queued``); None if it is about none.
    """

    check: str
    ok: bool
    message: str
    advice: str | None = None
    search: str | None = None


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What to examine.

    Attributes:
        db: an open database.
        commands: names that the application can run; None if no application was named.
        longest_wait_seconds: a ready job that waits longer is reported.
        bound: how many live jobs to count, and among how many queued ones to look for the oldest.
        bound_commands: how many ready jobs at the front of each queue to check for unknown commands.
    """

    db: Database
    commands: Sequence[str] | None
    longest_wait_seconds: float
    bound: int = BOUND_JOBS
    bound_commands: int = BOUND_COMMANDS


def fine(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check=check, ok=True, message=message)


def wrong(check: str, message: str, advice: str, search: str | None = None) -> Finding:
    """Somebody should act."""
    return Finding(check=check, ok=False, message=message, advice=advice, search=search)
