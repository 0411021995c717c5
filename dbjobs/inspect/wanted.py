"""How to write a search: conditions on the columns of a job."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

from dbjobs.models import JobState

Operation = Literal[
    "is",
    "not",
    "<",
    "<=",
    ">",
    ">=",
    "between",
    "starts",
    "ends",
    "contains",
    "empty",
    "given",
    "unless",
    "either",
    "both",
    "any",
]
Kind = Literal["text", "number", "moment", "json", "words", "any"]


@dataclass(frozen=True)
class Where:
    """A condition on one column of a job other than "is this value", which needs none.

    A job whose column is empty matches only ``empty`` and ``other``. Texts are compared exactly, but ``contains``
    ignores case. A moment is an aware datetime, or a timedelta: that long ago.
    """

    operation: Operation
    values: tuple[Any, ...] = ()

    @classmethod
    def other(cls, *values: Any) -> Where:
        """None of these."""
        return cls("not", values)

    @classmethod
    def below(cls, value: Any) -> Where:
        """Less, or earlier."""
        return cls("<", (value,))

    @classmethod
    def at_most(cls, value: Any) -> Where:
        """This or less, or earlier."""
        return cls("<=", (value,))

    @classmethod
    def above(cls, value: Any) -> Where:
        """More, or later."""
        return cls(">", (value,))

    @classmethod
    def at_least(cls, value: Any) -> Where:
        """This or more, or later."""
        return cls(">=", (value,))

    @classmethod
    def between(cls, first: Any, last: Any) -> Where:
        """From ``first`` to ``last``, both included."""
        return cls("between", (first, last))

    @classmethod
    def starts(cls, text: str) -> Where:
        """A text that begins with this."""
        return cls("starts", (text,))

    @classmethod
    def ends(cls, text: str) -> Where:
        """A text that ends with this."""
        return cls("ends", (text,))

    @classmethod
    def contains(cls, text: str) -> Where:
        """A text, or a value anywhere in a JSON column, that contains this, in upper or lower case."""
        return cls("contains", (text,))

    @classmethod
    def empty(cls) -> Where:
        """The column is empty."""
        return cls("empty")

    @classmethod
    def given(cls) -> Where:
        """The column is not empty."""
        return cls("given")

    @classmethod
    def unless(cls, condition: Any) -> Where:
        """What does not match this condition: a value, a list of values, or another ``Where``."""
        return cls("unless", (condition,))

    @classmethod
    def either(cls, *conditions: Any) -> Where:
        """What matches any of these conditions."""
        return cls("either", conditions)

    @classmethod
    def both(cls, *conditions: Any) -> Where:
        """What matches all of these conditions."""
        return cls("both", conditions)


Text = str | Collection[str] | Where | None
Number = float | Collection[float] | Where | None
Moment = datetime | Where | None
Json = Mapping[str, Any] | str | Where | None


class JobSearch(TypedDict, total=False):
    """Which jobs, live or in history: those that match everything that is given. The same for find, cancel and requeue.

    Each column takes a value, a list of values (any of them), or a ``Where``; None counts as left out. ``request``,
    ``response``, ``args`` and ``meta`` take a mapping (all its values must be there) or a text (one of the values must
    contain it). ``text`` is not a column: it matches if one of the job's names, its status or its error contains it, or
    if it is the job's id. ``any_of`` takes searches; one of them must match.
    """

    text: str | Where | None
    any_of: Collection[Mapping[str, Any]] | Where | None

    id: Number
    ref_id: Text
    parent_id: Number
    worker: Text
    queue: Text
    priority: Number
    tag: Text
    batch_id: Text
    callback: Text
    run_after: Moment
    expires_at: Moment
    created_at: Moment
    created_by: Text
    user_id: Text
    request_type: Text
    command: Text
    request_name: Text
    request: Json
    response: Json
    state: JobState | str | Collection[JobState | str] | Where | None
    started_at: Moment
    completed_at: Moment
    retry_limit: Number
    attempt: Number
    duration_ms: Number
    timeout_seconds: Number
    progress: Number
    status: Text
    reply_to: Text
    error_code: Text
    error: Text
    args: Json
    meta: Json
    cancel_requested_at: Moment
    node_id: Number
