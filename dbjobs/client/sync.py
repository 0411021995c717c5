"""Jobs for code without an event loop: Django, Flask, scripts, and plain handlers in their threads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal, Unpack, overload

from dbjobs.asgi.response import ApiResponse
from dbjobs.client.portal_jobs import AsyncJobs, PortalJobs, Reference
from dbjobs.context import (
    AsyncBare,
    AsyncBareClass,
    AsyncClass,
    AsyncHandler,
    Named,
    P,
    PlainBare,
    PlainBareClass,
    PlainClass,
    PlainHandler,
    Q,
    R,
)
from dbjobs.errors import InvalidOption
from dbjobs.models import ApiOptions, EnqueueManyOptions, EnqueueOptions, Job, JobOptions, JobRef, ManyOptions
from dbjobs.store.adopting import adopt_blocking
from dbjobs.store.synchronous import BlockingDatabase, run
from dbjobs.store.transactions.appending import append_many, append_one


class SyncJobs:
    """The calls of Jobs, blocking (``jobs.sync``). Safe in threads.

    The first call opens the database, with connections and an event loop of its own in one thread of ours, and brings
    the tables up to date; ``open`` does that beforehand. They are closed by ``close``, or at the end of the process. A
    forked process opens its own. With ``connection=`` the job goes through the caller's connection, in the
    caller's transaction and thread.

    Every call raises WrongLoop in a thread where an event loop runs: it would block the loop.
    """

    def __init__(self, jobs: AsyncJobs) -> None:
        self._portal_jobs = PortalJobs(jobs)
        self._opened = self._portal_jobs.opened

    # --- enqueue --------------------------------------------------------------------------------

    @overload
    def enqueue(self, command: str | Named, request: Any = None, /, **how: Unpack[EnqueueOptions]) -> JobRef: ...
    @overload
    def enqueue(
        self, command: AsyncBareClass[R], request: None = None, /, **how: Unpack[EnqueueOptions]
    ) -> JobRef[R]: ...
    @overload
    def enqueue(self, command: AsyncClass[Q, R], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[R]: ...
    @overload
    def enqueue(
        self, command: PlainBareClass[P], request: None = None, /, **how: Unpack[EnqueueOptions]
    ) -> JobRef[P]: ...
    @overload
    def enqueue(self, command: PlainClass[Q, P], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[P]: ...
    @overload
    def enqueue(self, command: AsyncBare[R], request: None = None, /, **how: Unpack[EnqueueOptions]) -> JobRef[R]: ...
    @overload
    def enqueue(self, command: AsyncHandler[Q, R], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[R]: ...
    @overload
    def enqueue(self, command: PlainBare[P], request: None = None, /, **how: Unpack[EnqueueOptions]) -> JobRef[P]: ...
    @overload
    def enqueue(self, command: PlainHandler[Q, P], request: Q, /, **how: Unpack[EnqueueOptions]) -> JobRef[P]: ...
    def enqueue(
        self,
        command: Any,
        request: Any = None,
        /,
        *,
        connection: Any = None,
        on_conflict: Literal["return", "raise"] = "return",
        **options: Unpack[JobOptions],
    ) -> JobRef[Any]:
        """Store a job (see ``Jobs.enqueue``).

        Args:
            connection: the caller's own connection; the job becomes part of its transaction. psycopg's Connection or
                psycopg2's; sqlite3's; PyMySQL's or mysqlclient's; pyodbc's; a SQLAlchemy Session or Connection on one
                of these; Django's ``django.db.connection``. It must have an open transaction, or begin one by itself
                at its first statement.
        """
        jobs, portal = self._opened("enqueue")
        if connection is None:
            return portal.wait(jobs.enqueue(command, request, on_conflict=on_conflict, **options))
        if on_conflict not in ("return", "raise"):
            raise InvalidOption(f"on_conflict={on_conflict!r} must be 'return' or 'raise'")
        job, parents = jobs._row(command, request, options)
        delivery = None if job.reply_to is None else jobs._client.delivery_of(job)

        async def append() -> JobRef:
            db = BlockingDatabase(jobs._client.opening.unchecked, portal.wait)
            session = await adopt_blocking(db, connection)
            return await append_one(
                db,
                session,
                job,
                parents,
                self._portal_jobs.known_queues,
                refuse_existing=on_conflict == "raise",
                delivery=delivery,
            )

        return run(append())

    @overload
    def enqueue_many(
        self, command: str | Named, requests: Iterable[Any], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef]: ...
    @overload
    def enqueue_many(
        self, command: AsyncBareClass[R], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...
    @overload
    def enqueue_many(
        self, command: AsyncClass[Q, R], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...
    @overload
    def enqueue_many(
        self, command: PlainBareClass[P], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...
    @overload
    def enqueue_many(
        self, command: PlainClass[Q, P], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...
    @overload
    def enqueue_many(
        self, command: AsyncBare[R], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...
    @overload
    def enqueue_many(
        self, command: AsyncHandler[Q, R], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...
    @overload
    def enqueue_many(
        self, command: PlainBare[P], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...
    @overload
    def enqueue_many(
        self, command: PlainHandler[Q, P], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...
    def enqueue_many(
        self,
        command: Any,
        requests: Iterable[Any],
        /,
        *,
        connection: Any = None,
        **options: Unpack[ManyOptions],
    ) -> list[JobRef[Any]]:
        """Store many jobs of one command in one transaction (see ``Jobs.enqueue_many``)."""
        jobs, portal = self._opened("enqueue_many")
        if connection is None:
            return portal.wait(jobs.enqueue_many(command, requests, **options))
        rows = jobs._rows(command, requests, options)
        delivery = jobs._client.delivery_of(rows[0]) if rows and rows[0].reply_to is not None else None

        async def append() -> list[JobRef]:
            db = BlockingDatabase(jobs._client.opening.unchecked, portal.wait)
            session = await adopt_blocking(db, connection)
            return await append_many(db, session, rows, self._portal_jobs.known_queues, delivery) if rows else []

        return run(append())

    @overload
    def enqueue_api(self, method: str, path: str, /, **how: Unpack[ApiOptions]) -> JobRef[ApiResponse]: ...
    @overload
    def enqueue_api(self, what: Any, /, **how: Any) -> JobRef[Any]: ...
    def enqueue_api(
        self,
        what: Any,
        path: str | None = None,
        /,
        *,
        connection: Any = None,
        on_conflict: Literal["return", "raise"] = "return",
        **how: Any,
    ) -> JobRef[Any]:
        """Store a job that calls an API (see ``Jobs.enqueue_api``)."""
        jobs, _ = self._opened("enqueue_api")
        command, request, options = jobs._api.job(what, path, how)
        return self.enqueue(command, request, connection=connection, on_conflict=on_conflict, **options)

    # --- look and intervene ---------------------------------------------------------------------

    @overload
    def get(self, job: JobRef[R]) -> Job[R] | None: ...
    @overload
    def get(self, job: int) -> Job | None: ...
    def get(self, job: Reference) -> Job[Any] | None:
        """A job as it is now (see ``Jobs.get``)."""
        jobs, portal = self._opened("get")
        return portal.wait(jobs.get(job))

    def get_by_ref_id(self, ref_id: str) -> Job | None:
        """The job with this ref_id; None if there is none."""
        jobs, portal = self._opened("get_by_ref_id")
        return portal.wait(jobs.get_by_ref_id(ref_id))

    @overload
    def wait(
        self, job: JobRef[R], *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job[R]: ...
    @overload
    def wait(self, job: int, *, timeout: float | timedelta | None = None, raise_on_failure: bool = False) -> Job: ...
    def wait(
        self, job: Reference, *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job[Any]:
        """Wait until a job has ended (see ``Jobs.wait``)."""
        jobs, portal = self._opened("wait")
        return portal.wait(jobs.wait(job, timeout=timeout, raise_on_failure=raise_on_failure))

    def cancel(self, job: Reference, *, reason: str = "cancelled") -> bool:
        """Cancel a job, with the jobs that depend on it (see ``Jobs.cancel``)."""
        jobs, portal = self._opened("cancel")
        return portal.wait(jobs.cancel(job, reason=reason))

    # --- life -----------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the database now, and bring the tables up to date, instead of at the first call.

        Raises:
            DatabaseUnavailable, MissingPermission, SchemaTooNew, SchemaTooOld. WrongLoop.
        """
        self._opened("open")

    def close(self) -> None:
        """Close what the first call has opened; the next one opens it again."""
        self._portal_jobs.close()
