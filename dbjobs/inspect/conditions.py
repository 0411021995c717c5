"""The conditions of a search: on every column of a job, the same for every database."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dbjobs.errors import InvalidOption
from dbjobs.inspect.wanted import JobSearch as JobSearch
from dbjobs.inspect.wanted import Kind, Operation
from dbjobs.inspect.wanted import Where as Where
from dbjobs.models import Job, JobState, JobSummary
from dbjobs.wording import counted

# Each of these takes one condition; ``any_of`` takes whole searches.
COLUMNS = tuple(sorted(JobSearch.__optional_keys__ - {"any_of"}))
_NUMBERS = frozenset(
    ("id", "parent_id", "priority", "retry_limit", "attempt", "duration_ms", "timeout_seconds", "progress", "node_id")
)
_MOMENTS = frozenset(("run_after", "expires_at", "created_at", "started_at", "completed_at", "cancel_requested_at"))
_JSON = frozenset(("request", "response", "args", "meta"))
# The columns that ``text`` searches.
_WORDS = ("command", "queue", "worker", "tag", "ref_id", "batch_id", "user_id", "status", "error_code", "error")
# How deep conditions may nest, how deep searches may nest in ``any_of``, and how many it may hold.
_DEEPEST = 4
_DEEPEST_SEARCHES = 6
MOST_SEARCHES = 40
_COMPOSED = frozenset(("unless", "either", "both"))
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "starts": str.startswith, "ends": str.endswith,
}  # fmt: skip
# How many values an operation takes; the tests take one.
_COUNTS = {"between": 2, "empty": 0, "given": 0, "contains": 1}
_TAKES: dict[Kind, frozenset[str]] = {
    "text": frozenset(("is", "not", "<", "<=", ">", ">=", "between", "starts", "ends", "contains", "empty", "given")),
    "number": frozenset(("is", "not", "<", "<=", ">", ">=", "between", "empty", "given")),
    "moment": frozenset(("is", "not", "<", "<=", ">", ">=", "between", "empty", "given")),
    "json": frozenset(("is", "contains", "empty", "given")),
    "words": frozenset(("contains",)),
    "any": frozenset(("any",)),
}


def kind_of(column: str) -> Kind:
    """What a column holds."""
    if column in _NUMBERS:
        return "number"
    if column in ("text", "any_of"):
        return "words" if column == "text" else "any"
    return "moment" if column in _MOMENTS else "json" if column in _JSON else "text"


@dataclass(frozen=True)
class Condition:
    """A checked condition on one column."""

    column: str
    operation: Operation
    values: tuple[Any, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The columns that ``fits`` reads."""
        if self.column != "any_of":
            return frozenset((self.column,))
        searches = self.values if self.operation == "any" else (self.values,)
        return frozenset().union(*(one.columns for search in searches for one in search))

    def fits(self, job: Job | JobSummary) -> bool:
        """The job's column meets the condition."""
        match self.operation:
            case "unless":
                return not self.values[0].fits(job)
            case "either":
                return any(one.fits(job) for one in self.values)
            case "both":
                return all(one.fits(job) for one in self.values)
            case "any":
                return any(all(one.fits(job) for one in search) for search in self.values)
        if self.column == "text":
            wanted = small(self.values[0])
            return str(job.id) == wanted or any(wanted in small(getattr(job, name) or "") for name in _WORDS)
        value = getattr(job, self.column)
        if self.operation == "empty":
            return value is None or value == {}
        if self.operation == "not":
            return value not in self.values
        if value is None:
            return False
        match self.operation:
            case "given":
                return bool(value != {})
            case "is" if self.column in _JSON:
                return _has(value, self.values[0])
            case "is":
                return value in self.values
            case "contains":
                return _holds(value, small(self.values[0]))
            case "between":
                return bool(self.values[0] <= value <= self.values[1])
            case other:
                return _TESTS[other](value, self.values[0])


def _has(value: Any, wanted: Mapping[str, Any]) -> bool:
    """It has all these values, by key; the same for mappings inside."""
    if not isinstance(value, Mapping):
        return False
    return all(
        key in value and (_has(value[key], one) if isinstance(one, Mapping) else _equal(value[key], one))
        for key, one in wanted.items()
    )


def _equal(value: Any, wanted: Any) -> bool:
    """Equal in JSON, where true is not a number."""
    return bool(value == wanted) and isinstance(value, bool) == isinstance(wanted, bool)


def _holds(value: Any, text: str) -> bool:
    """One of its values or keys contains the text."""
    if isinstance(value, Mapping):
        return any(_holds(key, text) or _holds(one, text) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return any(_holds(one, text) for one in value)
    if isinstance(value, bool) or value is None:
        return text in {True: "true", False: "false", None: "null"}[value]
    return text in small(str(value))


def small(text: str) -> str:
    """A text in lower case, for comparing; no non-ASCII letter becomes an ASCII one.

    Python lowers two non-ASCII capitals to an ``i`` and a ``k``; most databases leave them alone.
    """
    if text.isascii():
        return text.lower()
    return text.replace("\u0130", "\uf8fe").replace("\u212a", "\uf8ff").lower()


def check(search: Mapping[str, Any], where: str, level: int = 0) -> list[Condition]:
    """The conditions of a search. ``level``: how deep it is nested.

    Raises:
        InvalidOption: names the call, the column and the value.
    """
    now = datetime.now(UTC)
    conditions: list[Condition] = []
    for column, value in _known(search, where).items():
        if value is not None:
            one = _checked(column, value, now, where, level=level)
            # Keep them separate: an index or a statement may serve one of them.
            conditions += one.values if one.operation == "both" else (one,)
    return conditions


def _known(search: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    for column in search:
        if column not in COLUMNS and column != "any_of":
            raise InvalidOption(f"{where}: there is no filter {column!r}; known filters are {', '.join(COLUMNS)}")
    return search


def _searches(given: Any, where: str, level: int) -> Condition:
    """The alternatives of ``any_of``."""
    given = given.values if isinstance(given, Where) and given.operation == "any" else given
    if isinstance(given, (str, Mapping)) or not isinstance(given, Collection):
        raise InvalidOption(f"{where}: any_of={given!r} must be a list of searches")
    if level >= _DEEPEST_SEARCHES or not 0 < len(given) <= MOST_SEARCHES:
        what = "stand too deep in one another" if given else "are missing"
        what = f"are more than {MOST_SEARCHES}" if len(given) > MOST_SEARCHES else what
        raise InvalidOption(f"{where}: any_of: its searches {what}")
    for one in given:
        if not isinstance(one, Mapping):
            raise InvalidOption(f"{where}: any_of: {one!r} is not a search")
    return Condition("any_of", "any", tuple(tuple(check(one, where, level + 1)) for one in given))


def _checked(column: str, given: Any, now: datetime, where: str, depth: int = 0, level: int = 0) -> Condition:
    kind = kind_of(column)
    if isinstance(given, Where) and given.operation in _COMPOSED:
        if not given.values or depth >= _DEEPEST:
            what = (
                "conditions stand too deep in one another" if given.values else f"{given.operation} needs a condition"
            )
            raise InvalidOption(f"{where}: {column}: {what}")
        inner = tuple(_checked(column, one, now, where, depth + 1, level) for one in given.values)
        if given.operation == "both":  # flat, so that the choice of an index sees all of them
            inner = tuple(one for each in inner for one in (each.values if each.operation == "both" else (each,)))
        return Condition(column, given.operation, inner)
    if kind == "any":
        return _searches(given, where, level)
    if isinstance(given, Where):
        operation, values = given.operation, given.values
    elif kind == "json":
        operation, values = ("contains" if isinstance(given, str) else "is"), (given,)
    elif kind == "words":
        operation, values = "contains", (given,)
    elif isinstance(given, (list, tuple, set, frozenset)):
        operation, values = "is", tuple(given)
        if not values:
            raise InvalidOption(f"{where}: {column}: an empty list fits no job")
    else:
        operation, values = "is", (given,)
    if operation not in _TAKES[kind]:
        raise InvalidOption(f"{where}: {column}: a {kind} cannot be asked for {operation!r}")
    wanted = _COUNTS.get(operation, 1 if operation in _TESTS or kind == "json" else None)
    if wanted is not None and len(values) != wanted:
        raise InvalidOption(f"{where}: {column}: {operation!r} takes {counted(wanted, 'value')}, not {len(values)}")
    return Condition(column, operation, tuple(_value(column, kind, operation, value, now, where) for value in values))


def _value(column: str, kind: Kind, operation: Operation, value: Any, now: datetime, where: str) -> Any:
    if column == "state" and operation in ("is", "not"):
        try:
            return JobState(value)
        except ValueError:
            raise InvalidOption(f"{where}: state={value!r} must be one of {', '.join(JobState)}") from None
    if kind == "moment" and isinstance(value, timedelta):
        try:
            return now - value
        except OverflowError:
            raise InvalidOption(f"{where}: {column}={value!r} is outside the calendar") from None
    fits = {
        "text": isinstance(value, str),
        "number": isinstance(value, (int, float)) and not isinstance(value, bool),
        "moment": isinstance(value, datetime) and value.tzinfo is not None,
        "json": isinstance(value, str if operation == "contains" else Mapping),
        "words": isinstance(value, str),
    }
    words = {
        "text": "a text",
        "words": "a text",
        "number": "a number",
        "moment": "an aware datetime, or a timedelta (that long ago)",
    }
    if not fits[kind]:
        what = words.get(kind) or ("a text" if operation == "contains" else "a mapping or a text")
        raise InvalidOption(f"{where}: {column}={value!r} must be {what}")
    return value


def plain(conditions: Sequence[Condition], column: str) -> Any:
    """The one value that a column must have; None if it is not that simple."""
    for one in conditions:
        if one.column == column and one.operation == "is" and len(one.values) == 1:
            return one.values[0]
    return None
