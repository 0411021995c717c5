"""Numbers with their nouns, as lines of the log and messages say them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """``1 job``, ``2 jobs``, ``2 processes``."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}es" if noun.endswith("s") else f"{count} {noun}s"
