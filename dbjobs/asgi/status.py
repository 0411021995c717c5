"""What a status means for a job: completed, tried again, or failed; and what the answer says of the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from dbjobs.asgi.response import ApiResponse
from dbjobs.errors import ApiFailed
from dbjobs.text import printable

# Timeout, locked, too early, too many: statuses below 500 that ask for another try.
TRIED_AGAIN = frozenset({408, 423, 425, 429})
MAX_BODY_CHARACTERS = 4_000
MAX_FIELDS = 50
_MAX_REASON_CHARACTERS = 1_500


def failure(response: ApiResponse) -> ApiFailed | None:
    """The error that an answer is; None for one of 200 to 399."""
    status = response.status
    if 200 <= status < 400:
        return None
    retry = status in TRIED_AGAIN or status >= 500
    after = retry_after_seconds(response.header("retry-after"), response.header("date")) if retry else None
    return ApiFailed(
        status, f"HTTP {status}{_phrase(status)}{_reason(response)}", retry=retry, retry_after_seconds=after
    )


def details(response: ApiResponse) -> dict[str, Any]:
    """What an entry of the job's error list keeps of an answer."""
    return {
        "status": response.status,
        "body": printable(response.text, MAX_BODY_CHARACTERS) or None,
        "fields": field_errors(response),
    }


def retry_after_seconds(value: str | None, date: str | None = None) -> float | None:
    """Seconds that a Retry-After asks for.

    Args:
        value: a number of seconds or an HTTP date.
        date: the Date header of the same answer: the clock that an HTTP date is by. Without one it is ours.

    Returns:
        None if there is none, or one that nobody understands.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    until = _moment(text)
    if until is None:
        return None
    now = _moment(date) if date is not None else None
    return max((until - (now or datetime.now(UTC))).total_seconds(), 0.0)


def field_errors(response: ApiResponse) -> dict[str, str]:
    """What a 400 or 422 says of single fields, as FastAPI, Litestar, problem documents and others write it.

    Returns:
        Texts by the path of the field (``body.items.0.price``), 50 at most.
    """
    if response.status not in (400, 422):
        return {}
    try:
        content = response.json()
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for field, message in _fields(content):
        name = printable(field, 200)
        found[name] = printable(f"{found[name]}; {message}" if name in found else message, 500)
        if len(found) >= MAX_FIELDS:
            break
    return found


def _fields(content: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(content, Mapping):
        return
    for key in ("detail", "errors", "extra"):
        entries = content.get(key)
        if isinstance(entries, Mapping):  # {"email": ["is missing"]}
            for field, messages in entries.items():
                several = messages if isinstance(messages, Sequence) and not isinstance(messages, str) else [messages]
                yield from ((str(field), message) for message in several if isinstance(message, str))
        elif isinstance(entries, Sequence) and not isinstance(entries, str):
            for entry in entries:
                if isinstance(entry, Mapping) and (told := _entry(entry)) is not None:
                    yield told


def _entry(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    message = next((entry[key] for key in ("msg", "message", "detail") if isinstance(entry.get(key), str)), None)
    place = entry.get("loc", entry.get("key", entry.get("field", entry.get("pointer"))))
    if message is None or place is None:
        return None
    if isinstance(place, Sequence) and not isinstance(place, str):  # FastAPI
        return ".".join(map(str, place)), message
    source = entry.get("source")  # Litestar: where the key was looked for
    return f"{source}.{place}" if isinstance(source, str) else str(place), message


def _reason(response: ApiResponse) -> str:
    fields = field_errors(response)
    if fields:
        return ": " + printable("; ".join(f"{field}: {text}" for field, text in fields.items()), _MAX_REASON_CHARACTERS)
    text = response.text.strip()
    try:
        content = response.json()
    except ValueError:
        content = None
    if isinstance(content, Mapping):
        text = next((content[key] for key in ("detail", "error", "message") if isinstance(content.get(key), str)), text)
    return f": {printable(text, 500)}" if text else ""


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # a large module, for an answer that few give

    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
