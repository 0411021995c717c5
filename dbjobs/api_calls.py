"""API jobs for those who import: ``jobs.api``, ``mount_api``, ``api_options``, ``enqueue_api``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, Unpack, overload

from dbjobs.asgi.api_jobs import ApiJobs
from dbjobs.asgi.application import Application, UserHeaders
from dbjobs.asgi.exchange import AsgiApp
from dbjobs.asgi.response import ApiResponse
from dbjobs.commands.registry import Command, ShouldRetry
from dbjobs.commands.signature import Handler
from dbjobs.errors import InvalidOption
from dbjobs.models import ApiCommandOptions, ApiOptions, CommandOptions, JobRef, QuickRetry

H = TypeVar("H", bound=Handler)


class ApiCalls:
    """What a Jobs object does about APIs."""

    _api: ApiJobs

    @overload
    def api(self, handler: H, /) -> H: ...

    @overload
    def api(
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

    def api(
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
        """Register a handler that ``enqueue_api`` finds by the type of its request; use as a decorator.

        Args:
            handler: ``(request)`` or ``(request, job)``, whose request is a class of its own; or a class with such a
                method ``run``.
            name: the name under which its jobs are listed; by default that of the request's class.
            process, should_retry, quick_retry, tags, version, defaults: as for ``command``.

        Raises:
            InvalidOption: the request has no class of its own, or that has a handler already; and as ``command``.
        """

        def register(function: H) -> H:
            self._api.handlers.add(
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

    def mount_api(
        self,
        app: AsgiApp,
        *,
        base_url: str = "http://localhost",
        client: tuple[str, int] | None = ("dbjobs", 0),
        state: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        user_headers: UserHeaders | None = None,
    ) -> None:
        """Let API jobs call this ASGI application, in this process; only nodes that have one run them.

        Its lifespan is not run: that is up to the program that the workers run in.

        Args:
            base_url: scheme, host and root path of these requests, for links and host checks.
            client: the peer that they seem to come from.
            state: the state that the application's lifespan gave (``request.state``), or a function that returns it.
            user_headers: ``(user) -> headers``, async or plain: by these the application's own authentication knows the
                user of a job (``Authorization``, ``Cookie``). They are made for each attempt, not stored.

        Raises:
            InvalidOption: an argument is wrong, or another application is mounted.
        """
        self._api.mount(Application(app, base_url=base_url, client=client, state=state, user_headers=user_headers))

    @overload
    def api_options(self, what: None = None, /, **defaults: Unpack[ApiCommandOptions]) -> Callable[[H], H]: ...
    @overload
    def api_options(self, what: Any, path: str | None = None, /, **defaults: Unpack[ApiCommandOptions]) -> None: ...
    def api_options(
        self, what: Any = None, path: str | None = None, /, **defaults: Unpack[ApiCommandOptions]
    ) -> Callable[[H], H] | None:
        """Set default options for the jobs of one route or request type; later calls add to earlier ones.

        Args:
            what: a method (with the route's template as ``path``), a route's function, or a type of request; without
                it this is a decorator for a route's function.
            path: as the application has it: ``"/orders/{order_id}"``.
            defaults: see ApiCommandOptions.

        Raises:
            InvalidOption.
        """

        def register(function: H) -> H:
            self._api.options(function, None, dict(defaults))
            return function

        if what is None:
            return register
        self._api.options(what, path, dict(defaults))
        return None

    @overload
    async def enqueue_api(self, method: str, path: str, /, **how: Unpack[ApiOptions]) -> JobRef[ApiResponse]: ...
    @overload
    async def enqueue_api(self, what: Any, /, **how: Any) -> JobRef[Any]: ...
    async def enqueue_api(
        self,
        what: Any,
        path: str | None = None,
        /,
        *,
        connection: Any = None,
        on_conflict: Literal["return", "raise"] = "return",
        **how: Any,
    ) -> JobRef[Any]:
        """Store a job that calls an API: a route of the mounted application, or a handler of ``@jobs.api``.

        ``enqueue_api("POST", "/orders", json=...)``, ``enqueue_api(ship_order, order_id=7)`` with a route's own
        function and its path parameters, or ``enqueue_api(SendEmail(...))``.

        Args:
            what: a method (with ``path``), a route's function, or a request.
            path: may have a query.
            connection, on_conflict: as for ``enqueue``.
            how: ``json``, ``form`` or ``body``, ``query`` and ``headers`` (see ApiOptions), the options of the job (see
                JobOptions), and with a function its path parameters; those that have the name of an option go into
                ``path_params={"user_id": 7}``.

        Returns:
            A reference to the job. The response of one that called a route is an ApiResponse.

        Raises:
            UnknownCommand: no handler takes this request, or the function is not a route. And as ``enqueue``.
        """
        command, request, options = self._api.job(what, path, how)
        enqueue: Callable[..., Awaitable[JobRef[Any]]] = self.enqueue  # type: ignore[attr-defined]
        return await enqueue(command, request, connection=connection, on_conflict=on_conflict, **options)

    def api_call(self, what: Any, path: str | None = None, /, **how: Any) -> tuple[Command, Any]:
        """What ``enqueue_api`` would store, as a command and its request, for calls that take these.

        ``await jobs.enqueue(*jobs.api_call("GET", "/report"))`` is ``await jobs.enqueue_api("GET", "/report")``.

        Args:
            what, path: as for ``enqueue_api``.
            how: the same, without options of the job: they go to the call that takes the result.

        Raises:
            As ``enqueue_api``. InvalidOption: an option of the job was given.
        """
        command, request, options = self._api.job(what, path, how)
        for name in options:
            raise InvalidOption(f"api_call: {name!r} goes to the call that takes its result, or is unknown")
        return command, request
