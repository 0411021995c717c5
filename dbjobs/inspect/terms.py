"""A search as people write it: ``state=failed command^=send_ error~"timed out" attempt>1 created_at>=2h``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec

from dbjobs.errors import InvalidOption
from dbjobs.inspect.conditions import COLUMNS, JobSearch, Where, kind_of
from dbjobs.inspect.meaning import search_of

_TERM = re.compile(r"([a-z_]+)((?:\.[^=<>!~^$]+)*)(!=|>=|<=|\^=|\$=|=|>|<|~)(.*)", re.DOTALL)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_NOTHING = "null"
HELP = (
    "a term is as on the page (state:failed attempts:>1 -tag:test), or "
    "COLUMN, an operator and a value: = (any of a,b), != (none of), < <= > >=, ^= (starts), $= (ends), "
    "~ (contains); =null and !=null; args.customer=7"
)


def parse(terms: Iterable[str]) -> JobSearch:
    """The search for these terms: all of them in the search language (``state:failed``), or all in this form.

    Raises:
        InvalidOption: names the term.
    """
    given = [*terms]
    if given and not any(_is_term(term) for term in given):
        return search_of(" ".join(given))
    return _parsed(given)


def _is_term(text: str) -> bool:
    match = _TERM.match(text)
    return match is not None and ":" not in match[2]


def _parsed(terms: Iterable[str]) -> JobSearch:
    """Each column at most once, except for a range (``attempt>=1 attempt<=3``).

    Raises:
        InvalidOption: names the term.
    """
    search: dict[str, Any] = {}
    for term in terms:
        column, value = _term(term)
        search[column] = _joined(search[column], value, term) if column in search else value
    return cast(JobSearch, search)


def _term(term: str) -> tuple[str, Any]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise InvalidOption(f"find: {term!r} is not a condition: {HELP}")
    column, path, sign, text = match.groups()
    if column not in COLUMNS:
        raise InvalidOption(f"find: there is no filter {column!r}; known filters are {', '.join(COLUMNS)}")
    kind = kind_of(column)
    if text == _NOTHING and sign in ("=", "!=") and not path:
        return column, Where.empty() if sign == "=" else Where.given()
    if path:
        if sign != "=" or kind != "json":
            raise InvalidOption(f"find: {term!r}: a path such as args.customer takes = only, on {_JSON}")
        value: Any = text if column == "args" else _decoded(text)
        for key in reversed(path[1:].split(".")):
            value = {key: value}
        return column, value
    if kind == "json":
        if sign not in ("=", "~"):
            raise InvalidOption(f"find: {term!r}: {column} takes ~ (one of its values contains), or a path with =")
        return column, Where.contains(text)
    values = [_value(kind, one, term) for one in (text.split(",") if sign in ("=", "!=") else [text])]
    match sign:
        case "=":
            return column, values
        case "!=":
            return column, Where.other(*values)
        case "~":
            return column, Where.contains(text)
        case "^=":
            return column, Where.starts(text)
        case "$=":
            return column, Where.ends(text)
        case "<":
            return column, Where.below(values[0])
        case "<=":
            return column, Where.at_most(values[0])
        case ">":
            return column, Where.above(values[0])
        case _:
            return column, Where.at_least(values[0])


_JSON = "args, meta, request and response"


def _joined(one: Any, other: Any, term: str) -> Any:
    """``>=`` and ``<=`` of one column are a range; two keys of one JSON column must both fit."""
    if isinstance(one, dict) and isinstance(other, dict):
        return _merged(one, other)
    if isinstance(one, Where) and isinstance(other, Where):
        bounds = {one.operation: one.values, other.operation: other.values}
        if bounds.keys() == {">=", "<="}:
            return Where.between(bounds[">="][0], bounds["<="][0])
    raise InvalidOption(f"find: {term!r}: a second condition on a column makes a range of >= and <=, and nothing else")


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {**one, **other}
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            both[key] = _merged(one[key], other[key])
    return both


def _decoded(text: str) -> Any:
    """A value inside a JSON column: a number, true, false, or a text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _value(kind: str, text: str, term: str) -> Any:
    if kind == "number":
        try:
            return float(text) if "." in text or "e" in text else int(text)
        except ValueError:
            raise InvalidOption(f"find: {term!r}: {text!r} is not a number") from None
    if kind == "moment":
        return _moment(text, term)
    return text


def _moment(text: str, term: str) -> datetime | timedelta:
    match = _DURATION.fullmatch(text)
    if match is not None:
        try:
            return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
        except OverflowError:
            raise InvalidOption(f"find: {term!r}: {text!r} is too long ago") from None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidOption(
            f"find: {term!r}: {text!r} is neither a time (2031-05-01T08:00, in UTC) nor how long ago (30m, 2h, 7d)"
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
