"""Which row of ``job_stat`` a count goes to: no writer waits for a row that another one is updating.

A node's finisher counts under the node's id. All others (clients that cancel, rescuers) count under a number of their
process. Handlers' transactions may stay open for long, so they count under another one.
"""

from __future__ import annotations

import os
import random

_drawn: dict[tuple[int, str], int] = {}


def client_counter() -> int:
    """The number that this process counts under, outside of nodes and handlers: negative, of 62 bits."""
    return _counter("client")


def handler_counter() -> int:
    """The number that handlers' own transactions in this process count under."""
    return _counter("handler")


def _counter(kind: str) -> int:
    key = (os.getpid(), kind)  # a forked process needs its own
    if key not in _drawn:
        _drawn[key] = -random.SystemRandom().randint(1, 2**62)
    return _drawn[key]
