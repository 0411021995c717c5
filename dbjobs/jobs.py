"""Jobs: the one object an application holds."""

from __future__ import annotations

import importlib
import logging
import math
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, cast, overload

import anyio
from msgspec.structs import replace

from dbjobs.api_calls import ApiCalls
from dbjobs.asgi.api_jobs import ApiJobs
from dbjobs.asgi.handlers import REQUEST_TYPE
from dbjobs.batches import Batch
from dbjobs.bulk import BulkActions
from dbjobs.client.client import Client
from dbjobs.client.sync import SyncJobs
from dbjobs.commands import options as job_options
from dbjobs.commands.dependencies import Dependencies, Resolve
from dbjobs.commands.registry import Command, Registry, ShouldRetry, base_row
from dbjobs.commands.signature import Handler
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
from dbjobs.engine.children import refusal
from dbjobs.engine.settings import StartOptions, make_settings
from dbjobs.engine.signals import signalled
from dbjobs.engine.supervisor import Engine
from dbjobs.engine.transient.run import Calls
from dbjobs.errors import InvalidOption, JobFailed, MissingDriver, UnknownJob, WorkersStopped
from dbjobs.graphs import Graph
from dbjobs.inspect import acting, numbers, periods
from dbjobs.inspect import explain as explaining
from dbjobs.inspect import search as searching
from dbjobs.inspect.conditions import JobSearch
from dbjobs.inspect.estimates import Estimates
from dbjobs.inspect.numbers import By, Stat
from dbjobs.inspect.periods import Series
from dbjobs.inspect.reasons import Explanation
from dbjobs.inspect.search import Found
from dbjobs.inspect.workers import WorkerAdmin
from dbjobs.joints import joint_command
from dbjobs.models import (
    CommandOptions,
    EnqueueManyOptions,
    EnqueueOptions,
    Job,
    JobFilter,
    JobOptions,
    JobRef,
    JobState,
    JobSummary,
    LogLine,
    ManyOptions,
    MinuteStat,
    NodeInfo,
    QuickRetry,
    RecurringOptions,
)
from dbjobs.notifications import Notifications, NotifierCalls
from dbjobs.queues import QueueAdmin
from dbjobs.requests import RequestAdmin
from dbjobs.runs import DEFAULT_MAX_TRANSIENT, RunsAdmin, TransientCalls
from dbjobs.schedule import Schedule
from dbjobs.schedules import Schedules
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.records import NewJob
from dbjobs.store.repository.reading import JOB_FILTERS
from dbjobs.store.transactions.enqueueing import Parent
from dbjobs.users import UserResolver, Users

log = logging.getLogger("dbjobs")

H = TypeVar("H", bound=Handler)
U = TypeVar("U", bound=Callable[[Any], Any])
N = TypeVar("N", bound=Callable[..., Any])

Reference = JobRef[Any] | int
list_ = list  # `Jobs.list` hides the builtin in the annotations below it


class Jobs(ApiCalls, TransientCalls, NotifierCalls):
    """Background jobs in one database.

    Args:
        url: ``postgresql://user:password@host/database``, ``mysql://``, ``mariadb://`` or ``mssql://`` likewise, or
            ``sqlite:///jobs.db``.
        schema: schema (PostgreSQL, SQL Server) or name prefix (MySQL, SQLite) of the tables.
        retry_limit: default for all commands: how often a failed job is tried again.
        timeout: default for all commands: seconds (or timedelta) for one attempt; 0 for no limit.
        max_payload_bytes: largest request or response, as JSON.
        migrate: make or update the tables when the database is opened. With False an older schema is an error.
        pool_size: connections of this client, at least 2 (default 4; SQLite: threads that read, default 2). They are
            made when they are needed. A node (``start``) has beside them as many for its loops, which no caller can
            take, as many for the transactions of its handlers (``job.transaction()``), one for its heartbeat and,
            on PostgreSQL, one for notices: at most 3 * pool_size + 2, and 2 * pool_size + 2 where no handler
            opens a transaction. SQLite: the same threads serve the client and the node; the heartbeat has its own.
        user_resolver: ``(user_id) -> user``, async or plain, called before the handler of a job that has a
            ``user_id``, once an attempt; None means that there is no such user, and the job fails. What it gives is
            ``current_user()`` and ``job.user``. A plain one is called in the event loop, so it must not wait.
        user_resolver_in_thread: call a plain one in a thread, because it waits (for a database, say).
        max_transient: transient runs that wait or run at the same time (see ``run``).
        resolve: any container's look-up, plain or async: it is asked, when a node starts, for each type that a class
            command needs and ``provide`` has not been told of.

    Raises:
        InvalidUrl, InvalidOption, MissingDriver: at once, nothing is connected yet.
    """

    def __init__(
        self,
        url: str,
        *,
        schema: str = "dbjobs",
        retry_limit: int = 2,
        timeout: float | timedelta = 600,
        max_payload_bytes: int = 1_048_576,
        migrate: bool = True,
        pool_size: int | None = None,
        user_resolver: UserResolver | None = None,
        user_resolver_in_thread: bool = False,
        max_transient: int = DEFAULT_MAX_TRANSIENT,
        resolve: Resolve | None = None,
    ) -> None:
        if pool_size is not None and (not isinstance(pool_size, int) or pool_size < 2):
            raise InvalidOption(f"pool_size={pool_size!r} must be a whole number >= 2")
        if not isinstance(max_payload_bytes, int) or max_payload_bytes < 1:
            raise InvalidOption(f"max_payload_bytes={max_payload_bytes!r} must be a whole number >= 1")
        base = base_row(retry_limit=0, timeout_seconds=0.0)
        base, _ = job_options.apply(base, {"retry_limit": retry_limit, "timeout": timeout}, where="Jobs")
        self.url = url
        self.schema = schema
        self._registry = Registry(base, Dependencies(resolve))
        self._api = ApiJobs(self._registry, max_payload_bytes=max_payload_bytes)
        if user_resolver is not None:
            self._registry.users = Users(user_resolver, in_thread=user_resolver_in_thread)
        self._max_payload_bytes = max_payload_bytes
        self._client = Client(lambda: make_database(url, schema=schema, pool_size=pool_size), migrate=migrate)
        self._registry.internal = self._joint = joint_command(lambda: self._client)
        self.queues = QueueAdmin(self._client)
        self.schedules = Schedules(self._client, self._registry, self._api, max_payload_bytes)
        self.requests = RequestAdmin(self._client)
        self.workers = WorkerAdmin(self._client)
        self._estimates = Estimates(self._client)
        self._notifications = Notifications(self._registry, lambda: self._client)
        self._client.deliver = self._notifications.deliver
        self.bulk = BulkActions(self._client, self._registry, self.enqueue)
        self.sync = SyncJobs(self)
        self.runs = RunsAdmin(
            lambda: self._client,
            self._registry,
            Calls(self.enqueue, self._get_many),
            self._row,
            most=max_transient,
            max_payload_bytes=max_payload_bytes,
        )
        self._client.before_close = self.runs.transients.close

    # --- commands -------------------------------------------------------------------------------

    @overload
    def command(
        self,
        handler: H,
        /,
        *,
        name: str | None = None,
        process: bool = False,
        should_retry: ShouldRetry | None = None,
        quick_retry: QuickRetry | None = None,
        tags: Sequence[str] = (),
        version: int = 1,
        **defaults: Unpack[CommandOptions],
    ) -> H: ...

    @overload
    def command(
        self,
        handler: None = None,
        /,
        *,
        name: str | None = None,
        process: bool = False,
        should_retry: ShouldRetry | None = None,
        quick_retry: QuickRetry | None = None,
        tags: Sequence[str] = (),
        version: int = 1,
        **defaults: Unpack[CommandOptions],
    ) -> Callable[[H], H]: ...

    def command(
        self,
        handler: Any = None,
        /,
        *,
        name: str | None = None,
        process: bool = False,
        should_retry: ShouldRetry | None = None,
        quick_retry: QuickRetry | None = None,
        tags: Sequence[str] = (),
        version: int = 1,
        **defaults: Unpack[CommandOptions],
    ) -> Any:
        """Register a handler as a command; use as a decorator, with or without arguments.

        Args:
            handler: ``(request)``, ``(request, job)``, ``(job: JobContext)`` or no arguments; async or not. Or a class
                with such a method ``run``: each attempt makes an object of it, whose constructor gets what it asks
                for by type (see ``provide``).
            name: by default the function's or the class's name.
            process: run a plain function in a worker process, which a timeout really kills.
            should_retry: ``(job, error) -> bool``, asked after a failure beside the retry limit.
            quick_retry: try again at once, inside the same attempt (see QuickRetry).
            tags: labels to find the command by (see ``tagged``).
            version: of its requests; each ``upcast`` from a version makes it at least the next one.
            defaults: default options of its jobs (see CommandOptions).

        Returns:
            The handler itself, unchanged.

        Raises:
            InvalidOption: the name is taken, an option is unknown, the signature does not fit.
        """

        def register(function: H) -> H:
            self._registry.add(
                function,
                name=name,
                process=process,
                should_retry=should_retry,
                quick_retry=quick_retry,
                tags=tags,
                version=version,
                defaults=dict(defaults),
            )
            return function

        return register if handler is None else register(handler)

    def declare(self, name: str, *, version: int = 1, **defaults: Unpack[CommandOptions]) -> Command:
        """Make a command known that only other processes can run, so that it can be enqueued here by name.

        Args:
            version: of the requests that are enqueued here.
        """
        return self._registry.declare(name, dict(defaults), version)

    def recurring(self, schedule: Schedule, **how: Unpack[RecurringOptions]) -> Callable[[H], H]:
        """Run a command again and again; use as a decorator beside ``@jobs.command``, also several times.

        The task is stored when a node starts. A start that changes nothing writes nothing: not the task's last run, not
        its pause. It is fired by nodes that declare it, once for each of its times, on however many nodes.

        Args:
            schedule: ``Schedule.cron("0 9 * * 1-5", tz="Europe/Paris")``, ``Schedule.every(60)``, ``Schedule.daily``.
            how: see RecurringOptions, TaskOptions and CommandOptions.

        Returns:
            The handler itself, unchanged.

        Raises:
            InvalidOption: the name is taken, an option is unknown or of the wrong type. InvalidRequest.
        """
        return self.schedules.declare(schedule, **how)

    @property
    def commands(self) -> list_[str]:
        """Names of the commands that this process can run."""
        return self._registry.names()

    @property
    def stored_commands(self) -> list_[str]:
        """The names that their jobs are stored under: one for each version of a request that is known here."""
        return self._registry.runnable()

    def tagged(self, *tags: str) -> list_[str]:
        """Names of the commands that this process can run and that have all these tags."""
        return self._registry.names(tags)

    def upcast(self, command: Any, *, from_version: int) -> Callable[[U], U]:
        """Register how a request of an old version of a command becomes one of the next; use as a decorator.

        The function takes the old request, as the type that it declares for it or as decoded JSON, and returns the
        new one, or plain data for it. From here on the command's requests have at least version ``from_version + 1``,
        and jobs are stored under a name that says so (``send@2``): a node that does not know it leaves them to one
        that does. What was stored before goes through all the steps when its job runs.

        Args:
            command: the handler, or the command's name.
            from_version: what the function takes; requests from before the first upcast have version 1.

        Raises:
            UnknownCommand. InvalidOption: there is such a step already, or the function cannot be used.
        """

        def register(function: U) -> U:
            self._registry.upcast(command, function, from_version=from_version)
            return function

        return register

    # --- dependencies ---------------------------------------------------------------------------

    def provide(self, kind: Any, factory: Callable[..., Any]) -> None:
        """Say how a type is made that constructors of class commands ask for.

        It is made once for each node, when that starts, if a command of it needs the type; what is a context manager
        is entered, and left when the node stops, in reverse order.

        Args:
            kind: the type.
            factory: a plain or async function, a generator with one yield, or anything that returns a (async) context
                manager. Its own parameters are found by type, too.

        Raises:
            InvalidOption: the type is provided already, or a parameter of the factory has no type.
        """
        self._registry.dependencies.provide(kind, factory)

    def override(self, kind: Any, value: Any) -> AbstractContextManager[None]:
        """Give this value to constructors that ask for a type while the block runs: for tests."""
        return self._registry.dependencies.override(kind, value)

    # --- life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open a client: it can enqueue and query, but runs nothing.

        Raises:
            DatabaseUnavailable, MissingPermission, SchemaTooNew, SchemaTooOld.
        """
        await self._client.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    @asynccontextmanager
    async def start(self, **options: Unpack[StartOptions]) -> AsyncIterator[Engine]:
        """Run workers in this event loop until the block ends.

        Args:
            concurrency: attempts that run at the same time (100).
            queues: names of the queues to serve, or name -> concurrency; None, the default, serves every queue.
            lease_seconds: other nodes take this node's jobs after this long without a sign of life (30; at least 1).
                This and each duration below is a number of seconds or a timedelta.
            grace_seconds: how long running handlers may go on at the end of the block (10). After that they are
                cancelled and handed back without a charge.
            retention_months: whole months of history to keep (12); None keeps all.
            stall_seconds: report a handler that blocks the event loop for this long (2).
            unresponsive_seconds: close an async handler where it waits, this long after it was cancelled (5). Its
                ``finally`` blocks run as far as they need not wait. A plain handler loses its slot.
            threads: plain (not async) handlers that run at the same time, each in a thread (40). No more of their
                jobs are claimed.
            processes: handlers with ``process=True`` that run at the same time, each in a process of its own session
                (one for each CPU). No more of their jobs are claimed.

        A plain handler cannot be stopped. One that still runs when the block ends keeps its job and its lane: the
        node's lease is renewed, in a thread of our own, until the handler has ended and its job is handed back, or
        until the process has ended and the lease runs out. The block ends after ``grace_seconds`` +
        ``unresponsive_seconds`` + 22 s at most, whatever handlers do.

        Raises:
            InvalidOption, DatabaseUnavailable, MissingPermission, SchemaTooNew, SchemaTooOld.
            WorkersStopped: at the end of the block: the workers have ended without having been asked to.
        """
        if self._client.is_working:
            raise InvalidOption("start: the workers of this Jobs object are running already")
        settings = make_settings(**options)
        self._api.refresh()
        in_processes = [name for name in self.commands if self._registry.find(name).process]
        if in_processes and (reason := refusal()) is not None:
            raise InvalidOption(f"start: command {in_processes[0]!r}: {reason}")
        self._registry.check_versions()
        async with (
            self,
            self._registry.dependencies.opened(self._registry.wanted()),
            self._client.engine_database(settings.lease_seconds) as db,
        ):
            engine = Engine(
                db,
                self._registry,
                settings,
                max_payload_bytes=self._max_payload_bytes,
                enqueue=self.enqueue,
                get_many=self._get_many,
                on_finished=self._client.waits.ended,
                on_reconnected=self._client.distrust,
                transients=self.runs.transients,
                tasks=self.schedules.names,
            )
            await self.schedules.register()
            async with engine.running():
                self._client.engine = engine
                try:
                    yield engine
                finally:
                    self._client.engine = None

    async def run_forever(self, *, signals: bool = True, **settings: Unpack[StartOptions]) -> int:
        """Run workers until cancelled, or until SIGTERM or SIGINT.

        The first signal stops claims and gives running handlers their grace; a second one ends the grace.

        Args:
            signals: handle SIGTERM and SIGINT (main thread only).
            settings: see ``start``.

        Returns:
            How many plain handlers still run in threads. Python waits for them at the end of the program, and their
            jobs stay with it until then; ``os._exit`` does not wait, and others take the jobs when the lease is over.

        Raises:
            WorkersStopped: the workers have ended without having been asked to; and what ``start`` raises.
        """
        left = 0
        asked = False
        with ExitStack() as stack:
            async with self.start(**settings) as engine:
                if signals:
                    stack.enter_context(signalled(_stops(engine)))
                log.info("node %s works on: %s", engine.node_id, self._api.summary(self.commands))
                await engine.stopping.wait()
                asked = True
                # The grace is spent at the end of this block, where a second signal still ends it.
            left = len(engine.left)
        if not asked:
            raise WorkersStopped(
                "the workers of this process have ended without having been asked to: "
                "somebody has cancelled their tasks"
            )
        return left

    # --- enqueue --------------------------------------------------------------------------------

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
            connection: the caller's own connection, whose transaction the job becomes part of: it exists if and
                only if that commits. The driver's own (asyncpg or psycopg's AsyncConnection; sqlite3 or aiosqlite;
                aiomysql; aioodbc), or a SQLAlchemy AsyncSession or AsyncConnection on one of these. Nothing is changed
                on it. It must have an open transaction, or begin one by itself at its first statement.
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
        known = self._registry.find(command)
        template, _ = self._row(known, None, options, checked=False)
        return [self._with_request(known, template, request) for request in requests]

    def _is_home_of(self, context: JobContext) -> bool:
        """False for a job of another database, or of another schema: what it enqueues here is not its child."""
        home = context.home
        return not isinstance(home, Jobs) or home is self or (home.url, home.schema) == (self.url, self.schema)

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

    # --- look -----------------------------------------------------------------------------------

    @overload
    async def get(self, job: JobRef[R]) -> Job[R] | None: ...
    @overload
    async def get(self, job: int) -> Job | None: ...
    async def get(self, job: Reference) -> Job[Any] | None:
        """A job as it is now, live or in history; None if there is no such job (any more)."""
        id = _id(job)
        return (await self._get_many((id,))).get(id)

    async def _get_many(self, ids: Iterable[int]) -> dict[int, Job]:
        return {id: self._typed(job) for id, job in (await self._client.get_many(ids)).items()}

    def _typed(self, job: Job) -> Job:
        command = self._registry.get(job.command)
        if command is None:
            return self._api.typed(job) if job.request_type == REQUEST_TYPE else job
        return command.typed(job)

    async def get_by_ref_id(self, ref_id: str) -> Job | None:
        """The job with this ref_id; None if there is none.

        Raises:
            InvalidOption: a ref_id is a string.
        """
        try:
            wanted = job_options.ref_id(ref_id)
        except InvalidOption as error:
            raise InvalidOption(f"get_by_ref_id: ref_id={ref_id!r} {error} (by a job's id: jobs.get)") from None
        if wanted is None:
            raise InvalidOption("get_by_ref_id: ref_id must not be None")
        found = await self._client.find_ref(ref_id)
        return None if found is None else await self.get(found)

    @overload
    async def wait(
        self, job: JobRef[R], *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job[R]: ...
    @overload
    async def wait(
        self, job: int, *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job: ...
    async def wait(
        self, job: Reference, *, timeout: float | timedelta | None = None, raise_on_failure: bool = False
    ) -> Job[Any]:
        """Wait until a job has ended.

        Args:
            timeout: seconds (or timedelta); None for no limit.
            raise_on_failure: raise JobFailed unless it completed.

        Returns:
            The job as it ended. Its ``response`` is of the type that the handler declares to return, if the handler
            is registered in this process; else it is decoded JSON. It is None unless the job completed.

        Raises:
            UnknownJob: there is no such job. TimeoutError. JobFailed. InvalidOption.
        """
        id = _id(job)
        seconds = None if timeout is None or timeout == math.inf else job_options.duration(timeout, "wait: timeout")
        try:
            with anyio.fail_after(seconds):
                ended = self._typed(await self._client.waits.job(id))
        except TimeoutError:
            raise TimeoutError(f"job {id} has not ended within {seconds:g} s") from None
        if raise_on_failure and ended.state is not JobState.COMPLETED:
            raise JobFailed(f"job {id} ({ended.command}) {ended.state}: {ended.error}")
        return ended

    async def list(
        self,
        *,
        before_id: int | None = None,
        limit: int = 50,
        history_only: bool = False,
        **filters: Unpack[JobFilter],
    ) -> list[JobSummary]:
        """A page of jobs, newest first.

        Args:
            before_id: the last id of the page before, to go on from there.
            limit: jobs per page, 1 to 1000.
            history_only: finished jobs only.
            filters: ``state``, ``queue``, ``worker``, ``command``, ``tag``, ``batch_id``, ``user_id``: jobs that fit
                all that is given.
        """
        if not 1 <= limit <= 1000:
            raise InvalidOption(f"list: limit={limit!r} must be between 1 and 1000")
        before = 2**63 - 1 if before_id is None else before_id
        given = _checked(filters, JOB_FILTERS, "list")
        page: list[JobSummary] = []
        command = given.get("command")
        for name in [None] if command is None else self._registry.stored_names(command):
            if name is not None:
                given["command"] = name
            page += await repository.list_jobs(
                self._client.db, before_id=before, limit=limit, history_only=history_only, **given
            )
        return sorted(page, key=lambda job: job.id, reverse=True)[:limit]

    async def find(
        self,
        *,
        limit: int = 50,
        before_id: int | None = None,
        seconds: float | timedelta = searching.LOOK_SECONDS,
        **search: Unpack[JobSearch],
    ) -> Found:
        """Look for jobs, live and in history, newest first: one bounded look, whatever is asked.

        Args:
            limit: jobs that one look returns, 1 to 1000.
            before_id: ``Found.before_id`` of the look before, to go on from there.
            seconds: how long it may look, about; it then says how far back it got.
            search: conditions on any column (see JobSearch); ``**search`` passes one that is kept.

        Raises:
            InvalidOption: a column that does not exist, or a value that does not fit it.
        """
        if not 1 <= limit <= 1000:
            raise InvalidOption(f"find: limit={limit!r} must be between 1 and 1000")
        asked = searching.make(search, "find")
        longest = job_options.duration(seconds, "find: seconds")
        return await searching.look(self._client.db, asked, before_id, limit, longest)

    async def explain(self, job: Reference | str) -> Explanation:
        """Why a job does not run, or what it does or did.

        Args:
            job: a JobRef, its id, or its ref_id.

        Returns:
            Reasons with their codes, sentences and facts; what must change first comes first.

        Raises:
            UnknownJob: there is no such job.
        """
        if isinstance(job, str):
            found = await self.get_by_ref_id(job)
        else:
            found = await self.get(_id(job))
        if found is None:
            raise UnknownJob(f"there is no job {job!r}")
        return await explaining.explain(self._client.db, found)

    async def estimates(self, jobs: Iterable[Job[Any] | JobSummary]) -> dict[int, float]:
        """How far running jobs may be whose handlers have reported no progress, by job id.

        The time since such a job's start, over the mean run time of the same command on the same named worker, else
        of the command; below 1. A job that is not running, has reported its progress, or whose command has never
        ended before has no estimate.

        Args:
            jobs: what ``get``, ``list`` or ``find`` gave; one statement for all of them, and none again for 10 s.
        """
        return await self._estimates.of(jobs)

    async def logs(self, job: Reference, *, after_id: int = 0, limit: int = 1000) -> list_[LogLine]:
        """Log lines of a job, oldest first, after a line's id."""
        return await repository.list_logs(self._client.db, _id(job), after_id, limit)

    def graph(self, *, connection: Any = None) -> Graph:
        """Jobs that depend on each other, stored in one transaction when its block ends (see Graph).

        ::

            async with jobs.graph() as graph:
                first = graph.add(fetch, "a")
                graph.add(merge, after=[first, graph.add(fetch, "b")])

        Args:
            connection: the caller's own, whose transaction the jobs become part of.
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
            connection: the caller's own, whose transaction the jobs become part of.
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

    async def nodes(self) -> list_[NodeInfo]:
        """The processes that work on jobs."""
        return await repository.list_nodes(self._client.db)

    @overload
    async def stats(self, *, seconds: float | timedelta = 3600) -> list_[MinuteStat]: ...
    @overload
    async def stats(
        self,
        *,
        by: By | None,
        seconds: float | timedelta = 3600,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list_[Stat]: ...
    async def stats(
        self,
        *,
        by: Any = "minute",
        seconds: float | timedelta = 3600,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list_[Any]:
        """What ended, and how long it waited and ran, from the roll-ups: no job is counted for it.

        Args:
            by: ``"queue"``, ``"command"`` or ``"worker"``; None for all together. Left out: counts of each minute (an
                hour, for what is older than two days; a day, after 15), queue and command.
            seconds: how far back, in seconds or as a timedelta.
            since: from this moment on, in place of ``seconds``.
            until: up to this moment, itself not included; up to now if None. Both are widened to minutes, to hours
                (for what began more than three hours ago), or to days (UTC; 14 days).

        Raises:
            InvalidOption: ``by`` is none of these; a moment without a zone, or a period that ends before it begins.
        """
        if by == "minute":
            if since is not None or until is not None:
                raise InvalidOption("stats: since and until need by='queue', 'command', 'worker' or None")
            return await repository.list_stats(self._client.db, job_options.duration(seconds, "stats: seconds"))
        _, time = await periods.asked(self._client.db, seconds if since is None else since, until, "stats")
        return await numbers.stats(self._client.db, by, time)

    async def series(
        self,
        since: datetime | float | timedelta = 3600,
        until: datetime | None = None,
        *,
        queue: str | None = None,
        command: str | None = None,
        worker: str | None = None,
    ) -> Series:
        """What ended in a period, in at most 120 buckets: for a chart. From the roll-ups, like ``stats``.

        Args:
            since: a moment, or how long ago, in seconds or as a timedelta.
            until: up to this moment, itself not included; up to now if None.
            queue, command, worker: of this one only.

        Raises:
            InvalidOption: a moment without a zone, or a period that ends before it begins.
        """
        _, time = await periods.asked(self._client.db, since, until, "series")
        return await periods.series(self._client.db, time, queue=queue, command=command, worker=worker)

    async def counts(self, *, bound: int = 10_000) -> dict[tuple[str, str], int]:
        """Live jobs by (queue, state), each state counted over at most ``bound`` rows, queue by queue."""
        return await repository.count_live(self._client.db, bound)

    def admin(self, **options: Any) -> Callable[..., Awaitable[None]]:
        """The admin page, an ASGI application: ``app.mount("/jobs", jobs.admin())``. It is closed by default.

        Args:
            options: see ``dbjobs.admin.AdminOptions``.

        Raises:
            InvalidOption: one of them. MissingDriver: the extra ``dbjobs[admin]`` is not installed.
        """
        try:
            page = importlib.import_module("dbjobs.admin")
        except ModuleNotFoundError as error:
            raise MissingDriver(f"jobs.admin() needs the package {error.name}: pip install 'dbjobs[admin]'") from error
        return cast(Callable[..., Awaitable[None]], page.make_application(self, options))

    # --- intervene ------------------------------------------------------------------------------

    async def cancel(self, job: Reference, *, reason: str = "cancelled") -> bool:
        """Cancel a job, with the jobs that depend on it.

        One that has not started is cancelled at once. A running one, on whatever node, is asked to
        stop and ends a moment later.

        Returns:
            False if it had ended before.

        Raises:
            UnknownJob.
        """
        id = _id(job)
        if await self._client.cancel((id,), reason):
            return True
        if await self.get(id) is None:
            raise UnknownJob(f"there is no job {id}")
        return False

    async def cancel_many(
        self,
        *,
        reason: str = "cancelled",
        at_most: int | None = None,
        preview: bool = False,
        **search: Unpack[JobSearch],
    ) -> int:
        """Cancel all live jobs that fit all that is given; how many it reached.

        Args:
            reason: kept as the error text of those that had not started.
            at_most: reach no more than so many, the newest first.
            preview: change nothing; how many there are, counted up to ``at_most`` or 100,000.
            search: see JobSearch; the same as for ``find``.

        Raises:
            InvalidOption: no filter was given (to cancel everything, name a queue or a state), or one that is not
                known.
        """
        return await acting.cancel_many(self._client, search, reason, at_most, preview)

    async def cancel_worker(self, worker: str, *, reason: str = "cancelled") -> int:
        """Cancel all jobs of a named worker, the running one included; how many it reached."""
        return await self.cancel_many(worker=worker, reason=reason)

    async def requeue(self, job: Reference) -> bool:
        """Run a failed or cancelled job again, under its own id, with a fresh set of tries.

        Returns:
            False if it is not in the failed history (it is live, or it completed).
        """
        return await self._client.requeue((_id(job),)) == 1

    async def requeue_many(
        self, *, at_most: int | None = None, preview: bool = False, **search: Unpack[JobSearch]
    ) -> int:
        """Run all failed or cancelled jobs that fit all that is given again; how many came back.

        Args:
            at_most: bring no more than so many back, the newest first.
            preview: change nothing; how many there are, counted up to ``at_most`` or 100,000.
            search: see JobSearch; the same as for ``find``.

        Raises:
            InvalidOption: no filter was given (to requeue everything that failed, say ``state="failed"``), one that
                is not known, or another state.
        """
        return await acting.requeue_many(self._client, search, at_most, preview)

    async def replay(self, job: Reference, request: Any = None, /, **options: Unpack[JobOptions]) -> JobRef:
        """Run a job that has ended once more, as a new job; the old one stays as it is.

        Args:
            job: completed, failed or cancelled.
            request: a changed request; the same if it is left out.
            options: what is to be other than in the original. Its ref_id, batch and parents are not taken over.

        Returns:
            The new job, whose ``parent_id`` and ``meta["replay_of"]`` name the old one.

        Raises:
            UnknownJob. InvalidOption: it has not ended. And what ``enqueue`` raises.
        """
        id = _id(job)
        original = await self._client.get_many((id,))
        if id not in original:
            raise UnknownJob(f"there is no job {id}")
        reply_to = await self._client.get_reply_to(id)
        asked, kept = acting.replay_of(original[id], reply_to, request, options)
        return await self.enqueue(original[id].command, asked, **kept)


def _checked(filters: JobFilter, known: tuple[str, ...], where: str) -> JobFilter:
    """The filters that are given, with the state as one of JobState.

    Raises:
        InvalidOption: one that is not known; a state that does not exist.
    """
    for name in filters:
        if name not in known:
            raise InvalidOption(f"{where}: there is no filter {name!r}; known are {', '.join(known)}")
    given: Any = {name: value for name, value in filters.items() if value is not None}
    if "state" in given:
        given["state"] = _state(given["state"])
    return cast(JobFilter, given)


def _inherited(parent: JobContext, job: NewJob, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of a job that the handler of another one enqueues: its parent, and its user unless one is given."""
    inherited: dict[str, Any] = {"parent_id": parent.parent_of_children}
    if parent.user_id is not None and job.user_id is None:
        inherited["user_id"] = parent.user_id
    return {**inherited, **options}


def _id(job: Reference) -> int:
    if isinstance(job, JobRef):
        return job.id
    if isinstance(job, bool) or not isinstance(job, int):
        raise InvalidOption(f"a job is named by a JobRef or its id, not by {job!r} (see get_by_ref_id)")
    if not -job_options.MAX_ID <= job <= job_options.MAX_ID:
        raise InvalidOption(f"{job} is not the id of a job: ids go up to {job_options.MAX_ID}")
    return job


def _state(state: JobState | str) -> JobState:
    try:
        return JobState(state)
    except ValueError:
        raise InvalidOption(f"state={state!r} must be one of {', '.join(JobState)}") from None


def _stops(engine: Engine) -> Callable[[signal.Signals], None]:
    """What a signal does: the first one stops claims, a second one ends the grace."""
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        log.info("%s: stopping%s", number.name, "" if len(received) == 1 else " at once")
        engine.stop(now=len(received) > 1)

    return stop
