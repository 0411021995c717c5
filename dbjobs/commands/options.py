"""Options of a job, from the caller's arguments to a row: checked once, with errors that name the option."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from dbjobs.commands import codec
from dbjobs.errors import InvalidOption
from dbjobs.models import Backoff, JobOptions, JobRef
from dbjobs.reply_to import mask_reply_to
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.delivering import DELIVERY_QUEUE
from dbjobs.store.transactions.enqueueing import Parent

OPTION_NAMES = frozenset(JobOptions.__annotations__)
# Options that make sense for one job only, not as a command's default.
_JOB_ONLY = frozenset({"ref_id", "depends_on", "parent_id", "batch_id"})
# Names of the same option in other libraries.
_ELSEWHERE = {
    "eta": "run_after",
    "countdown": "run_after",
    "delay": "run_after",
    "delay_seconds": "run_after",
    "schedule_in": "run_after",
    "scheduled_at": "run_after",
    "schedule_at": "run_after",
    "max_retries": "retry_limit",
    "retries": "retry_limit",
    "max_attempts": "retry_limit",
    "backoff": "retry",
    "time_limit": "timeout",
    "expires": "expires_after",
    "lock": "worker",
    "unique_key": "ref_id",
    "job_id": "ref_id",
    "idempotency_key": "ref_id",
    "tags": "tag",
}
_MAX_TEXT = 255
# How the calls that take a request beside the options call themselves.
_ENQUEUE = "enqueue of "
# That of deliveries is served beside all others, and by nodes with a notifier only.
_NO_QUEUES = (None, DELIVERY_QUEUE)
MAX_ID = 2**63 - 1
_MAX_SECONDS = 100 * 365 * 86400.0
_MIN_PRIORITY, _MAX_PRIORITY = -(2**31), 2**31 - 1


def check_names(options: Mapping[str, Any], *, where: str, job_only: bool = True) -> None:
    """Refuse unknown options, with a hint at the nearest one.

    Raises:
        InvalidOption.
    """
    for name in options:
        if name not in OPTION_NAMES:
            near = [_ELSEWHERE[name]] if name in _ELSEWHERE else difflib.get_close_matches(name, OPTION_NAMES, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; the options are {', '.join(sorted(OPTION_NAMES))}"
            if not near and where.startswith(_ENQUEUE):
                hint += " (a field of the request goes into the request, the second argument)"
            raise InvalidOption(f"{where}: unknown option {name!r}{hint}")
        if not job_only and name in _JOB_ONLY:
            raise InvalidOption(f"{where}: option {name!r} belongs to one job and cannot be a default")


def apply(job: NewJob, options: Mapping[str, Any], *, where: str) -> tuple[NewJob, tuple[Parent, ...]]:
    """Put options into a row.

    Args:
        where: names the call in errors, as in ``"enqueue of send_email"``.

    Returns:
        The row, and the jobs it depends on.

    Raises:
        InvalidOption: unknown name, wrong type, out of range.
    """
    check_names(options, where=where)
    changes: dict[str, Any] = {}
    parents: tuple[Parent, ...] = ()
    for name, value in options.items():
        try:
            if name in _TEXT:
                changes[name] = text(value)
            elif name == "depends_on":
                parents = _parents(value)
                changes[name] = "[]" if parents else None
            else:
                changes.update(_OTHERS[name](value))
        except InvalidOption as error:
            shown = mask_reply_to(value) if name == "reply_to" and isinstance(value, str) else value
            raise InvalidOption(f"{where}: option {name}={_short(shown)}: {error}") from None
    if changes.get("queue", "") in _NO_QUEUES:
        raise InvalidOption(f"{where}: option queue must not be {changes['queue']!r}")
    return replace(job, **changes), parents


def seconds(value: Any) -> float:
    """A duration as seconds, from a number or a timedelta, >= 0."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOption("must be a number of seconds or a timedelta")
    if not 0 <= value <= _MAX_SECONDS:
        raise InvalidOption("must be between 0 seconds and 100 years")
    return float(value)


def duration(value: Any, name: str, *, least: float = 0.0) -> float:
    """A duration as seconds, from a number or a timedelta, where no job's option is meant.

    Args:
        name: of the argument, for errors.
        least: smallest one, in seconds.

    Raises:
        InvalidOption.
    """
    try:
        checked = seconds(value)
    except InvalidOption as error:
        raise InvalidOption(f"{name}={_short(value)} {error}") from None
    if checked < least:
        raise InvalidOption(f"{name}={_short(value)} must be at least {least:g} s")
    return checked


def whole(value: Any, name: str, low: int, high: int) -> int:
    """A whole number, where no job's option is meant.

    Args:
        name: of the argument, for errors.

    Raises:
        InvalidOption.
    """
    try:
        return _whole(value, low, high)
    except InvalidOption as error:
        raise InvalidOption(f"{name}={_short(value)} {error}") from None


def switch(value: Any, name: str) -> bool:
    """True or False: every other value would pass as one of them, ``"no"`` as True.

    Args:
        name: of the argument, for errors.

    Raises:
        InvalidOption.
    """
    if not isinstance(value, bool):
        raise InvalidOption(f"{name}={_short(value)} must be True or False")
    return value


def check_several(requests: Any) -> None:
    """Refuse one request where several are meant: a text would become a job for each of its letters.

    Raises:
        InvalidOption.
    """
    if isinstance(requests, str | bytes | Mapping) or not isinstance(requests, Iterable):
        raise InvalidOption(f"enqueue_many takes a list of requests, not {_short(requests)}; for one job use enqueue")


def aware(value: Any, name: str) -> datetime:
    """A moment in UTC, where no job's option is meant.

    Args:
        name: of the argument, for errors.

    Raises:
        InvalidOption: it is not a datetime, or has no time zone.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidOption(f"{name}={_short(value)} must be a datetime with a time zone")
    try:
        return in_utc(value)
    except InvalidOption as error:
        raise InvalidOption(f"{name}={_short(value)} {error}") from None


def in_utc(value: datetime) -> datetime:
    """A moment in UTC.

    Raises:
        InvalidOption: there it is before the year 1, or after 9999.
    """
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidOption("leads out of the calendar") from None


def words(value: Any, name: str) -> str:
    """A text of any length, where no job's option is meant.

    Args:
        name: of the argument, for errors.

    Raises:
        InvalidOption.
    """
    if not isinstance(value, str):
        raise InvalidOption(f"{name}={_short(value)} must be a string")
    return value


def text(value: Any) -> str | None:
    """A short text that every database takes, or None.

    Raises:
        InvalidOption.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidOption("must be a string")
    if not value:
        raise InvalidOption("must not be empty")
    if len(value) > _MAX_TEXT:
        raise InvalidOption(f"must have at most {_MAX_TEXT} characters, not {len(value)}")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidOption("must not contain NUL characters or lone surrogates")
    return value


def is_storable(value: str) -> bool:
    """True if every database takes this text as a parameter; what it does not take stands in no row."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def ref_id(value: Any) -> str | None:
    """A caller's own key.

    Raises:
        InvalidOption: it is not a text; says how a number of another table becomes one.
    """
    if value is not None and not isinstance(value, str):
        example = f"order-{value}" if isinstance(value, int | UUID) else "order-42"
        raise InvalidOption(
            f"must be a string, not {type(value).__name__}; "
            f"name what it identifies, so that keys of two tables never meet: {example!r}"
        )
    return text(value)


def _whole(value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidOption("must be a whole number")
    if not low <= value <= high:
        raise InvalidOption(f"must be between {low} and {high}")
    return value


def _one_of(value: Any, *words: str) -> str:
    if value not in words:
        raise InvalidOption(f"must be one of {', '.join(map(repr, words))}")
    return str(value)


def _parents(value: Any) -> tuple[Parent, ...]:
    if value is None:
        return ()
    several = [value] if isinstance(value, JobRef | int | str) else value
    if not isinstance(several, Sequence) or isinstance(several, bytes):
        raise InvalidOption("must be a JobRef, a job id, a ref_id, or a sequence of them")
    parents: dict[Parent, None] = {}
    for one in several:
        if isinstance(one, JobRef):
            parents[one.id] = None
        elif isinstance(one, int) and not isinstance(one, bool):
            if not -MAX_ID <= one <= MAX_ID:
                raise InvalidOption(f"{one} is not the id of a job: ids go up to {MAX_ID}")
            parents[one] = None
        elif isinstance(one, str):
            parents[one] = None
        else:
            raise InvalidOption(f"must name jobs, not a {type(one).__name__}")
    return tuple(parents)


def _run_after(value: Any) -> dict[str, Any]:
    if value is None:
        return {"delay_seconds": None, "run_after": None}
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidOption("a datetime must have a time zone (use datetime.now(timezone.utc))")
        in_utc(value)
        return {"delay_seconds": None, "run_after": value}
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise InvalidOption("must be a delay (seconds or a timedelta), or a moment (a datetime with a time zone)")
    return {"delay_seconds": seconds(value), "run_after": None}


def _backoff(value: Any) -> dict[str, Any]:
    if not isinstance(value, Backoff):
        raise InvalidOption("must be a dbjobs.Backoff")
    for name, low in (("first_seconds", 0), ("factor", 1), ("max_seconds", 0)):
        number = getattr(value, name)
        if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= _MAX_SECONDS:
            kind = "a number of seconds, or a timedelta," if name.endswith("_seconds") else "a number"
            raise InvalidOption(f"{name} must be {kind} >= {low}")
    jitter = value.jitter
    if isinstance(jitter, bool) or not isinstance(jitter, int | float) or not 0 <= jitter <= 1:
        raise InvalidOption("jitter must be a number between 0 and 1")
    return {"retry": codec.dumps(value)}


def _object(value: Any, *, texts: bool) -> str | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidOption("must be a mapping with string keys")
    if texts and not all(isinstance(item, str) for item in value.values()):
        raise InvalidOption("must be a dict[str, str]")
    try:
        text = codec.dumps(dict(value))
        if "null" in text:  # which also stands for NaN there
            codec.refuse_non_finite(dict(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidOption(f"cannot be serialised: {error}") from None
    if "\\u0000" in text:
        raise InvalidOption("must not contain NUL characters")
    return text if value else None


_TEXT = frozenset({"worker", "queue", "user_id", "tag", "batch_id", "created_by", "reply_to"})
_OTHERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "ref_id": lambda value: {"ref_id": ref_id(value)},
    "priority": lambda value: {"priority": _whole(value, _MIN_PRIORITY, _MAX_PRIORITY)},
    "callback": lambda value: {"callback": text(value)},
    "depends_on_policy": lambda value: {"depends_on_policy": _one_of(value, "completed", "finished")},
    "run_after": _run_after,
    "retry_limit": lambda value: {"retry_limit": _whole(value, 0, 1_000_000)},
    "retry": _backoff,
    "on_failure": lambda value: {"on_failure": _one_of(value, "block", "skip")},
    "timeout": lambda value: {"timeout_seconds": seconds(value)},
    "parent_id": lambda value: {"parent_id": None if value is None else _whole(value, 1, MAX_ID)},
    "expires_after": lambda value: {"expires_seconds": None if value is None else seconds(value)},
    "args": lambda value: {"args": _object(value, texts=True)},
    "meta": lambda value: {"meta": _object(value, texts=False)},
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
