"""Somebody who was let in, and what they may do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from starlette.requests import Request

Verb = Literal["view", "act", "admin", "explore", "reveal"]
ALL_VERBS: frozenset[Verb] = frozenset(get_args(Verb))


@dataclass(frozen=True)
class Visitor:
    """Somebody who was let in.

    Attributes:
        name: as the audit names them.
        verbs: ``view`` everything except redacted values, ``act`` on jobs (cancel, requeue, replay), ``admin`` queues,
            schedules and nodes, ``explore``: run commands from a form, ``reveal`` redacted values.
        bearer: came with a token in a header, which no browser adds by itself.
        session: came in by the login form, and may log out.
        link: came by a read-only link.
    """

    name: str
    verbs: frozenset[Verb] = frozenset({"view"})
    bearer: bool = False
    session: bool = False
    link: bool = False

    def may(self, verb: Verb) -> bool:
        """Whether this visitor may do that."""
        return verb in self.verbs


# What ``authorize`` gives: None or False: nobody; True: everything but explore and reveal; verbs; or a Visitor.
Answer = Visitor | Iterable[Verb] | bool | None
Authorize = Callable[[Request], Answer | Awaitable[Answer]]
TRUSTED: frozenset[Verb] = frozenset({"view", "act", "admin"})
