"""What a handler takes is read from its signature."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import pytest

from dbjobs import InvalidOption, Jobs
from dbjobs.commands.registry import Registry, base_row
from dbjobs.context import JobContext


async def nothing() -> None: ...
async def request_only(request: int) -> None: ...
async def context_only(job: JobContext) -> None: ...
async def both(request: int, job: JobContext) -> None: ...
async def untyped(request, job): ...  # type: ignore[no-untyped-def]
async def with_default(request: int, more: int = 5) -> None: ...
async def keyword(request: int, *, more: int = 5) -> None: ...
def plain(request: int) -> None: ...


async def optional(request: int = 5) -> None: ...
async def optional_with_context(request: int = 5, job: JobContext = None) -> None: ...  # type: ignore[assignment]


async def perhaps_with_context(request: int = 5, job: JobContext | None = None) -> None: ...
async def perhaps_context(job: JobContext | None = None) -> None: ...


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **more: Any) -> Any:
        return function(*args, **more)

    return wrapper


def careless(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **more: Any) -> Any:
        return function(*args, **more)

    return wrapper


class Greeter:
    async def method(self, request: int) -> None: ...

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
        (Greeter().method, (True, False), int, True),
        (partial(both, 1), (False, True), Any, True),
        (optional, (True, False), int, True),
        (optional_with_context, (True, True), int, True),
        (logged(both), (True, True), int, True),
        (perhaps_with_context, (True, True), int, True),
        (perhaps_context, (False, True), Any, True),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_a_signature_says_it(handler: Any, takes: tuple[bool, bool], kind: Any, is_async: bool) -> None:
    registry = Registry(base_row(retry_limit=0, timeout_seconds=0))
    command = registry.add(handler, name="c", process=False, should_retry=None, defaults={})
    assert (command.takes_request, command.takes_context) == takes
    assert command.request_type is kind
    assert command.is_async is is_async


class Counter:
    async def method(self, request: int = 5) -> None: ...

    @logged
    async def __call__(self, request: int = 5, job: JobContext | None = None) -> None: ...


@pytest.mark.parametrize(
    "handler",
    [
        optional,
        perhaps_with_context,
        logged(optional),
        partial(optional),
        partial(logged(optional)),
        Counter(),
        Counter().method,
    ],
    ids=["plain", "with context", "wraps", "partial", "partial of wraps", "call", "method"],
)
def test_a_request_with_a_default_may_be_left_out(handler: Any) -> None:
    registry = Registry(base_row(retry_limit=0, timeout_seconds=0))
    command = registry.add(handler, name="c", process=False, should_retry=None, defaults={})
    assert command.request_optional
    assert command.request_default == 5
    assert command.encode_request(None, 100) is None


async def two_texts(to: str, subject: str) -> None: ...
async def swapped(job: JobContext, request: int) -> None: ...
async def twice(job: JobContext, again: JobContext) -> None: ...
async def three(a: int, b: int, c: int) -> None: ...
async def context_last(a: int, b: int, job: JobContext) -> None: ...
async def needs_keyword(request: int, *, tenant: str) -> None: ...


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (two_texts, "its second argument 'subject' would be the job context, but is declared as str; put what"),
        (swapped, "takes the job context first; the request comes first"),
        (twice, "takes the job context twice"),
        (three, "takes 3 arguments; a handler takes"),
        (context_last, "takes 3 arguments; a handler takes"),
        (needs_keyword, "the keyword-only parameter 'tenant' has no default and nobody passes it"),
        (Greeter, r"the class Greeter has no method run\(self, request\); or register an object of it"),
        (Greeter.method, "is a method without its object"),
        (careless(both), r"takes \*args, so nobody can tell what it wants"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_could_not_be_called_is_refused_with_what_would_be_right(handler: Any, message: str) -> None:
    registry = Registry(base_row(retry_limit=0, timeout_seconds=0))
    with pytest.raises(InvalidOption, match=message):
        registry.add(handler, name="c", process=False, should_retry=None, defaults={})


async def ask(job: JobContext, error: BaseException) -> bool:
    return False


class Asker:
    async def __call__(self, job: JobContext, error: BaseException) -> bool:
        return False


@pytest.mark.parametrize(
    "hook",
    [ask, logged(ask), partial(ask), Asker(), Asker().__call__],
    ids=["async", "wraps", "partial", "call", "method"],
)
def test_an_async_should_retry_is_refused(hook: Any) -> None:
    registry = Registry(base_row(retry_limit=0, timeout_seconds=0))
    with pytest.raises(InvalidOption, match="should_retry must be a plain function"):
        registry.add(plain, name="c", process=False, should_retry=hook, defaults={})


def test_a_lambda_needs_a_name() -> None:
    jobs = Jobs("sqlite:///unused.db")
    with pytest.raises(InvalidOption, match="a lambda has no name that stored jobs could call it by: give one, as in"):
        jobs.command(lambda: None)
    jobs.command(name="work")(lambda: None)
    assert "work" in jobs.stored_commands
