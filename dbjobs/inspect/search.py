"""A checked search: what every job must match, and which part of that a statement can decide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dbjobs.commands.options import MAX_ID, is_storable
from dbjobs.errors import InvalidOption
from dbjobs.inspect.conditions import Condition, check, plain, small
from dbjobs.models import FINAL_STATES, JobState, JobSummary
from dbjobs.store import repository
from dbjobs.store.repository.searching import Slice

# A job is created before it starts, and starts before it ends.
_IN_ORDER = ("created_at", "started_at", "completed_at")
_SHORT = frozenset((*JobSummary.__struct_fields__, "text"))
_SAFE = re.compile(r"[a-z0-9 _.:@-]+")
_HAS = {column: f"{column}_has" for column in ("error", "request", "response", "args", "meta")}


@dataclass
class Search:
    """A checked search.

    Args:
        conditions: what every job must match.
        live, history: where to look.
    """

    conditions: Sequence[Condition]
    live: bool = True
    history: bool = True
    asked: Slice = field(init=False)
    states: frozenset[JobState] = field(init=False)
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        states = set(JobState)
        for one in self.conditions:
            if one.column == "state":
                states = {state for state in states if one.fits(_Stateful(state))}  # type: ignore[arg-type]
            elif one.operation == "any":
                states &= self._limited_by([Search(searched) for searched in one.values])
        self.states = frozenset(states)
        exact = {column: plain(self.conditions, column) for column in repository.PUSHED}
        self.asked = Slice(
            live=self.live and bool(states - FINAL_STATES),
            completed=self.history and JobState.COMPLETED in states,
            failed=self.history and bool(states & {JobState.FAILED, JobState.CANCELLED}),
            state=next(iter(states)).value if len(states) == 1 else None,
            exact={column: value for column, value in exact.items() if storable(value)},
            has=_parts(self.conditions),
        )
        self._limit_moments()
        self.short = [one for one in self.conditions if one.columns <= _SHORT]
        self.whole = [one for one in self.conditions if not one.columns <= _SHORT]

    def _limited_by(self, alternatives: Sequence[Search]) -> set[JobState]:
        """The states that any of them may find; narrows the time to the span of all of them together."""
        since = [one.since for one in alternatives if one.since is not None]
        until = [one.until for one in alternatives if one.until is not None]
        if len(since) == len(alternatives):
            self.since = max(filter(None, (self.since, min(since))))
        if len(until) == len(alternatives):
            self.until = min(filter(None, (self.until, max(until))))
        return {state for one in alternatives for state in one.states}

    def _limit_moments(self) -> None:
        for one in self.conditions:
            values = [value for value in one.values if isinstance(value, datetime)]
            if not values or one.operation == "not":
                continue
            if one.column == "created_at" and one.operation in ("is", ">", ">=", "between"):
                self.since = max(filter(None, (self.since, min(values))))
            if one.column in _IN_ORDER and one.operation in ("is", "<", "<=", "between"):
                self.until = min(filter(None, (self.until, max(values))))

    def fits(self, job: JobSummary) -> bool:
        """Whether the job matches, by its short columns."""
        return all(one.fits(job) for one in self.short)


@dataclass(frozen=True)
class _Stateful:
    state: JobState


def make(search: Mapping[str, Any], where: str, *, live: bool = True, history: bool = True) -> Search:
    """Check a search.

    Raises:
        InvalidOption.
    """
    return Search(check(search, where), live=live, history=history)


def refuse_nothing(search: Mapping[str, Any], where: str) -> None:
    """Refuse a search without conditions: to mean every job, the caller must say so.

    Raises:
        InvalidOption.
    """
    if all(value is None for value in search.values()):
        raise InvalidOption(f"{where}: give at least one of state, queue, worker, command, tag, batch_id, user_id, ...")


def _part_of(one: Condition) -> str | None:
    """A text that the stored column must contain to meet the condition; None if there is none we know.

    JSON does not escape it, and every database lowers its case the same way.
    """
    if one.operation not in ("contains", "is") or (one.column == "error" and one.operation == "is"):
        return None
    parts = [part for text in _texts(one.values[0]) for part in _SAFE.findall(small(text))]
    return max(parts, key=len, default=None)


def _parts(conditions: Sequence[Condition]) -> dict[str, str | None]:
    """The longest such part for each column."""
    parts: dict[str, str | None] = {}
    for one in conditions:
        if one.column in _HAS:
            found = _part_of(one)
            if found is not None and len(found) > len(parts.get(_HAS[one.column]) or ""):
                parts[_HAS[one.column]] = found
    return parts


def _texts(wanted: Any) -> Iterator[str]:
    """Texts that occur in any JSON with these values: keys, texts, whole numbers."""
    if isinstance(wanted, Mapping):
        for key, value in wanted.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(wanted, str):
        yield wanted
    elif isinstance(wanted, int) and not isinstance(wanted, bool) and abs(wanted) < 10**15:
        yield str(wanted)


def storable(value: Any) -> bool:
    """Whether databases accept it as a parameter; if they do not, no row has it."""
    if isinstance(value, str):
        return is_storable(value)
    return isinstance(value, int) and -MAX_ID <= value <= MAX_ID
