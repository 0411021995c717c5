"""Errors as answers: JSON under ``api/``, a page elsewhere."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dbjobs.admin.access import AuthorizeFailed
from dbjobs.admin.call import Call, NotFound, Refused
from dbjobs.admin.inputs import TooLarge
from dbjobs.admin.live import NoRoom
from dbjobs.admin.paths import path_of
from dbjobs.admin.shell import Shell
from dbjobs.admin.throttle import TooMany
from dbjobs.errors import DatabaseError, DbjobsError, NotRunning, UnknownJob, UnknownTask


class Unknown(DbjobsError):
    """Nobody was let in."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The API's answer when it does not do what it was asked to do.

    Attributes:
        error: a code.
        message: what is wrong, and what to do about it.
    """

    error: str
    message: str


class TookTooLong(DbjobsError):
    """The database did not answer in the time a page has."""


CLOSED = (
    "This page is closed until somebody opens it: it lets in only a browser on the same machine. "
    "Give jobs.admin(authorize=...) or jobs.admin(tokens=...) to open it."
)
_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (Unknown, 401, "unknown_visitor", "Closed"),
    (Refused, 403, "refused", "Not allowed"),
    (NotFound, 404, "not_found", "Not found"),
    (TooLarge, 413, "too_large", "Too large"),
    (TooMany, 429, "too_many", "Wait a minute"),
    (AuthorizeFailed, 503, "authorize_failed", "Closed"),
    (TookTooLong, 503, "took_too_long", "That takes too long"),
    (UnknownJob, 404, "unknown_job", "No such job"),
    (UnknownTask, 404, "unknown_task", "No such task"),
    (NoRoom, 503, "no_room", "Too many pages listen"),
    (NotRunning, 503, "not_running", "Not open"),
    (DatabaseError, 503, "database", "The database does not answer"),
    (DbjobsError, 422, "invalid", "That does not work"),
    (msgspec.MsgspecError, 422, "invalid", "That does not work"),
)


async def answer(
    shell: Shell, call: Call | None, request: Request, error: Exception, status: int | None = None
) -> Response:
    """The answer to a call that failed."""
    found, code, title = next(row[1:] for row in _KINDS if isinstance(error, row[0]))
    message = str(error)
    status = found if status is None else status
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"retry-after": "60"} if status == 429 else None
    if path_of(request).startswith("/api"):
        body = msgspec.json.encode(Problem(error=code, message=message))
        return Response(body, status_code=status, media_type="application/json", headers=headers)
    return await shell.failure(call, request, status, title, message, headers)
