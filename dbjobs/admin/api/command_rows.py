"""A command, as lists and its own page show it."""

from __future__ import annotations

import inspect
from typing import Any, Literal

import msgspec

from dbjobs.admin.api.overview import is_route
from dbjobs.admin.call import Call, shown
from dbjobs.commands import codec
from dbjobs.commands.command import Command
from dbjobs.inspect.numbers import Stat
from dbjobs.models import NodeInfo


class CommandRow(msgspec.Struct, frozen=True, kw_only=True):
    """A command, or a route that API jobs call.

    Attributes:
        kind: ``command`` or ``api``.
        here: this page's process can run it.
        nodes: living nodes that can run it.
        tags: labels, if this process knows the command.
        about: the first line of its documentation, likewise.
        total: jobs that completed, failed or were cancelled in the period.
        retried: attempts that failed and were retried.
        mean_ms, p50_ms, p95_ms, p99_ms: of attempt durations.
        runs: its transient runs in this process, since the process began.
    """

    name: str
    kind: Literal["command", "api"]
    here: bool
    nodes: int
    tags: list[str]
    about: str
    total: int
    completed: int
    retried: int
    failed: int
    cancelled: int
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    runs: int


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What this process knows about a command.

    Attributes:
        function: module and name of its handler.
        about: its documentation.
        request_type: the type that its handler declares for its request.
        runs_in: ``event loop``, ``thread`` or ``process``.
        version: of its request.
        defaults: options of its jobs that differ from the application's own.
    """

    function: str
    about: str
    tags: list[str]
    request_type: str
    runs_in: str
    version: int
    defaults: dict[str, Any]


def known_by(nodes: list[NodeInfo]) -> dict[str, list[str]]:
    """Commands and the names of the living nodes that can run them."""
    known: dict[str, list[str]] = {}
    for node in nodes:
        commands = node.info.get("commands") if node.alive else None
        for names in commands.values() if isinstance(commands, dict) else ():
            for name in names:
                if isinstance(name, str):
                    known.setdefault(name, []).append(node.name)
    return known


def row_of(call: Call, name: str, stat: Stat | None, nodes: list[str], runs: int) -> CommandRow:
    """A command with what it did in a period.

    Args:
        stat: of the period; None if it has not run.
        nodes: names of the living nodes that can run it.
        runs: transient runs of it in this process.
    """
    command = call.jobs._registry.get(name)
    run = None if stat is None else stat.run
    return CommandRow(
        name=name, kind="api" if is_route(name) else "command", here=name in call.jobs.stored_commands,
        nodes=len(nodes), tags=[] if command is None else list(command.tags),
        about="" if command is None else _about(command).partition("\n")[0],
        total=0 if stat is None else stat.completed + stat.failed + stat.cancelled,
        completed=0 if stat is None else stat.completed, retried=0 if stat is None else stat.retried,
        failed=0 if stat is None else stat.failed, cancelled=0 if stat is None else stat.cancelled,
        mean_ms=None if run is None else run.mean, p50_ms=None if run is None else run.p50,
        p95_ms=None if run is None else run.p95, p99_ms=None if run is None else run.p99, runs=runs,
    )  # fmt: skip


def _about(command: Command) -> str:
    return inspect.getdoc(command.handler) or "" if command.handler is not None else ""


def registered(call: Call, command: Command) -> Registered:
    """What this process knows about it."""
    handler = command.handler
    base, template = call.jobs._registry.template("x", {}, where="", request_type="command"), command.template
    defaults = {
        field: getattr(template, field)
        for field in template.__struct_fields__
        if field not in ("command", "request_type") and getattr(template, field) != getattr(base, field)
    }
    return Registered(
        function=f"{getattr(handler, '__module__', '')}.{getattr(handler, '__qualname__', type(handler).__name__)}",
        about=_about(command), tags=list(command.tags),
        request_type=codec.told(command.request_type) if command.takes_request else "nothing",
        runs_in="process" if command.process else "event loop" if command.is_async else "thread",
        version=command.version,
        defaults={name: shown(call, f"defaults.{name}", value) for name, value in defaults.items()},
    )  # fmt: skip
