"""Text on its way to a terminal: nothing in it may steer the terminal, or fail for want of a character."""

from __future__ import annotations

import re
import sys

# Jobs may contain anybody's text: no escape sequence in it may reach the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACE = re.compile(r"\s+")


def prepare_streams() -> None:
    """Write a character that the terminal's encoding lacks as an escape instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def clean(text: str) -> str:
    """Text without control characters (other than tab and newline), which are shown as escapes."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def one_line(text: str) -> str:
    """Clean text on one line."""
    return clean(_SPACE.sub(" ", text).strip())
