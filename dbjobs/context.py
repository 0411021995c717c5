"""What a handler sees of its job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol, TypeVar, Unpack, overload

import msgspec

from dbjobs.commands.codec import Storable
from dbjobs.errors import Cancel, InvalidOption, NotStored
from dbjobs.models import EnqueueOptions, Job, JobRef
from dbjobs.store.records import Claimed
from dbjobs.store.repository.rows import moment_of
from dbjobs.text import MAX_LOG_CHARACTERS, MAX_STATUS_CHARACTERS, printable
from dbjobs.transaction import Transaction

# The context of the job whose handler is running here; an enqueue inside a handler finds its parent by it.
current_job: ContextVar[JobContext | None] = ContextVar("dbjobs_current_job", default=None)


# Handlers as type checkers see them: async ones and plain ones, with a request (of type Q) or without one (``Bare``),
# and what they respond (R, of a plain one P). P is bound, because an async handler is also a callable that returns a
# coroutine: where a signature contains Any, mypy would find that both kinds fit, and take the response for Any.
Q = TypeVar("Q")
R = TypeVar("R")
P = TypeVar("P", bound=Storable)
AsyncBare = (
    Callable[[], Awaitable[R]]
    | Callable[["JobContext"], Awaitable[R]]
    | Callable[[None], Awaitable[R]]
    | Callable[[None, "JobContext"], Awaitable[R]]
)
AsyncHandler = Callable[[Q], Awaitable[R]] | Callable[[Q, "JobContext"], Awaitable[R]]
PlainBare = Callable[[], P] | Callable[["JobContext"], P] | Callable[[None], P] | Callable[[None, "JobContext"], P]
PlainHandler = Callable[[Q], P] | Callable[[Q, "JobContext"], P]

# Class commands: a class whose objects have a method ``run`` of one of these shapes.
_Request = TypeVar("_Request", contravariant=True)
_Response = TypeVar("_Response", covariant=True)


class _Runs(Protocol[_Response]):
    def run(self, /) -> _Response: ...


class _RunsInJob(Protocol[_Response]):
    def run(self, job: JobContext, /) -> _Response: ...


class _Takes(Protocol[_Request, _Response]):
    def run(self, request: _Request, /) -> _Response: ...


class _TakesInJob(Protocol[_Request, _Response]):
    def run(self, request: _Request, job: JobContext, /) -> _Response: ...


AsyncBareClass = type[_Runs[Awaitable[R]]] | type[_RunsInJob[Awaitable[R]]]
AsyncClass = type[_Takes[Q, Awaitable[R]]] | type[_TakesInJob[Q, Awaitable[R]]]
PlainBareClass = type[_Runs[P]] | type[_RunsInJob[P]]
PlainClass = type[_Takes[Q, P]] | type[_TakesInJob[Q, P]]


class Named(Protocol):
    """A ``Command``: known by name, like a str, whatever its handler takes."""

    @property
    def name(self) -> str: ...

    @property
    def takes_request(self) -> bool: ...


class Reports(Protocol):
    """Where progress and log lines go."""

    def log(self, context: JobContext, level: str, message: str) -> None: ...

    def progress(self, context: JobContext) -> None: ...


class Services(Protocol):
    """What a context needs from the engine around it."""

    enqueue: Callable[..., Awaitable[JobRef]]
    get_many: Callable[..., Awaitable[dict[int, Job]]]

    @property
    def reports(self) -> Reports: ...

    def transaction(self, context: JobContext, /) -> AbstractAsyncContextManager[Transaction]: ...


class JobContext:
    """The job that a handler is running, and what it can tell the world about it.

    Attributes:
        node_id: the node that runs it.
        progress_value: last progress reported, in [0, 1], or None.
        status: last status text reported, or None.
        cancelled: True once somebody asked for cancellation, the timeout passed, or the node is
            stopping. An async handler is interrupted anyway; a sync one in a thread should look at
            it (or call ``check``) now and then.
    """

    __slots__ = (
        # The two that have no value yet cost a job nothing: what an error entry says beside the error (see asgi), and
        # the user, once resolved (see users).
        "_details",
        "_executed_body",
        "_job",
        "_response",
        "_services",
        "_settled",
        "_user",
        "cancelled",
        "node_id",
        "progress_value",
        "status",
    )

    _details: Mapping[str, Any]
    _user: Any

    def __init__(self, job: Claimed, services: Services, node_id: int) -> None:
        self._job = job
        self._services = services
        self._response: Any = None
        self.node_id = node_id
        self.progress_value: float | None = None
        self.status: str | None = None
        self.cancelled = False
        self._settled = False
        # Set by a transaction that has stored the response (as JSON, in a tuple of one) before the callback.
        self._executed_body: tuple[str | None] | None = None

    # --- facts ----------------------------------------------------------------------------------

    @property
    def id(self) -> int:
        """The job's number; below zero for a transient run (``-run.id``)."""
        return self._job.id

    @property
    def is_transient(self) -> bool:
        """True if this is a transient run (``Jobs.run``), which is not stored."""
        return self._job.id < 0

    @property
    def ref(self) -> JobRef:
        """A reference to this job, as ``enqueue`` returned it.

        Raises:
            NotStored: this is a transient run.
        """
        if self.is_transient:
            raise NotStored("job.ref: a transient run is not stored, so nothing can refer to it; enqueue it instead")
        return JobRef(self._job.id, self._job.ref_id)

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1; one that was handed back counts too, and it goes on after a requeue."""
        return self._job.attempt

    @property
    def last_try(self) -> bool:
        """True if a failure of this attempt will be final."""
        return self._job.tries > self._job.retry_limit

    @property
    def command(self) -> str:
        """Name of the command."""
        return self._job.command

    @property
    def queue(self) -> str:
        """The job's queue."""
        return self._job.queue

    @property
    def worker(self) -> str | None:
        """The named worker (serial lane) that runs it."""
        return self._job.worker

    @property
    def ref_id(self) -> str | None:
        """The caller's own key."""
        return self._job.ref_id

    @property
    def tag(self) -> str | None:
        """The job's tag."""
        return self._job.tag

    @property
    def batch_id(self) -> str | None:
        """The job's batch."""
        return self._job.batch_id

    @property
    def user_id(self) -> str | None:
        """Whom the job runs for."""
        return self._job.user_id

    @property
    def user(self) -> Any:
        """What the application's ``user_resolver`` has made of ``user_id``; None without one."""
        return getattr(self, "_user", None)

    @property
    def created_by(self) -> str | None:
        """Who enqueued it."""
        return self._job.created_by

    @property
    def reply_to(self) -> str | None:
        """The job's reply_to, as it was given."""
        return self._job.reply_to

    @property
    def parent_id(self) -> int | None:
        """The job that enqueued this one."""
        return self._job.parent_id

    @property
    def home(self) -> object:
        """The Jobs object that runs it: a process may have several, whose jobs know nothing of each other."""
        return getattr(self._services.enqueue, "__self__", None)

    @property
    def parent_of_children(self) -> int | None:
        """The parent of what this handler enqueues: its own job; in a transient run, the job that called it, if any."""
        return self._job.parent_id if self.is_transient else self._job.id

    @property
    def _callback_pending(self) -> bool:
        """True while the body runs of a job that has a callback."""
        return self._job.callback is not None and self._job.executed_at is None and self._executed_body is None

    @property
    def created_at(self) -> datetime:
        """When it was enqueued, UTC by the database's clock."""
        return moment_of(self._job.created_at)

    @property
    def args(self) -> dict[str, str]:
        """The job's args."""
        return msgspec.json.decode(self._job.args) if self._job.args else {}

    @property
    def meta(self) -> dict[str, Any]:
        """The job's meta."""
        return msgspec.json.decode(self._job.meta) if self._job.meta else {}

    @property
    def depends_on(self) -> tuple[int, ...]:
        """Ids of the jobs it waited for, in the order given at enqueue."""
        return tuple(msgspec.json.decode(self._job.depends_on)) if self._job.depends_on else ()

    # --- reports --------------------------------------------------------------------------------

    def log(self, message: str, *, level: str = "info") -> None:
        """Add a line to the job's log. Never waits; lines are written together with the next flush.

        Args:
            message: text; cut after 10,000 characters.
            level: any short word; ``info`` by default.
        """
        self._services.reports.log(self, level[:20], printable(str(message), MAX_LOG_CHARACTERS))

    def progress(self, fraction: float, status: str | None = None) -> None:
        """Report how far the job is. Never waits; only the latest report is kept.

        Args:
            fraction: in [0, 1].
            status: a short text for people.

        Raises:
            InvalidOption: the fraction is not a number in [0, 1].
        """
        if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
            raise InvalidOption(f"progress must be a number between 0 and 1, not {fraction!r}")
        self.progress_value = float(fraction)
        if status is not None:
            self.status = printable(str(status), MAX_STATUS_CHARACTERS)
        self._services.reports.progress(self)

    def check(self) -> None:
        """Raise Cancel if the job should stop: for sync handlers, which cannot be interrupted.

        A job that stops because its node does is handed back, not cancelled.
        """
        if self.cancelled:
            raise StoppedAtCheck("stopped at a check")

    # --- other jobs -----------------------------------------------------------------------------

    @overload
    async def enqueue(self, command: str | Named, request: Any = None, /, **how: Unpack[EnqueueOptions]) -> JobRef: ...
    @overload
    async def enqueue(
        self, command: AsyncBareClass[R], request: None = None, /, **how: Unpack[EnqueueOptions]
    ) -> JobRef[R]: ...
    @overload
    async def enqueue(self, command: AsyncClass[Q, R], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[R]: ...
    @overload
    async def enqueue(
        self, command: PlainBareClass[P], request: None = None, /, **how: Unpack[EnqueueOptions]
    ) -> JobRef[P]: ...
    @overload
    async def enqueue(self, command: PlainClass[Q, P], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[P]: ...
    @overload
    async def enqueue(
        self, command: AsyncBare[R], request: None = None, /, **how: Unpack[EnqueueOptions]
    ) -> JobRef[R]: ...
    @overload
    async def enqueue(self, command: AsyncHandler[Q, R], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[R]: ...
    @overload
    async def enqueue(
        self, command: PlainBare[P], request: None = None, /, **how: Unpack[EnqueueOptions]
    ) -> JobRef[P]: ...
    @overload
    async def enqueue(self, command: PlainHandler[Q, P], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[P]: ...
    async def enqueue(self, command: Any, request: Any = None, /, **how: Any) -> JobRef[Any]:
        """Enqueue another job with this one as its parent (see ``Jobs.enqueue``)."""
        token = current_job.set(self)  # it gets this parent and this user, wherever this is called
        try:
            return await self._services.enqueue(command, request, **how)
        finally:
            current_job.reset(token)

    async def parents(self) -> list[Job]:
        """The jobs that this one depended on, as they ended, in the order given at enqueue."""
        ids = self.depends_on
        jobs = await self._services.get_many(ids)
        return [jobs[id] for id in ids if id in jobs]

    # --- completion in the handler's own transaction --------------------------------------------

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction in which the handler's own writes and the job's completion commit together.

        Yields a Transaction: ``await tx.execute(...)`` and ``await tx.fetch(...)`` on every database, and also
        ``tx.connection``, the driver's own. ``enqueue`` takes it as ``connection=``, too. At the end of the block the
        job is completed (or, if it has a callback, executed) with the response given to ``respond``; what the handler
        returns or raises later is ignored. Lines logged in the block come with its commit.

        Raises:
            InvalidOption: at the end of the block, if a statement was not awaited; everything is rolled back.
            AttemptLost: at the end of the block, if the attempt is no longer ours; everything is rolled back.
            NotStored: this is a transient run.
        """
        return self._services.transaction(self)

    def respond(self, response: Any) -> None:
        """Set the response that ``transaction`` completes the job with."""
        self._response = response

    @property
    def response(self) -> Any:
        """The response set with ``respond``."""
        return self._response


class StoppedAtCheck(Cancel):
    """What ``check`` raises: why the job should stop decides how it goes on, not this error."""
