"""Store jobs: ``enqueue``, ``enqueue_many``, graphs, batches, replays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Unpack, overload

from msgspec.structs import replace

from dbjobs.batches import Batch
from dbjobs.calls.intervening import InterveneCalls
from dbjobs.calls.reference import Reference, id_of
from dbjobs.client.client import Client
from dbjobs.commands import options as job_options
from dbjobs.commands.registry import Command, Registry
from dbjobs.context import (
    AsyncBare,
    AsyncBareClass,
    AsyncClass,
    AsyncHandler,
    JobContext,
    Named,
    P,
    PlainBare,
    PlainBareClass,
    PlainClass,
    PlainHandler,
    Q,
    R,
    current_job,
)
from dbjobs.errors import InvalidOption, UnknownJob
from dbjobs.graphs import Graph
from dbjobs.inspect import acting
from dbjobs.models import (
    EnqueueManyOptions,
    EnqueueOptions,
    JobOptions,
    JobRef,
    ManyOptions,
)
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.enqueueing import Parent

list_ = list  # `list` below hides the builtin in the annotations that follow it


class EnqueueCalls(InterveneCalls):
    """Calls that store jobs."""

    url: str
    schema: str
    _registry: Registry
    _client: Client
    _max_payload_bytes: int
    _joint: Command

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

    async def enqueue(
        self,
        command: Any,
        request: Any = None,
        /,
        *,
        connection: Any = None,
        on_conflict: Literal["return", "raise"] = "return",
        **options: Unpack[JobOptions],
    ) -> JobRef[Any]:
        """Store a job; when this returns, the job will run.

        Args:
            command: a handler registered with ``@jobs.command``, or its name.
            request: what the handler gets; must fit its declared type.
            connection: the caller's own connection; the job becomes part of its transaction, and exists if and only if
                that commits. The driver's own (asyncpg or psycopg's AsyncConnection; sqlite3 or aiosqlite; aiomysql;
                aioodbc), or a SQLAlchemy AsyncSession or AsyncConnection on one of these. Nothing is changed on it. It
                must have an open transaction, or begin one by itself at its first statement.
            on_conflict: for an existing ref_id: ``"return"`` the existing job (``created`` is False) or ``"raise"``.
            options: see JobOptions.

        Returns:
            A reference to the job, which knows the type of its response from the handler (``JobRef[str]``).

        Raises:
            UnknownCommand, InvalidRequest, PayloadTooLarge, InvalidOption: nothing is stored.
            UnknownJob: ``depends_on`` names a job that does not exist; nothing is stored.
            RefIdExists: with ``on_conflict="raise"``.
            RefIdBusy: another transaction has enqueued this ref_id and stayed open for 10 s.
            DatabaseUnavailable: the job may or may not be stored; with a ref_id the call can be repeated.
        """
        if on_conflict not in ("return", "raise"):
            raise InvalidOption(f"on_conflict={on_conflict!r} must be 'return' or 'raise'")
        job, parents = self._row(command, request, options)
        return await self._client.enqueue(job, parents, connection=connection, refuse_existing=on_conflict == "raise")

    @overload
    async def enqueue_many(
        self, command: str | Named, requests: Iterable[Any], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef]: ...

    @overload
    async def enqueue_many(
        self, command: AsyncBareClass[R], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...

    @overload
    async def enqueue_many(
        self, command: AsyncClass[Q, R], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...

    @overload
    async def enqueue_many(
        self, command: PlainBareClass[P], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...

    @overload
    async def enqueue_many(
        self, command: PlainClass[Q, P], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...

    @overload
    async def enqueue_many(
        self, command: AsyncBare[R], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...

    @overload
    async def enqueue_many(
        self, command: AsyncHandler[Q, R], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[R]]: ...

    @overload
    async def enqueue_many(
        self, command: PlainBare[P], requests: Iterable[None], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...

    @overload
    async def enqueue_many(
        self, command: PlainHandler[Q, P], requests: Iterable[Q], /, **how: Unpack[EnqueueManyOptions]
    ) -> list[JobRef[P]]: ...

    async def enqueue_many(
        self,
        command: Any,
        requests: Iterable[Any],
        /,
        *,
        connection: Any = None,
        **options: Unpack[ManyOptions],
    ) -> list[JobRef[Any]]:
        """Store many jobs of one command in one transaction, the fastest way the database has.

        Args:
            requests: one request a job.
            options: the same for all jobs (see ManyOptions).

        Returns:
            References in the order of the requests.

        Raises:
            As ``enqueue``; nothing at all is stored.
        """
        return await self._client.enqueue_many(self._rows(command, requests, options), connection=connection)

    def _rows(self, command: Any, requests: Iterable[Any], options: Mapping[str, Any]) -> list_[NewJob]:
        for name in ("ref_id", "depends_on"):
            if name in options:
                raise InvalidOption(f"enqueue_many: option {name!r} belongs to one job; use enqueue")
        job_options.check_several(requests)
        known = self._registry.find(command)
        template, _ = self._row(known, None, options, checked=False)
        return [self._with_request(known, template, request) for request in requests]

    def _is_home_of(self, context: JobContext) -> bool:
        """False for a job of another database, or of another schema: what it enqueues here is not its child."""
        home = context.home
        return not isinstance(home, EnqueueCalls) or home is self or (home.url, home.schema) == (self.url, self.schema)

    def _row(
        self, wanted: Any, request: Any, options: Mapping[str, Any], *, checked: bool = True, where: str | None = None
    ) -> tuple[NewJob, tuple[Parent, ...]]:
        command = self._registry.find(wanted)
        job = command.template
        parents: tuple[Parent, ...] = ()
        parent = current_job.get()
        if parent is not None and self._is_home_of(parent):
            options = _inherited(parent, job, options)
        if options:
            where = where or f"enqueue of {command.name!r}"
            job, parents = job_options.apply(job, self._registry.named(options), where=where)
        return (self._with_request(command, job, request) if checked else job), parents

    def _with_request(self, command: Command, job: NewJob, request: Any) -> NewJob:
        body = command.encode_request(request, self._max_payload_bytes)
        if body is None:
            return job
        return replace(job, request=type(request).__name__, request_body=body)

    def graph(self, *, connection: Any = None) -> Graph:
        """Jobs that depend on each other, stored in one transaction when its block ends (see Graph).

        ::

            async with jobs.graph() as graph:
                first = graph.add(fetch, "a")
                graph.add(merge, after=[first, graph.add(fetch, "b")])

        Args:
            connection: the caller's own; the jobs become part of its transaction.
        """
        return Graph(self._client, self._row, connection)

    def batch(self, batch_id: str, *, callback: Any = None, on_failed: Any = None, connection: Any = None) -> Batch:
        """A batch: ``await jobs.batch(id)`` gives its counts (None if it has no jobs), its block stores members.

        ::

            async with jobs.batch("import-7", callback=report) as batch:
                batch.add_many(load, files)

        Args:
            batch_id: free text that its jobs share.
            callback: a command that runs once, on one node, when all members that the block stores have ended, however
                they did. Its request is the batch_id, if it takes one.
            connection: the caller's own; the jobs become part of its transaction.
        """
        return Batch(
            self._client,
            self._registry,
            self._row,
            batch_id,
            connection,
            callback=callback,
            on_failed=on_failed,
            joint=self._joint,
            cancel=self.cancel_many,
            requeue=self.requeue_many,
        )

    async def replay(self, job: Reference, request: Any = None, /, **options: Unpack[JobOptions]) -> JobRef:
        """Run a job that has ended once more, as a new job; the old one stays as it is.

        Args:
            job: completed, failed or cancelled.
            request: a changed request; the same if it is left out.
            options: what is to differ from the original. Its ref_id, batch and parents are not taken over; its command
                decides how it is retried and when it expires.

        Returns:
            The new job, whose ``parent_id`` and ``meta["replay_of"]`` name the old one.

        Raises:
            UnknownJob. InvalidOption: it has not ended. And what ``enqueue`` raises.
        """
        id = id_of(job)
        original = await self._get_many((id,))  # with its request in today's form
        if id not in original:
            raise UnknownJob(f"there is no job {id}")
        reply_to = await self._client.get_reply_to(id)
        asked, kept = acting.replay_of(original[id], reply_to, request, options)
        return await self.enqueue(self._today(original[id].command), asked, **kept)

    def _today(self, stored_name: str) -> Command:
        """The current version of the command that a job was stored for.

        Raises:
            UnknownCommand.
        """
        command = self._registry.find(stored_name)
        return self._registry.find(command.own_name) if self._registry.knows(command.own_name) else command


def _inherited(parent: JobContext, job: NewJob, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of a job that the handler of another one enqueues: its parent, and its user unless one is given."""
    inherited: dict[str, Any] = {"parent_id": parent.parent_of_children}
    if parent.user_id is not None and job.user_id is None:
        inherited["user_id"] = parent.user_id
    return {**inherited, **options}
