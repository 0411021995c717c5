"""Why a call names no command, and what to write instead."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Collection
from typing import Any


def why_unknown(wanted: Any, known: Collection[str]) -> str:
    """The text of UnknownCommand.

    Args:
        wanted: what was given in place of a handler or a name.
        known: names of the commands that are registered in this process.
    """
    if inspect.iscoroutine(wanted):
        wanted.close()  # otherwise Python adds a warning that it was never awaited, which is not the point
        name = wanted.__name__
        return f"{name}(...) was called here; name the command and give its request beside it: enqueue({name}, request)"
    if not isinstance(wanted, str) and not callable(wanted):
        return (
            f"a command is a handler marked with @jobs.command, or its name, not a {type(wanted).__name__}; give the "
            "handler itself and not what it returns: enqueue(handler, request)"
        )
    name = wanted if isinstance(wanted, str) else str(getattr(wanted, "__name__", type(wanted).__name__))
    if name in known:
        return (
            f"the command {name!r} of this Jobs object has another handler than this {name}. Does a decorator stand "
            f"above @jobs.command? Then put @jobs.command on top. Or name the command: enqueue({name!r}, request)"
        )
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else "register it with @jobs.command, or jobs.declare(name)"
    return f"no command named {name!r} is registered in this process; {hint}"
