"""A job as it is stored: what names it, all of it, the short form for lists, its errors and its log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, cast

import msgspec

from dbjobs.errors import InvalidRequest, InvalidResponse
from dbjobs.models.states import JobState

if TYPE_CHECKING:
    # Type checkers know this module without its being installed; a plain ``JobRef`` is then a ``JobRef[Any]``.
    from typing_extensions import TypeVar

    ResponseT = TypeVar("ResponseT", covariant=True, default=Any)
    T = TypeVar("T")
else:
    from typing import TypeVar

    ResponseT = TypeVar("ResponseT", covariant=True)
    T = TypeVar("T")


class JobRef(msgspec.Struct, Generic[ResponseT], frozen=True):
    """What an enqueue returns; ``JobRef[str]`` if the command's handler returns a str.

    Attributes:
        id: the job's number, given by the database.
        ref_id: the caller's key, if one was given.
        created: False if a job with this ref_id existed already; ``id`` is then that job's.
    """

    id: int
    ref_id: str | None = None
    created: bool = True


class JobError(msgspec.Struct, frozen=True, kw_only=True):
    """One failed attempt, as kept in ``Job.errors``.

    Attributes:
        at: when it failed, in UTC by the node's clock; None in a row of an earlier release that did not note it.
        attempt: its number.
        node_id: the node that ran it.
        code: the class of the error, or a word of ours: ``timeout``, ``cancelled``, ``node_lost``, ``retry_after``.
        message: the error's text.
        traceback: where it was raised, if it was raised in Python.
        status: the HTTP status that an API job was answered with.
        body: the beginning of that answer's body, as text.
        fields: what the answer (a 422, for example) says about single fields of the request, by field.
    """

    at: datetime | None
    attempt: int
    node_id: int | None
    code: str
    message: str
    traceback: str | None = None
    status: int | None = None
    body: str | None = None
    fields: dict[str, str] = msgspec.field(default_factory=dict)


class Job(msgspec.Struct, Generic[ResponseT], frozen=True, kw_only=True):
    """A job as the database holds it; see JobOptions for the caller's options.

    Times are UTC by the database's clock. ``request`` is decoded JSON. ``response`` is None unless the handler has
    succeeded (a job whose callback has given up keeps it); where its command is registered in this process, it is of
    the type that the handler declares to return, else decoded JSON. ``reply_to`` has its secrets masked.
    """

    id: int
    ref_id: str | None
    parent_id: int | None
    worker: str | None
    queue: str
    priority: int
    tag: str | None
    batch_id: str | None
    callback: str | None
    depends_on: tuple[int, ...]
    run_after: datetime | None
    expires_at: datetime | None
    created_at: datetime
    created_by: str | None
    user_id: str | None
    request_type: str
    command: str
    request_name: str | None
    request: Any
    response: ResponseT
    state: JobState
    started_at: datetime | None
    completed_at: datetime | None
    retry_limit: int
    attempt: int
    duration_ms: float | None
    timeout_seconds: float
    progress: float | None
    status: str | None
    reply_to: str | None
    error_code: str | None
    error: str | None
    errors: tuple[JobError, ...]
    args: dict[str, str]
    meta: dict[str, Any]
    cancel_requested_at: datetime | None
    node_id: int | None

    @property
    def finished(self) -> bool:
        """True once the job is completed, failed or cancelled."""
        return self.state.finished

    @property
    def notified_at(self) -> datetime | None:
        """When its callback succeeded and so completed the job; None without a callback, or before that."""
        return self.completed_at if self.callback is not None and self.state is JobState.COMPLETED else None

    def request_as(self, kind: type[T]) -> T:
        """The request as a type: a dataclass, a Struct, a pydantic model, or a plain one such as ``list[int]``.

        Raises:
            InvalidRequest: it does not fit.
        """
        try:
            return _as(self.request, kind)
        except Exception as error:  # msgspec's and pydantic's have different roots
            raise InvalidRequest(f"job {self.id} ({self.command}): its request does not fit {kind}: {error}") from error

    def response_as(self, kind: type[T]) -> T:
        """The response as a type (see ``request_as``); where there is none, None fits only an optional type.

        Raises:
            InvalidResponse: it does not fit.
        """
        try:
            return _as(self.response, kind)
        except Exception as error:
            raise InvalidResponse(
                f"job {self.id} ({self.command}, {self.state}): its response does not fit {kind}: {error}"
            ) from error


def _as(value: Any, kind: type[T]) -> T:
    """A value from JSON, or one that has its declared type already, as a type."""
    if type(value) is kind:
        return value
    plain = msgspec.to_builtins(value, enc_hook=_plain_model, str_keys=True)
    if hasattr(kind, "model_validate"):
        return cast(T, _model(kind, plain))
    return msgspec.convert(plain, kind, dec_hook=_model, str_keys=True)


def _plain_model(value: Any) -> Any:
    if hasattr(type(value), "model_dump"):  # pydantic
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a value of type {type(value).__name__} cannot be converted")


def _model(kind: Any, value: Any) -> Any:
    if hasattr(kind, "model_validate"):
        # As JSON, so that a strict model takes a date's text, too.
        return kind.model_validate_json(msgspec.json.encode(value))
    raise NotImplementedError(f"{kind} cannot be read from JSON")


class JobSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a job list: the short columns of the ``job_summary`` view."""

    id: int
    ref_id: str | None
    queue: str
    worker: str | None
    command: str
    state: JobState
    priority: int
    tag: str | None
    batch_id: str | None
    user_id: str | None
    attempt: int
    created_at: datetime
    run_after: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    duration_ms: float | None
    progress: float | None
    status: str | None
    error_code: str | None
    error: str | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that a handler logged."""

    id: int
    job_id: int
    attempt: int
    at: datetime
    level: str
    message: str
