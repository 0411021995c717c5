"""The place of a request in the log, as one word, and the hashes in place of secrets."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from dbjobs.errors import InvalidOption
from dbjobs.store.database import Row
from dbjobs.store.repository.rows import moment_of

MOMENT = "%Y-%m-%d %H:%M:%S.%f"
END_OF_TIME = "9999-12-31 00:00:00.000000"
HASH = "h_"  # what the hashes of API keys and sessions begin with
_FIRST_YEAR = 1970  # of ids: what is older is none


def hash_of(secret: str) -> str:
    """What the log has in place of an API key or a session: always the same, and no way back to it."""
    return HASH + hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:24]


def hash_given(text: str) -> str:
    """The same of what somebody looks for, who may have taken the hash itself from the log."""
    return text if text.startswith(HASH) and len(text) == len(HASH) + 24 else hash_of(text)


def key_of(row: Row) -> tuple[str, int]:
    """Where a row stands: its moment as text, and the number that tells it from others of that moment."""
    return moment_of(row["at"]).astimezone(UTC).strftime(MOMENT), row["tie"]


def id_of(at: str, tie: int) -> str:
    """A key as one word: 20261126T193000.123456-1f."""
    return f"{at[:4]}{at[5:7]}{at[8:10]}T{at[11:13]}{at[14:16]}{at[17:]}-{tie:x}"


def place_of(id: str | None) -> tuple[str, int]:
    """The key of an id; the end of time if there is none.

    Raises:
        InvalidOption.
    """
    if id is None:
        return END_OF_TIME, 0
    moment, _, tie = str(id).partition("-")
    try:
        at, number = datetime.strptime(moment, "%Y%m%dT%H%M%S.%f"), int(tie, 16)
        if at.year < _FIRST_YEAR or not 0 <= number < 2**63:
            raise ValueError(id)
        return at.strftime(MOMENT), number
    except ValueError:
        raise InvalidOption(f"{id!r} is not the id of a request, such as 20260131T093000.123456-1f") from None
