"""What a handler takes is read from its signature."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from dbjobs.commands import Registry, base_row
from dbjobs.context import JobContext


async def nothing() -> None: ...
async def request_only(request: int) -> None: ...
async def context_only(job: JobContext) -> None: ...
async def both(request: int, job: JobContext) -> None: ...
async def untyped(request, job): ...  # type: ignore[no-untyped-def]
async def with_default(request: int, more: int = 5) -> None: ...
async def keyword(request: int, *, more: int = 5) -> None: ...
def plain(request: int) -> None: ...


class Greeter:
    async def __call__(self, request: int, job: JobContext) -> None: ...


@pytest.mark.parametrize(
    ("handler", "takes", "kind", "is_async"),
    [
        (nothing, (False, False), Any, True),
        (request_only, (True, False), int, True),
        (context_only, (False, True), Any, True),
        (both, (True, True), int, True),
        (untyped, (True, True), Any, True),
        (with_default, (True, False), int, True),
        (keyword, (True, False), int, True),
        (plain, (True, False), int, False),
        (Greeter(), (True, True), int, True),
        (partial(both, 1), (False, True), Any, True),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_signature_says_it(handler: Any, takes: tuple[bool, bool], kind: Any, is_async: bool) -> None:
    registry = Registry(base_row(retry_limit=0, timeout_seconds=0))
    command = registry.add(handler, name="c", process=False, should_retry=None, defaults={})
    assert (command.takes_request, command.takes_context) == takes
    assert command.request_type is kind
    assert command.is_async is is_async
