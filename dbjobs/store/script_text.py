"""Files of ``dbjobs/sql`` that hold several statements, each ended by ``;`` at the end of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER)\b")


def split(source: str, directive: re.Pattern[str]) -> Iterator[tuple[str, dict[str, str | None]]]:
    """The statements of a file without their comments, each with what the comment right above it directs.

    Args:
        source: the file.
        directive: matches a whole ``-- @...`` line; its groups are what is directed.

    Raises:
        ValueError: a directive that does not match.
    """
    code: list[str] = []
    directed: dict[str, str | None] = {}
    for line in source.splitlines():
        if line.startswith("-- @"):
            match = directive.fullmatch(line)
            if match is None:
                raise ValueError(f"unknown directive: {line}")
            directed = match.groupdict()
        code.append(line.partition("--")[0].rstrip())
        if code[-1].endswith(";"):
            yield "\n".join(filter(None, code)).rstrip(";"), directed
            code, directed = [], {}
    if any(code):
        yield "\n".join(filter(None, code)), directed
