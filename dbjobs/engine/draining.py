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
        claiming: is told to rest.
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
        self._asked: int | None = None  # the id for which the setting was last read

    async def look(self) -> float:
        """Stop claiming, or go on, as somebody has asked of this node; seconds until the next look."""
        id = self._current_node()
        if id is None:  # its lease is lost: it stays as it is until it is back
            resting = self._claiming.resting
        else:
            asked = await repository.get_setting(self._db, drain_setting(id))
            former, self._asked = self._asked, id
            if asked is None and former is not None and former != id:
                asked = await self._take_along(former, id)
            resting = self._claiming.resting if asked is None else asked == DRAINING
        if resting != self._claiming.resting:
            log.info("node %s %s", id, "claims nothing more: it is drained" if resting else "claims jobs again")
            self._claiming.resting = resting
            self._look_everywhere()
        return self._seconds

    async def _take_along(self, former: int, id: int) -> str | None:
        """Carry over to the new id what was asked of this process under its former one (its lease was lost since)."""
        try:
            asked = await repository.get_setting(self._db, drain_setting(former))
            if asked == DRAINING or (asked is None and self._claiming.resting):
                await repository.put_setting(self._db, drain_setting(id), DRAINING)
        except BaseException:
            self._asked = former  # the next look does it
            raise
        return asked
