"""Decides when another node is dead: its lease is over, and this node has watched it stand still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dbjobs.models import NodeInfo

# A lease that is over by the database's clock is believed to be over once it was seen unrenewed for this share of its
# length on our own clock (a living node renews six times per lease). One that watched from the start knows by then.
BELIEVED_SHARE = 0.75
# A rescuer that has only just begun to look is content with less: the others may have been dead for long.
NEWCOMERS_SHARE = 1 / 3
LEAST_LEASE_SECONDS = 1.0


@dataclass(slots=True)
class _Seen:
    """A node as it was seen last.

    Attributes:
        renewed_at: when it renewed its lease last, by the database's clock.
        seconds: how long it has been seen with that, by our own clock.
        from_start: its lease has been watched since it was renewed, not only since some later moment.
    """

    renewed_at: datetime
    seconds: float
    from_start: bool


class Watch:
    """Looks at all nodes again and again, and says which are dead.

    The database's clock may be set forward: then every lease is over at once, and nobody is dead. It may be set back:
    then the lease of a dead node lies far ahead. So what counts is that a lease stays unrenewed while we look, on our
    own clock; and for a lease that is not over, that it stays so for all of its length.

    Args:
        pause_seconds: between two looks. Time in which nobody looked (this process was suspended) does not count.
    """

    def __init__(self, pause_seconds: float) -> None:
        self._longest_pause = pause_seconds * 2
        self._seen: dict[int, _Seen] = {}
        self._looked: float | None = None

    def look(self, nodes: Sequence[NodeInfo], now: float) -> list[int]:
        """Ids of the nodes that are dead.

        Args:
            nodes: all of them.
            now: seconds of our own clock.
        """
        first = self._looked is None
        passed = 0.0 if self._looked is None else min(now - self._looked, self._longest_pause)
        self._looked = now
        before, self._seen = self._seen, {}
        dead: list[int] = []
        for node in nodes:
            seen = before.get(node.id)
            if seen is None or seen.renewed_at != node.last_seen_at:
                seen = _Seen(node.last_seen_at, 0.0, not first)
            else:
                seen.seconds += passed
            self._seen[node.id] = seen
            lease = max((node.lease_expires_at - node.last_seen_at).total_seconds(), LEAST_LEASE_SECONDS)
            share = BELIEVED_SHARE if seen.from_start else NEWCOMERS_SHARE
            if seen.seconds >= (lease * share if not node.alive else lease):
                dead.append(node.id)
        return dead
