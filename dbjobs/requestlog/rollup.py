"""What a batch of requests adds to the roll-ups: hourly sums by name and by pairs of names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dbjobs.requestlog.agents import Agent
from dbjobs.requestlog.seen import LONGEST_NAME, Seen

# Anybody can make up addresses and paths: beyond this many names an hour, a process counts the rest together.
NAMES_PER_HOUR = 1000
PAIRS_PER_HOUR = 5000
OTHERS = "(others)"
NOT_FOUND = "(not found)"
BUCKETS_MS = (10, 50, 100, 500, 1000, 2000, 5000, 30000)
BUCKET_NAMES = (*(f"under {limit} ms" for limit in BUCKETS_MS), "slower")
_PAIRED = ("route", "user", "key", "ip")
_SUMS = 9  # before the buckets
_HOURS_KEPT = 3

Key = tuple[str, str, str, str, str]  # kind, detail_kind, hour, name, detail
Sums = dict[Key, list[Any]]


class RollUp:
    """Adds requests up, and remembers the names of the last hours."""

    def __init__(self) -> None:
        self._known: dict[str, dict[tuple[str, str], set[Any]]] = {}

    def add(self, sums: Sums, hour: str, seen: Seen, agent: Agent) -> None:
        """Add a request of this hour ('YYYY-MM-DD HH:00:00') to the sums of a batch."""
        for key in self._keys(hour, seen, agent):
            _add(sums, key, seen)

    def _keys(self, hour: str, seen: Seen, agent: Agent) -> Iterator[Key]:
        status = str(seen.status)
        route = seen.route
        if route is None:
            route = NOT_FOUND if seen.status in (404, 405) else seen.path
        singles = {
            "route": route,
            "user": seen.user,
            "key": seen.api_key,
            "ip": seen.ip,
            "status": status,
            "browser": agent.browser or "unknown",
            "device": agent.device,
            "bot": agent.bot,
            "duration": BUCKET_NAMES[_bucket(seen.duration_ms)],
            "hour": hour[:16],
            "day": hour[:10],
        }
        names = {
            kind: self._known_name(hour, kind, name[:LONGEST_NAME])
            for kind, name in singles.items()
            if name is not None
        }
        for kind, name in names.items():
            yield kind, "", hour, name, ""
        paired = [kind for kind in _PAIRED if kind in names]
        for at, kind in enumerate(paired):
            yield kind, "status", hour, names[kind], status
            for other in paired[at + 1 :]:
                yield kind, other, hour, *self._known_pair(hour, kind, other, names[kind], names[other])

    def _known_name(self, hour: str, kind: str, name: str) -> str:
        known = self._of(hour, kind, "")
        if name not in known:
            if len(known) >= NAMES_PER_HOUR:
                return OTHERS
            known.add(name)
        return name

    def _known_pair(self, hour: str, kind: str, other: str, name: str, detail: str) -> tuple[str, str]:
        known = self._of(hour, kind, other)
        if (name, detail) not in known:
            if len(known) >= PAIRS_PER_HOUR:
                return OTHERS, OTHERS
            known.add((name, detail))
        return name, detail

    def _of(self, hour: str, kind: str, other: str) -> set[Any]:
        if hour not in self._known:
            self._known[hour] = {}
            for old in sorted(self._known)[:-_HOURS_KEPT]:
                del self._known[old]
        return self._known.get(hour, {}).setdefault((kind, other), set())


def rows_of(sums: Sums) -> list[tuple[Any, ...]]:
    """Rows of ``request_stat``: kind, detail_kind, hour, name, detail, and the sums."""
    return [(*key, *values) for key, values in sums.items()]


def _bucket(duration_ms: float) -> int:
    return next((at for at, limit in enumerate(BUCKETS_MS) if duration_ms < limit), len(BUCKETS_MS))


def _add(sums: Sums, key: Key, seen: Seen) -> None:
    size, took = seen.request_bytes, seen.duration_ms
    row = sums.get(key)
    if row is None:
        row = sums[key] = [0, 0, 0, size, size, 0, 0.0, took, took, *([0] * (len(BUCKETS_MS) + 1))]
    row[0] += 1
    row[1] += seen.status >= 500 or seen.error is not None
    row[2] += size
    row[3] = min(row[3], size)
    row[4] = max(row[4], size)
    row[5] += seen.response_bytes
    row[6] += took
    row[7] = min(row[7], took)
    row[8] = max(row[8], took)
    row[_SUMS + _bucket(took)] += 1
