"""Jobs: the one object an application holds."""

from __future__ import annotations

import importlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from dbjobs.api_calls import ApiCalls
from dbjobs.asgi.api_jobs import ApiJobs
from dbjobs.bulk import BulkActions
from dbjobs.calls.commands import CommandCalls
from dbjobs.calls.enqueueing import EnqueueCalls
from dbjobs.client.client import Client
from dbjobs.client.sync import SyncJobs
from dbjobs.commands import options as job_options
from dbjobs.commands.dependencies import Dependencies, Resolve
from dbjobs.commands.registry import Registry, base_row
from dbjobs.engine.settings import StartOptions, make_settings
from dbjobs.engine.transient.run import Calls
from dbjobs.errors import InvalidOption, MissingDriver, WorkersStopped
from dbjobs.inspect.estimates import Estimates
from dbjobs.inspect.workers import WorkerAdmin
from dbjobs.joints import joint_command
from dbjobs.notifications import Notifications, NotifierCalls
from dbjobs.queues import QueueAdmin
from dbjobs.requests import RequestAdmin
from dbjobs.runs import DEFAULT_MAX_TRANSIENT, RunsAdmin, TransientCalls
from dbjobs.schedules import Schedules
from dbjobs.store.database import make_database
from dbjobs.store.own_thread import in_own_thread
from dbjobs.users import UserResolver, Users

if TYPE_CHECKING:
    from dbjobs.engine.supervisor import Engine

log = logging.getLogger("dbjobs")

ENGINE = "dbjobs.engine.supervisor"


class Jobs(CommandCalls, EnqueueCalls, ApiCalls, TransientCalls, NotifierCalls):
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
        if isinstance(max_payload_bytes, bool) or not isinstance(max_payload_bytes, int) or max_payload_bytes < 1:
            raise InvalidOption(f"max_payload_bytes={max_payload_bytes!r} must be a whole number >= 1")
        job_options.switch(migrate, "migrate")
        job_options.switch(user_resolver_in_thread, "user_resolver_in_thread")
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
        self._client.before_close = self.runs.close

    # --- life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open a client: it can enqueue and query, but runs nothing.

        Raises:
            DatabaseUnavailable, MissingPermission, SchemaTooNew, SchemaTooOld.
        """
        await self._client.opening.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.opening.close()

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
            WorkersStopped: at the end of the block: the workers ended without having been asked to.
        """
        if self._client.is_working:
            raise InvalidOption("start: the workers of this Jobs object are running already; one block is enough")
        settings = make_settings(**options)
        self._api.refresh()
        in_processes = [name for name in self.commands if self._registry.find(name).process]
        if in_processes:
            _check_processes(in_processes[0])
        self._registry.check_versions()
        async with (
            self,
            self._registry.dependencies.opened(self._registry.wanted()),
            self._client.opening.for_engine(settings.lease_seconds) as (db, opening),
        ):
            # A client that only enqueues, and the command line, never load the engine. It takes 0.1 s, which the event
            # loop of a web application has better things to do with: a thread does it.
            if ENGINE not in sys.modules:
                await in_own_thread(lambda: importlib.import_module(ENGINE), "dbjobs-load")
            from dbjobs.engine.keeper import kept
            from dbjobs.engine.supervisor import Engine

            engine = Engine(
                db,
                opening,
                self._registry,
                settings,
                max_payload_bytes=self._max_payload_bytes,
                enqueue=self.enqueue,
                get_many=self._get_many,
                on_finished=self._client.waits.ended,
                on_reconnected=self._client.opening.distrust,
                transients=self.runs.transients,
                tasks=self.schedules.names,
            )
            await self.schedules.register()
            async with kept(engine.running()):
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
            WorkersStopped: the workers ended without having been asked to; and what ``start`` raises.
        """
        from dbjobs.engine.signals import signalled

        job_options.switch(signals, "run_forever: signals")
        left = 0
        asked = False
        with ExitStack() as stack:
            async with self.start(**settings) as engine:
                if signals:
                    stack.enter_context(signalled(_stops(engine)))
                log.info("node %s works on: %s", engine.node_id, self._api.summary(self.commands))
                if not self._registry.runnable():
                    log.warning(
                        "%s has no command to run: mark its handlers with @jobs.command, and import the modules that "
                        "they are in",
                        _name_of(self),
                    )
                await engine.stopping.wait()
                asked = True
                # The grace is spent at the end of this block, where a second signal still ends it.
            left = len(engine.left)
        if not asked:
            raise WorkersStopped(
                "the workers of this process ended without having been asked to: something cancelled their tasks"
            )
        return left

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


def _name_of(jobs: Jobs) -> str:
    """Where a Jobs object is found, as `dbjobs worker` takes it: ``myapp:jobs``."""
    for module_name, module in [*sys.modules.items()]:
        for name, value in [*getattr(module, "__dict__", {}).items()]:
            if value is jobs:
                return f"{module_name}:{name}"
    return "this Jobs object"


def _check_processes(command: str) -> None:
    from dbjobs.engine.children import refusal  # multiprocessing is for those who have such commands

    reason = refusal()
    if reason is not None:
        raise InvalidOption(f"start: command {command!r}: {reason}")


def _stops(engine: Engine) -> Callable[[signal.Signals], None]:
    """What a signal does: the first one stops claims, a second one ends the grace."""
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        log.info("%s: stopping%s", number.name, "" if len(received) == 1 else " at once")
        engine.stop(now=len(received) > 1)

    return stop
