"""The parts of a search in the search language: terms, their values, and alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from dbjobs.errors import InvalidOption

Sign = Literal["", "=", ">", ">=", "<", "<=", "starts", "ends", "contains", "given"]


class QueryError(InvalidOption):
    """A search that cannot be read.

    Attributes:
        position: of the first wrong letter, counted from 0.
        length: how many letters are wrong, at least 1.
        reason: what is wrong, and what is expected there.
    """

    def __init__(self, position: int, length: int, reason: str) -> None:
        super().__init__(f"at letter {position + 1}: {reason}")
        self.position = position
        self.length = max(length, 1)
        self.reason = reason


@dataclass(frozen=True)
class Value:
    """One value of a term.

    Attributes:
        sign: how to compare; empty: for equality.
        text: the plain text, without quotes and stars.
        quoted: it was in quotes.
        position, length: where it is in the text.
    """

    sign: Sign
    text: str
    quoted: bool = False
    position: int = field(default=0, compare=False)
    length: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Term:
    """One condition.

    Attributes:
        key: what it is about; empty for a word.
        path: of a value inside a JSON column: ``("user", "id")`` of ``args.user.id:7``.
        values: one of them must match.
        negated: it means the jobs that do not match.
        position: where it is in the text.
    """

    key: str
    path: tuple[str, ...]
    values: tuple[Value, ...]
    negated: bool = False
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Group:
    """Alternatives: a job matches if it matches all terms of one of them.

    Attributes:
        alternatives: the terms between ``or`` and ``or``.
        negated: it means the jobs that do not match.
        position: where it begins in the text.
    """

    alternatives: tuple[Query, ...]
    negated: bool = False
    position: int = field(default=0, compare=False)


Query = tuple[Term | Group, ...]


def every_term(query: Query) -> Iterator[Term]:
    """All terms of a search, including those in brackets."""
    for one in query:
        if isinstance(one, Term):
            yield one
        else:
            for alternative in one.alternatives:
                yield from every_term(alternative)
