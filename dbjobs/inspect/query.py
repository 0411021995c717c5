"""What a search in the search language consists of: terms, their values, and alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from dbjobs.errors import InvalidOption

Sign = Literal["", "=", ">", ">=", "<", "<=", "starts", "ends", "contains", "given"]


class QueryError(InvalidOption):
    """A search that cannot be read.

    Attributes:
        position: of the first letter that is wrong, counted from 0.
        length: letters that are wrong, at least 1.
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
        sign: how it is compared; empty: it is this value.
        text: as it was meant, without quotes and stars.
        quoted: it stood in quotes.
        position, length: where it stands in the text.
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
        values: one of them must fit.
        negated: no job that fits is meant.
        position: where it stands in the text.
    """

    key: str
    path: tuple[str, ...]
    values: tuple[Value, ...]
    negated: bool = False
    position: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Group:
    """Alternatives: a job fits if it fits all terms of one of them.

    Attributes:
        alternatives: what stands between ``or`` and ``or``.
        negated: no job that fits is meant.
        position: where it begins in the text.
    """

    alternatives: tuple[Query, ...]
    negated: bool = False
    position: int = field(default=0, compare=False)


Query = tuple[Term | Group, ...]


def every_term(query: Query) -> Iterator[Term]:
    """All terms of a search, those in brackets, too."""
    for one in query:
        if isinstance(one, Term):
            yield one
        else:
            for alternative in one.alternatives:
                yield from every_term(alternative)
