"""The input of a call: query string, form or JSON body, and how large each may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.types import Message

from dbjobs.admin.operations import Operation
from dbjobs.errors import DbjobsError

# A form (read by python-multipart) or a JSON body of the page.
MOST_BYTES = 2_000_000
# A value in a query string: a filter, a cursor, a name.
MOST_CHARACTERS = 4_000
MOST_PARAMETERS = 200


class TooLarge(DbjobsError):
    """The body is larger than any form or request of the page needs."""


def fields_of(operation: Operation) -> tuple[str, ...]:
    """Names of an operation's input."""
    return tuple(operation.takes.__struct_fields__)


def several(operation: Operation) -> frozenset[str]:
    """Fields that may be given more than once."""
    return frozenset(
        field.name
        for field in msgspec.structs.fields(operation.takes)
        if "tuple" in str(field.type) or "list" in str(field.type)
    )


def query_of(request: Request, operation: Operation) -> dict[str, Any]:
    """The input from path and query string.

    Raises:
        ValidationError: the query string is too long.
    """
    lists = several(operation)
    check_query(request)
    given: dict[str, Any] = dict(request.path_params)
    for name in request.query_params:
        given[name] = request.query_params.getlist(name) if name in lists else request.query_params[name]
    return given


def check_query(request: Request) -> None:
    """Refuse a query string that no link or form of ours could have.

    Raises:
        ValidationError.
    """
    pairs = request.query_params.multi_items()
    if len(pairs) > MOST_PARAMETERS or any(len(name) + len(value) > MOST_CHARACTERS for name, value in pairs):
        raise msgspec.ValidationError(
            f"the query string may have {MOST_PARAMETERS} parameters of {MOST_CHARACTERS} characters each"
        )
    check_texts(value for _, value in pairs)


def check_texts(values: Iterable[Any]) -> None:
    """Refuse a NUL: no name has one, and PostgreSQL rejects it.

    Raises:
        ValidationError.
    """
    if any(isinstance(value, str) and "\0" in value for value in values):
        raise msgspec.ValidationError("a text has a NUL character")


def form_of(form: FormData, operation: Operation) -> dict[str, Any]:
    """The input from a form; an empty field counts as not filled in.

    Raises:
        ValidationError: a text has a NUL.
    """
    check_texts(value for _, value in form.multi_items())
    lists = several(operation)
    return {
        name: [value for value in form.getlist(name) if value != ""] if name in lists else form[name]
        for name in form
        if name in fields_of(operation) and (name in lists or form[name] != "")
    }


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object in a body; an empty one if there is none.

    Raises:
        ValidationError: it is not a JSON object. TooLarge.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", ""):
        raise msgspec.ValidationError(f"the body must be application/json, not {kind}")
    try:
        body = msgspec.json.decode(await request.body() or b"{}")
    except RecursionError:
        raise msgspec.ValidationError("the body is nested too deeply") from None
    if not isinstance(body, dict):
        raise msgspec.ValidationError("the body must be a JSON object")
    check_texts(item for value in body.values() for item in (value if isinstance(value, list) else (value,)))
    return body


def inner(target: str, start: str) -> str:
    """Where a form goes back to, relative to itself: a page of ours, or our root if it names none or a foreign one."""
    path = target.partition("?")[0].partition("#")[0]
    # A browser treats an encoded dot as a dot, too.
    leads_out = "//" in path or ".." in unquote(path.removeprefix(start)).split("/")
    within = target.startswith(start) and "\\" not in target and not leads_out
    return target if within and target.isprintable() and target.isascii() else start


def bounded(request: Request) -> Request:
    """The request, with a limit on its body."""
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > MOST_BYTES:
            raise TooLarge(f"the body is larger than {MOST_BYTES} bytes")
        return message

    return Request(request.scope, receive)
