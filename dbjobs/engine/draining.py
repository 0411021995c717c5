"""A node that is drained claims nothing more: a setting under the node's id asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from dbjobs.store import repository
from dbjobs.store.database import Database

log = logging.getLogger("dbjobs")

DRAINING = "draining"


def drain_setting(node_id: int) -> str:
    """The setting by which a node is asked to claim nothing more."""
    return f"drain:{node_id}"


class Claiming(Protocol):
    """What claims, and can rest."""

    resting: bool


class Draining:
    """Looks whether somebody has asked this node to claim nothing more, or to go on.

    Args:
        current_node: the node's id; None while it has none.
        claiming: what is told to rest.
        look_everywhere: wakes it up.
        seconds: between two looks.
    """

    def __init__(
        self,
        db: Database,
        current_node: Callable[[], int | None],
        claiming: Claiming,
        look_everywhere: Callable[[], None],
        *,
        seconds: float,
    ) -> None:
        self._db = db
        self._current_node = current_node
        self._claiming = claiming
        self._look_everywhere = look_everywhere
        self._seconds = seconds
        self._drained: int | None = None

    async def look(self) -> float:
        """Stop claiming, or go on, as somebody has asked of this node; seconds until the next look."""
        id = self._current_node()
        asked = "" if id is None else await repository.get_setting(self._db, drain_setting(id))
        resting = self._claiming.resting if asked is None and id == self._drained else asked == DRAINING
        self._drained = id if resting else None
        if resting != self._claiming.resting:
            log.info("node %s %s", id, "claims nothing more: it is drained" if resting else "claims jobs again")
            self._claiming.resting = resting
            self._look_everywhere()
        return self._seconds
