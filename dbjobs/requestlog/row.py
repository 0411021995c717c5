"""A request as a row of the log."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import msgspec

from dbjobs.requestlog.agents import Agent
from dbjobs.requestlog.seen import Seen
from dbjobs.requests.keys import MOMENT

# What goes into a row's JSON.
_META = (
    "host", "http_version", "endpoint", "forwarded_for", "referer", "user_agent", "disconnected", "request_headers",
    "response_headers", "request_body", "response_body", "traceback", "meta",
)  # fmt: skip


def row_of(at: datetime, seen: Seen, agent: Agent) -> tuple[Any, ...]:
    """A row of ``request_log``."""
    rest: dict[str, Any] = {name: value for name in _META if (value := getattr(seen, name, None))}
    rest |= {name: value for name, value in agent._asdict().items() if value is not None}
    try:
        text = msgspec.json.encode(rest).decode()
    except (TypeError, ValueError):  # the application's own meta
        rest.pop("meta", None)
        text = msgspec.json.encode(rest).decode()
    return (
        at.strftime(MOMENT), random.getrandbits(40), seen.method, seen.path, seen.query, seen.route, seen.status,
        seen.status // 100, seen.duration_ms, seen.user, seen.api_key, seen.session, seen.ip, seen.trace_id,
        seen.request_bytes, seen.response_bytes, seen.error, text,
    )  # fmt: skip
