"""The columns that an SQL file answers with, read from its text: enough of four dialects' syntax for that.

A file may hold several statements, each ended by ``;``. Its result is that of the last one that returns rows, as the
library's own scripts have it. A directive (``-- @as moved packed id state``) may name the columns itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNNAMED = "?"  # an expression without a name: it still has its place
_TOKEN = re.compile(
    r"""\s+ | (?P<comment>--[^\n]*) | (?P<token>
        N?'(?:[^']|'')*' | "(?:[^"])*" | `[^`]*` | \[\w+\]   # a text, or a quoted name
        | ::?\w+(?:\.\w+)? | @{0,2}\w+ | [(),;*=.{}] | [^\w\s(),;*=.{}'"`\[]+ | .
    )""",
    re.VERBOSE,
)
_DIRECTIVE = re.compile(r"-- @(?P<words>.*)")
_VERBS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "VALUES"})
_AFTER_SELECT = frozenset(
    {"INTO", "FROM", "WHERE", "GROUP", "HAVING", "UNION", "EXCEPT", "INTERSECT", "ORDER", "LIMIT", "OFFSET", "FOR"}
    | {"LOCK", "OPTION"}
)
_AFTER_OUTPUT = frozenset({"INTO", "FROM", "WHERE", "VALUES", "SELECT", "DEFAULT", "EXEC", "OPTION"})
_PACKERS = frozenset(["JSON_ARRAYAGG", "JSON_GROUP_ARRAY", "JSON_ARRAY"])


@dataclass(frozen=True)
class Result:
    """What a file answers with.

    Attributes:
        columns: their names in order; ``UNNAMED`` for an expression without one.
        is_a_set: statements further down use it too, so it may have more columns than the library reads.
    """

    columns: tuple[str, ...]
    is_a_set: bool = False


def result_of(source: str) -> Result | None:
    """The result of a file; None if none of its statements returns rows."""
    result: Result | None = None
    for directive, tokens in statements_in(source):
        columns = _columns(tokens)
        words = directive.split()
        if "numbered" in words:  # the numbers that the rows got, each with this column of theirs
            columns = ("id", words[words.index("numbered") + 1])
        if "taken" in words:  # this column of the rows that went in
            columns = (words[words.index("taken") + 1],)
        if columns and "packed" in words:
            columns = tuple(words[words.index("packed") + 1 :]) or _unpacked(tokens)
        if columns:
            result = Result(tuple(columns), "as" in words)
        if columns == ("packed",):  # T-SQL: all rows as one text of JSON, in place or in a variable
            result = Result(_packed_query(source, tokens))
    return result


def statements_in(source: str) -> list[tuple[str, list[str]]]:
    """The statements of a file as words, each with the directive above it."""
    found: list[tuple[str, list[str]]] = []
    directive, tokens, depth = "", list[str](), 0
    for match in _TOKEN.finditer(source):
        if match["comment"] and (directed := _DIRECTIVE.match(match["comment"])):
            directive = directed["words"]
        token = match["token"]
        if token is None:
            continue
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == ";" and depth == 0:
            found.append((directive, tokens))
            directive, tokens = "", []
        else:
            tokens.append(token)
    return [*found, (directive, tokens)] if tokens else found


def _columns(tokens: list[str]) -> tuple[str, ...]:
    """The columns that one statement returns; none if it returns no rows."""
    while tokens and tokens[0] == "(":
        tokens = tokens[1 : closing_of(tokens, 0)]
    start = next((at for at in places_outside(tokens) if tokens[at].upper() in _VERBS), None)
    if start is None:
        return ()
    verb = tokens[start].upper()
    outside = [at for at in places_outside(tokens) if at > start]
    if verb == "SELECT":
        end = next((at for at in outside if tokens[at].upper() in _AFTER_SELECT), len(tokens))
        items = items_of(without_quantifiers(tokens[start + 1 : end]))
        if items and all(item[0].startswith("@") and "=" in item for item in items):
            return ()  # SELECT @variable = ...
        if items == [["*"]] and end + 1 < len(tokens) and tokens[end].upper() == "FROM" and tokens[end + 1] == "(":
            return _columns(tokens[end + 2 : closing_of(tokens, end + 1)])
        return tuple(_name(item) for item in items)
    if verb == "VALUES":
        return ()
    clause = next((at for at in outside if tokens[at].upper() in ("RETURNING", "OUTPUT")), None)
    if clause is None:
        return ()
    end = next((at for at in outside if at > clause and tokens[at].upper() in _AFTER_OUTPUT), len(tokens))
    if tokens[clause].upper() == "RETURNING":
        end = len(tokens)
    elif end < len(tokens) and tokens[end].upper() == "INTO":
        return ()  # OUTPUT ... INTO @table
    return tuple(_name(item) for item in items_of(tokens[clause + 1 : end]))


def _unpacked(tokens: list[str]) -> tuple[str, ...]:
    """The columns inside ``json_group_array(json_array(a, b))``."""
    at = next(at for at, token in enumerate(tokens) if token.upper() in _PACKERS)
    while tokens[at].upper() in _PACKERS:
        at += 2
    return tuple(_name(item) for item in items_of(tokens[at : closing_of(tokens, at - 1)]))


def _packed_query(source: str, tokens: list[str]) -> tuple[str, ...]:
    """The columns of the query behind ``SELECT (SELECT ... FOR JSON PATH) AS packed``, or behind its ``@variable``."""
    if tokens[1] == "(":
        return _columns(tokens[1:])
    for _, earlier in reversed(statements_in(source)):
        for at in range(len(earlier) - 2):
            if earlier[at : at + 3] == [tokens[1], "=", "("]:
                return _columns(earlier[at + 2 : closing_of(earlier, at + 2) + 1])
    raise ValueError(f"{tokens[1]} is given no query")


def places_outside(tokens: list[str]) -> list[int]:
    """The places of the words that stand in no brackets."""
    places, depth = list[int](), 0
    for at, token in enumerate(tokens):
        depth -= token == ")"
        if depth == 0:
            places.append(at)
        depth += token == "("
    return places


def closing_of(tokens: list[str], opening: int) -> int:
    """The place of the bracket that closes the one at ``opening``."""
    depth = 0
    for at in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[at], 0)
        if depth == 0:
            return at
    raise ValueError(f"a bracket is not closed: {' '.join(tokens[opening : opening + 12])} ...")


def without_quantifiers(tokens: list[str]) -> list[str]:
    if tokens and tokens[0].upper() in ("DISTINCT", "ALL"):
        tokens = tokens[1:]
        if tokens[:1] == ["ON"]:
            tokens = tokens[closing_of(tokens, 1) + 1 :]
    if tokens and tokens[0].upper() == "TOP":
        tokens = tokens[closing_of(tokens, 1) + 1 if tokens[1] == "(" else 2 :]
    return tokens


def items_of(tokens: list[str]) -> list[list[str]]:
    """A list at its commas."""
    items: list[list[str]] = [[]]
    commas = {at for at in places_outside(tokens) if tokens[at] == ","}
    for at, token in enumerate(tokens):
        if at in commas:
            items.append([])
        else:
            items[-1].append(token)
    return [item for item in items if item]


def _name(item: list[str]) -> str:
    if len(item) >= 2 and item[-2].upper() == "AS":
        return item[-1].strip('"`[]')
    plain = len(item) == 1 or (len(item) == 3 and item[1] == ".")
    return item[-1].strip('"`[]') if plain and re.fullmatch(r'["`\[]?[A-Za-z_]\w*["`\]]?|\*', item[-1]) else UNNAMED
