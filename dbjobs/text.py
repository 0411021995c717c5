"""Texts of handlers as every database takes them: their limits, and what cannot be stored."""

from __future__ import annotations

MAX_STATUS_CHARACTERS = 500
MAX_LOG_CHARACTERS = 10_000


def printable(text: str, limit: int) -> str:
    """Text that every database takes: no NUL, no lone surrogates, at most ``limit`` characters."""
    text = text[: limit + 1].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 1] + "…"
