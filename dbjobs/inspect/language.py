"""The search language: ``state:failed command:send_* args.tenant:7 error:"timed out" attempts:>1 -tag:test``.

This module knows the syntax, ``dbjobs.inspect.query`` the parts of a search, and
``dbjobs.inspect.meaning`` its meaning::

    search  = terms { "or" terms }
    terms   = { ["-"] ( key ":" values | word | "(" search ")" ) }
    key     = name { "." part }
    values  = value { "," value }
    value   = [ ">" | ">=" | "<" | "<=" | "=" ] ["*"] text ["*"] | "*"
    text    = letters without blanks, or a JSON text in double quotes
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from dbjobs.inspect.query import Group, Query, QueryError, Sign, Term, Value

LONGEST = 2_000
MOST_TERMS = 40
MOST_VALUES = 100
MOST_PARTS = 8
# How deep brackets may nest; an ``or`` without brackets counts as one level.
DEEPEST = 4

_SIGNS: tuple[Sign, ...] = (">=", "<=", ">", "<", "=")
_NAME = re.compile(r"[a-z_]+\Z")
# What needs no quotes: as a value, as a part of a key, and as a word.
_BARE = re.compile(r"""[^\s",:*<>=()\\-][^\s",*()\\]*\Z""")
_BARE_PART = re.compile(r"""[^\s",:.*<>=()\\-][^\s",:.*()\\]*\Z""")
_BARE_WORD = re.compile(r"""[^\s",:*<>=()\\-][^\s":*=<>~()\\]*\Z""")
_PATH = re.compile(r'(?:\."(?:[^"\\]|\\.)*"|\.[^\s":.()]*)*:', re.DOTALL)
# ``dbjobs.inspect.terms`` writes `state=failed`.
_OTHER = re.compile(r"([a-z_]+)(=|!=|~|\^=|\$=|[<>]=?)")
_OR = re.compile(r"(?:or|OR)(?=[\s()]|\Z)")
_EITHER = 'a condition is expected on either side of or; quote the word to look for it: "or"'
_TOO_DEEP = f"brackets stand at most {DEEPEST} deep in one another"


def parse(text: str) -> Query:
    """The terms of a search.

    Raises:
        QueryError: it says where, and what is expected there.
    """
    if len(text) > LONGEST:
        raise QueryError(LONGEST, len(text) - LONGEST, f"a search has at most {LONGEST:,} letters")
    return _Reader(text).search()


def format(query: Iterable[Term | Group]) -> str:
    """The text of a search; ``parse`` gives the same search back."""
    parts = [*query]
    if len(parts) == 1 and isinstance(parts[0], Group) and not parts[0].negated:
        return " or ".join(format(one) for one in parts[0].alternatives)  # brackets around everything mean nothing
    return " ".join(_written(one) for one in parts)


def quoted(text: str) -> str:
    """A value as written: in quotes if it needs them."""
    return text if _BARE.match(text) else json.dumps(text, ensure_ascii=False)


def _written(term: Term | Group) -> str:
    sign = "-" if term.negated else ""
    if isinstance(term, Group):
        inner = " or ".join(format(one) for one in term.alternatives)
        return f"{sign}({inner})"
    if not term.key:
        (value,) = term.values
        bare = _BARE_WORD.match(value.text) and not value.quoted and value.text.lower() != "or"
        return sign + (value.text if bare else json.dumps(value.text, ensure_ascii=False))
    parts = [part if _BARE_PART.match(part) else json.dumps(part, ensure_ascii=False) for part in term.path]
    return f"{sign}{'.'.join([term.key, *parts])}:{','.join(_written_value(value) for value in term.values)}"


def _written_value(value: Value) -> str:
    if value.sign == "given":
        return "*"
    text = json.dumps(value.text, ensure_ascii=False) if value.quoted else quoted(value.text)
    match value.sign:
        case "starts":
            return f"{text}*"
        case "ends":
            return f"*{text}"
        case "contains":
            return f"*{text}*"
        case sign:
            return sign + text


class _Reader:
    """Reads a text from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.count = 0

    def search(self) -> Query:
        """The whole text."""
        query = self._alternatives(0, 0)
        if self.at < len(self.text):
            raise QueryError(self.at, 1, "this bracket closes none: an opening one is missing before it")
        return query

    def _alternatives(self, depth: int, start: int) -> Query:
        """The text in brackets, or all of it: the terms, or one group if there is an ``or`` among them."""
        alternatives = [self._terms(depth)]
        while self._takes_or():
            if not alternatives[-1]:
                raise QueryError(self.at - 2, 2, _EITHER)
            if depth >= DEEPEST:
                raise QueryError(start, 1, _TOO_DEEP)
            alternatives.append(self._terms(depth))
            if not alternatives[-1]:
                raise QueryError(self.at, 1, _EITHER)
        return alternatives[0] if len(alternatives) == 1 else (Group(tuple(alternatives), False, start),)

    def _terms(self, depth: int) -> Query:
        found: list[Term | Group] = []
        while True:
            self._skip_blanks()
            if self._peek() in ("", ")") or self._is_or():
                return tuple(found)
            self.count += 1
            if self.count > MOST_TERMS:
                raise QueryError(self.at, len(self.text) - self.at, f"a search has at most {MOST_TERMS} terms")
            opens = self.at + (self._peek() == "-")
            found.append(self._group(depth + 1) if self.text[opens : opens + 1] == "(" else self._term())

    def _group(self, depth: int) -> Group:
        start = self.at
        negated = self._take("-")
        self._take("(")
        if depth > DEEPEST:
            raise QueryError(start, 1, _TOO_DEEP)
        query = self._alternatives(depth, start)
        if not self._take(")"):
            raise QueryError(start, len(self.text) - start, "the bracket that closes this one is missing: )")
        if not query:
            raise QueryError(start, self.at - start, "a condition is expected between the brackets")
        self._end_of_term()
        (first, *more) = query
        if isinstance(first, Group) and not more and not first.negated:
            return Group(first.alternatives, negated, start)  # its own ``or``, or brackets twice
        return Group((query,), negated, start)

    def _is_or(self) -> bool:
        return _OR.match(self.text, self.at) is not None

    def _takes_or(self) -> bool:
        found = self._is_or()
        self.at += 2 if found else 0
        return found

    def _term(self) -> Term:
        start = self.at
        negated = self._take("-")
        if self._peek() in ("", " ") or self._peek().isspace():
            raise QueryError(start, 1, "after - stands what is not wanted, such as -tag:test")
        if self._peek() == '"':
            value = Value("", self._quoted(), True, start, self.at - start)
            self._end_of_term()
            return Term("", (), (value,), negated, start)
        name = self._bare(' ":.()')
        if self._peek() not in (":", ".") or (self._peek() == "." and not self._is_path()):
            return self._word(name, start, negated)
        if _NAME.match(name) is None:
            reason = f'{name or ":"} is not a key; quote a text that holds a colon, as in "10:30"'
            raise QueryError(self.at - len(name), len(name), reason)
        path = self._path()
        self.at += 1  # the colon
        return Term(name, path, self._values(), negated, start)

    def _word(self, name: str, start: int, negated: bool) -> Term:
        first = self.at - len(name)
        text = name + self._bare(' "()')
        other = _OTHER.match(text)
        if other is not None:
            reason = f"a condition is written with a colon: {other[1]}:..."
            raise QueryError(first, len(text), f'{reason}; quote the text to look for it as it is: "{text}"')
        if _BARE_WORD.match(text) is None:
            raise QueryError(first, len(text), f"{text!r} is neither a word nor key:value; put it in quotes")
        self._end_of_term()
        return Term("", (), (Value("", text, False, first, len(text)),), negated, start)

    def _is_path(self) -> bool:
        """Whether names of inner values and a colon follow."""
        return _PATH.match(self.text, self.at) is not None

    def _path(self) -> tuple[str, ...]:
        path: list[str] = []
        while self._take("."):
            start = self.at
            part = self._quoted() if self._peek() == '"' else self._bare(' ":.()')
            if not part or self._peek() not in (":", "."):
                raise QueryError(start, 1, "after the dot stands the name of a value, as in args.tenant:7")
            if self.text[start] != '"' and _BARE_PART.match(part) is None:
                raise QueryError(start, len(part), f'put the name in quotes: "{part}"')
            path.append(part)
            if len(path) > MOST_PARTS:
                raise QueryError(start, len(part), f"a path has at most {MOST_PARTS} parts")
        return tuple(path)

    def _values(self) -> tuple[Value, ...]:
        values = [self._value()]
        while self._take(","):
            if len(values) == MOST_VALUES:
                raise QueryError(self.at, 1, f"a term has at most {MOST_VALUES} values")
            values.append(self._value())
        self._end_of_term()
        return tuple(values)

    def _value(self) -> Value:
        start = self.at
        sign: Sign = next((one for one in _SIGNS if self._take(one)), "")
        if not sign and self._take("*"):
            if self._ends():
                return Value("given", "", False, start, 1)
            sign = "ends"
        in_quotes = self._peek() == '"'
        text = self._quoted() if in_quotes else self._bare(' ",*()')
        if not text and not in_quotes:
            raise QueryError(self.at, 1, "a value is expected here")
        if not in_quotes and _BARE.match(text) is None:
            # A leading sign with another meaning, such as - or :.
            raise QueryError(start, self.at - start, f'put the value in quotes: "{text}"')
        if self._peek() == "*" and sign in ("", "ends"):
            self.at += 1
            sign = "starts" if sign == "" else "contains"
        if not self._ends() and self._peek() != "(":
            reason = 'a * may stand at the beginning and at the end of a value; a quote needs another one: \\"'
            raise QueryError(self.at, 1, f"a blank or a comma is expected here ({reason})")
        return Value(sign, text, in_quotes, start, self.at - start)

    # --- letters --------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _take(self, sign: str) -> bool:
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def _ends(self) -> bool:
        return self._peek() in ("", ",", ")") or self._peek().isspace()

    def _end_of_term(self) -> None:
        if self._peek() == "(":
            raise QueryError(self.at, 1, "a blank is expected before a bracket; quote a text that holds one")
        if self._peek() not in ("", ")") and not self._peek().isspace():
            raise QueryError(self.at, 1, "a blank is expected here")

    def _skip_blanks(self) -> None:
        while self._peek().isspace():
            self.at += 1

    def _bare(self, stops: str) -> str:
        start = self.at
        while self._peek() and self._peek() not in stops and not self._peek().isspace():
            self.at += 1
        return self.text[start : self.at]

    def _quoted(self) -> str:
        start = self.at
        self.at += 1
        while self._peek() != '"':
            if not self._peek():
                raise QueryError(start, len(self.text) - start, 'the quote that ends this text is missing: "')
            self.at += 2 if self._peek() == "\\" else 1
        self.at += 1
        try:
            text = json.loads(self.text[start : self.at], strict=False)
            text.encode()
        except ValueError:
            reason = 'between quotes, \\ stands before " or \\ (it is written as in JSON)'
            raise QueryError(start, self.at - start, reason) from None
        return str(text)
