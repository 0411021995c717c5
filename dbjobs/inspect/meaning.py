"""The meaning of a search in the search language: the keys, what each takes, and their conditions."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import msgspec

from dbjobs.errors import InvalidOption
from dbjobs.inspect.conditions import JobSearch, Where
from dbjobs.inspect.language import parse
from dbjobs.inspect.query import Group, Query, QueryError, Term, Value
from dbjobs.models import FINAL_STATES, JobState

Holds = Literal[
    "state", "text", "prose", "whole", "number", "fraction", "seconds", "milliseconds", "moment", "json", "has"
]
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ms|min|[smhdw])")
_DURATION = re.compile(r"(?:\d{1,12}(?:\.\d{1,9})?(?:ms|min|[smhdw]))+\Z")
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,9})?\Z")
_LONGEST = timedelta(days=36525)
_GROUPS = {
    "live": tuple(state for state in JobState if state not in FINAL_STATES),
    "ended": tuple(state for state in JobState if state in FINAL_STATES),
}


@dataclass(frozen=True)
class Key:
    """A key of the language.

    Attributes:
        name: as users write it.
        column: of ``JobSearch``.
        holds: what it takes.
        says: what it is about, for completion and the manual.
        example: a term.
    """

    name: str
    column: str
    holds: Holds
    says: str
    example: str


KEYS: tuple[Key, ...] = (
    Key("state", "state", "state", "where a job is in its life; live and ended are several", "state:failed,cancelled"),
    Key("command", "command", "text", "name of its command, or method and route", "command:send_*"),
    Key("queue", "queue", "text", "name of its queue", "queue:mail"),
    Key("worker", "worker", "text", "name of its worker (lane)", "worker:smtp"),
    Key("tag", "tag", "text", "its tag", "-tag:test"),
    Key("batch", "batch_id", "text", "its batch", "batch:import-7"),
    Key("user", "user_id", "text", "whom it runs for", "user:ann"),
    Key("id", "id", "whole", "its number", "id:4711"),
    Key("ref", "ref_id", "text", "the caller's own key", "ref:order-4711"),
    Key("parent", "parent_id", "whole", "number of the job that enqueued it", "parent:4711"),
    Key("error", "error", "prose", "a part of its error's text", 'error:"timed out"'),
    Key("code", "error_code", "text", "class of its error, or timeout, cancelled, node_lost", "code:TimeoutError"),
    Key("status", "status", "prose", "a part of the status it reported", "status:uploading"),
    Key("attempts", "attempt", "number", "attempts so far", "attempts:>1"),
    Key("run", "duration_ms", "milliseconds", "how long it ran", "run:>30s"),
    Key("progress", "progress", "fraction", "how far it is", "progress:<50%"),
    Key("priority", "priority", "number", "lower runs first", "priority:<0"),
    Key("retries", "retry_limit", "number", "its retry limit", "retries:0"),
    Key("timeout", "timeout_seconds", "seconds", "how long an attempt may run", "timeout:>1h"),
    Key("since", "created_at", "moment", "created then or later", "since:2h"),
    Key("until", "created_at", "moment", "created then or earlier", "until:2026-11-20"),
    Key("created", "created_at", "moment", "when it was enqueued", "created:2026-11"),
    Key("started", "started_at", "moment", "when its last attempt began", "started:>=1h"),
    Key("ended", "completed_at", "moment", "when it ended", "ended:today"),
    Key("due", "run_after", "moment", "before when it does not run", "due:<2026-12-01"),
    Key("expires", "expires_at", "moment", "when it is cancelled unless it has started", "expires:*"),
    Key("asked", "cancel_requested_at", "moment", "when its cancellation was asked for", "asked:*"),
    Key("args", "args", "json", "its small parameters", "args.tenant:7"),
    Key("meta", "meta", "json", "its meta", "meta.source:import"),
    Key("request", "request", "json", "its request", "request.user.id:7"),
    Key("response", "response", "json", "its response", "response:250"),
    Key("type", "request_type", "text", "command or api", "type:api"),
    Key("name", "request_name", "text", "type of its request", "name:SendEmail"),
    Key("callback", "callback", "text", "command run after it succeeded", "callback:*"),
    Key("by", "created_by", "text", "who enqueued it", "by:ann"),
    Key("reply", "reply_to", "text", "where its response goes", "reply:*"),
    Key("node", "node_id", "whole", "number of the node that has it", "node:12"),
    Key("has", "", "has", "something stands there", "-has:worker"),
)
BY_NAME = {key.name: key for key in KEYS}
# The columns' own names are understood, too.
_ALIASES = {key.column: key for key in KEYS if key.column and key.name not in ("since", "until")}


def find_key(name: str) -> Key | None:
    """The key of this name, or of the column of this name."""
    return BY_NAME.get(name) or _ALIASES.get(name)


def search_of(text: str, *, now: datetime | None = None) -> JobSearch:
    """The conditions of a search.

    Args:
        text: in the search language; an empty one means every job.
        now: the moment to count back from; by default the current one.

    Raises:
        QueryError: it says where, and what is expected there. InvalidOption: it is not text.
    """
    if not isinstance(text, str):
        raise InvalidOption(f"search_of: {text!r} must be a text in the search language, such as 'state:failed'")
    return meaning(parse(text), now=now)


def meaning(query: Query, *, now: datetime | None = None) -> JobSearch:
    """The conditions of a parsed search.

    Raises:
        QueryError.
    """
    now = datetime.now(UTC) if now is None else now
    conditions: dict[str, list[Any]] = {}
    for term in query:
        if isinstance(term, Group):
            column, condition = "any_of", [meaning(one, now=now) for one in term.alternatives]
        else:
            column, condition = _condition(term, now)
        conditions.setdefault(column, []).append(Where.unless(condition) if term.negated else condition)
    search = {name: given[0] if len(given) == 1 else Where.both(*given) for name, given in conditions.items()}
    return cast(JobSearch, search)


def _condition(term: Term, now: datetime) -> tuple[str, Any]:
    if not term.key:
        return "text", Where.contains(term.values[0].text)
    key = find_key(term.key)
    if key is None:
        raise QueryError(term.position, len(term.key) + term.negated, _unknown(term.key))
    if term.path and key.holds != "json":
        raise QueryError(term.position, len(term.key), f"{key.name} holds no further values: write {key.example}")
    if key.holds == "has":
        return _has(term)
    found = [_one(key, term, value, now) for value in term.values]
    if all(not isinstance(one, Where) for one in found) and key.holds != "json":
        plain = [each for one in found for each in (one if isinstance(one, tuple) else (one,))]
        return key.column, plain[0] if len(plain) == 1 else plain
    wheres = [[*one] if isinstance(one, tuple) else one for one in found]
    return key.column, wheres[0] if len(wheres) == 1 else Where.either(*wheres)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, BY_NAME, n=1)
    hint = f"; {near[0]} is one" if near else f"; the keys are {', '.join(BY_NAME)}"
    return f"there is no key {name}{hint}"


def _has(term: Term) -> tuple[str, Any]:
    (value, *more) = term.values
    key = find_key(value.text)
    if key is None or key.holds == "has" or value.sign or more:
        raise QueryError(value.position, value.length, "has takes the name of one key, as in has:worker")
    return key.column, Where.given()


def _one(key: Key, term: Term, value: Value, now: datetime) -> Any:
    """A value, a tuple of several that mean one thing, or a ``Where``."""
    if value.sign == "given" and not term.path:
        return Where.given()
    match key.holds:
        case "json":
            return _json(key, term, value)
        case "state":
            return _state(value)
        case "text" | "prose":
            return _text(key, value)
        case "moment":
            return _moment(key, value, now)
    if value.sign in ("starts", "ends", "contains"):
        raise _wrong(key, value, "a number has no *")
    number = _number(key, value)
    return number if value.sign in ("", "=") else _compared(value, number)


def _wrong(key: Key, value: Value, reason: str) -> QueryError:
    return QueryError(value.position, value.length, f"{key.name}: {reason}; write it as {key.example}")


def _compared(value: Value, bound: Any) -> Where:
    return Where(value.sign, (bound,))  # type: ignore[arg-type]


def _state(value: Value) -> Any:
    if value.sign in ("", "="):
        if value.text in _GROUPS:
            return _GROUPS[value.text]
        if value.text in list(JobState):
            return (JobState(value.text),)
    raise QueryError(value.position, value.length, f"a state is {', '.join(JobState)}, live or ended")


def _text(key: Key, value: Value) -> Any:
    match value.sign:
        case "" if key.holds == "prose":
            return Where.contains(value.text)
        case "" | "=":
            return value.text
        case "starts" | "ends" | "contains":
            return Where(value.sign, (value.text,))
        case sign:
            raise _wrong(key, value, f"a text is not compared by {sign}; quote it if {sign} is part of it")


def _json(key: Key, term: Term, value: Value) -> Any:
    if not term.path:
        if value.sign in ("", "contains"):
            return Where.contains(value.text)
        raise _wrong(key, value, "without a path it takes a part of one of its values")
    if value.sign not in ("", "="):
        raise _wrong(key, value, "a value inside it is compared as a whole")
    wanted: Any = value.text if key.column == "args" or value.quoted else _decoded(value.text)
    for part in reversed(term.path):
        wanted = {part: wanted}
    return wanted


def _decoded(text: str) -> Any:
    """A number, true, false, null, or a text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _number(key: Key, value: Value) -> float:
    text = value.text
    if key.holds in ("seconds", "milliseconds"):
        seconds = float(text) if _NUMBER.match(text) else _seconds(text)
        if seconds is None:
            raise _wrong(key, value, "a duration is expected, such as 30s, 5m or 1h30m")
        return seconds * 1000 if key.holds == "milliseconds" else seconds
    if key.holds == "fraction" and text.endswith("%") and _NUMBER.match(text[:-1]):
        return float(text[:-1]) / 100
    if _NUMBER.match(text) is None:
        raise _wrong(key, value, "a number is expected")
    return float(text) if "." in text else int(text)


def _seconds(text: str) -> float | None:
    if _DURATION.match(text) is None:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _moment(key: Key, value: Value, now: datetime) -> Any:
    if value.sign in ("starts", "ends", "contains"):
        raise _wrong(key, value, "a time has no *")
    first, last = _span(key, value, now)
    if key.name in ("since", "until"):
        if value.sign:
            raise _wrong(key, value, f"{key.name} takes no {value.sign}")
        return Where.at_least(first) if key.name == "since" else Where.at_most(last)
    match value.sign:
        case ">=":
            return Where.at_least(first)
        case ">":
            return Where.above(last)
        case "<":
            return Where.below(first)
        case "<=":
            return Where.at_most(last)
    if _seconds(value.text) is not None:  # ended:2h means since then
        return Where.at_least(first)
    if first == last:
        raise _wrong(key, value, "a time of day needs >=, >, <= or < before it")
    return Where.between(first, last)


def _span(key: Key, value: Value, now: datetime) -> tuple[datetime, datetime]:
    """The first and the last moment of a named month, day or moment."""
    text = value.text
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = _seconds(text)
    if seconds is not None:
        if seconds > _LONGEST.total_seconds():
            raise _wrong(key, value, "that is too long ago")
        moment = now - timedelta(seconds=seconds)
        return moment, moment
    if text in ("today", "yesterday"):
        first = today if text == "today" else today - timedelta(days=1)
        return first, first + timedelta(days=1, microseconds=-1)
    try:
        month = re.fullmatch(r"(\d{4})-(\d\d)", text)
        first = datetime(int(month[1]), int(month[2]), 1) if month else datetime.fromisoformat(text)
        if not 1970 <= first.year < 3000:
            raise ValueError(text)
        first = first.astimezone(UTC) if first.tzinfo is not None else first.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        reason = "a time is expected: how long ago (30m, 2h, 7d), a day, a month, today, or 2026-11-20T10:00 (UTC)"
        raise _wrong(key, value, reason) from None
    if month:
        following = (first + timedelta(days=31)).replace(day=1)
        return first, following - timedelta(microseconds=1)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return first, first + timedelta(days=1, microseconds=-1)
    return first, first
