"""API jobs of one Jobs object: the routes of the mounted application, and what callers name to call them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from dbjobs.asgi.application import Application, CallSettings
from dbjobs.asgi.handlers import REQUEST_TYPE, Handlers, is_record
from dbjobs.asgi.request import METHODS, ApiRequest, checked_method, checked_path, decoded, make_request
from dbjobs.asgi.response import ApiResponse
from dbjobs.asgi.routes import ANY, Route, find, is_endpoint, label, make_route, routes_of
from dbjobs.commands import codec
from dbjobs.commands.options import OPTION_NAMES, switch
from dbjobs.commands.registry import Command, Registry
from dbjobs.context import JobContext
from dbjobs.errors import InvalidOption, UnknownCommand
from dbjobs.models import Job
from dbjobs.wording import counted

_CALL_NAMES = ("json", "form", "body", "query", "headers")
_SETTINGS = ("keep_body", "max_response_bytes", "should_retry")


class ApiJobs:
    """What ``mount_api``, ``api_options`` and ``enqueue_api`` do, but for the database.

    Each route has a command of its own name (``POST /orders/{id}``), so jobs are claimed, counted and given options by
    route. A request that no route takes, or an application whose routes cannot be seen, has ``POST *``.
    """

    def __init__(self, registry: Registry, *, max_payload_bytes: int) -> None:
        self._registry = registry
        self.handlers = Handlers(registry)
        self._limit = max_payload_bytes
        self._application: Application | None = None
        self._routes: list[Route] = []
        self._declared: list[Route] = []
        self._of_labels: dict[str, dict[str, Any]] = {}
        self._of_functions: list[tuple[Any, dict[str, Any]]] = []
        self._by_function: dict[str, dict[str, Any]] = {}
        self._made: dict[str, tuple[dict[str, Any], Application | None]] = {}
        self._is_stale = False
        self._decode = codec.decoder(ApiRequest, command="enqueue_api")
        self._decode_response = codec.response_decoder(ApiResponse)

    # --- the application ------------------------------------------------------------------------

    def mount(self, application: Application) -> None:
        """Take an application.

        Raises:
            InvalidOption: another one is mounted.
        """
        if self._application is not None and self._application.app is not application.app:
            raise InvalidOption(
                "mount_api: an application is mounted already; one Jobs object has one (it may mount others itself)"
            )
        self._application = application
        self._is_stale = True

    def refresh(self) -> None:
        """Read the application's routes anew: jobs of these may run here."""
        if self._application is None:
            return
        self._routes = routes_of(self._application.app)
        self._is_stale = False
        self._by_function = {}
        for function, given in self._of_functions:
            for found in self._routes_to(function):
                for name in found.labels():
                    self._by_function[name] = {**self._by_function.get(name, {}), **given}
        for name in self._labels():
            self._put_label(name)

    def summary(self, commands: Iterable[str]) -> str:
        """What this process works on, for people: commands by name, and the routes of its application as a number."""
        parts = [name for name in commands if name not in self._made]
        if self._application is not None:
            routes = {name for route in self._routes for name in route.labels()}
            parts.append(f"an application with {counted(len(routes), 'route')}")
        return ", ".join(parts) or "no commands"

    def _labels(self) -> Iterable[str]:
        names = [name for route in (*self._routes, *self._declared) for name in route.labels()]
        return dict.fromkeys([*names, *(label(method, ANY) for method in METHODS if method != "HEAD")])

    def _put_label(self, name: str) -> Command:
        """The command of a route, with a handler if an application is mounted here; made anew if anything changed."""
        more = {**self._by_function.get(name, {}), **self._of_labels.get(name, {})}
        application = self._application
        known = self._registry.get(name)
        if known is not None and self._made.get(name) == (more, application):
            return known
        if known is not None and name not in self._made:
            raise InvalidOption(f"the command {name!r} has the name of a route")
        given = {key: value for key, value in more.items() if key not in _SETTINGS}
        handler: Callable[..., Any] | None = None
        if application is not None:
            settings = CallSettings(
                keep_body=more.get("keep_body", True),
                max_response_bytes=min(more.get("max_response_bytes", self._limit), self._limit),
            )

            async def call(request: ApiRequest, job: JobContext) -> ApiResponse:
                return await application.call(request, job, settings)

            handler = call
        command = Command(
            name=name,
            handler=handler,
            request_type=ApiRequest,
            takes_request=True,
            takes_context=True,
            is_async=True,
            process=False,
            template=self._registry.template(name, given, where=f"API job {name!r}", request_type=REQUEST_TYPE),
            decode=self._decode,
            should_retry=more.get("should_retry"),
            decode_response=self._decode_response,
        )
        self._registry.put(command)
        self._made[name] = (more, application)
        return command

    # --- options --------------------------------------------------------------------------------

    def options(self, what: Any, path: str | None, given: dict[str, Any]) -> None:
        """Set default options of a request type, of a route by method and template, or of a route by its function.

        Raises:
            InvalidOption: an option is wrong, or nothing has such options.
        """
        where = "api_options"
        retry = given.get("should_retry")
        if retry is not None and (not callable(retry) or inspect.iscoroutinefunction(retry)):
            raise InvalidOption(f"{where}: should_retry must be a plain function (job, error) -> bool")
        switch(given.get("keep_body", True), f"{where}: keep_body")
        most, limit = given.get("max_response_bytes", 1), self._limit
        if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= limit:
            raise InvalidOption(
                f"{where}: max_response_bytes={most!r} must be a whole number from 1 to {limit} (max_payload_bytes)"
            )
        plain = {name: value for name, value in given.items() if name not in _SETTINGS}
        self._registry.template("check", plain, where=where, request_type=REQUEST_TYPE)
        if isinstance(what, str):
            route = make_route([checked_method(what)], checked_path(path))
            self._declared.append(route)
            self._of_labels[route.labels()[0]] = {**self._of_labels.get(route.labels()[0], {}), **given}
            self._put_label(route.labels()[0])
        elif path is not None:
            raise InvalidOption(f"{where}: a path goes with a method: api_options('POST', '/orders', ...)")
        elif is_record(what):
            self.handlers.options(what, given)
        elif callable(what):
            self._of_functions.append((what, given))
            self._is_stale = True
        else:
            raise InvalidOption(f"{where}: {what!r} is neither a method, nor a request type, nor a route's function")

    # --- jobs -----------------------------------------------------------------------------------

    def job(self, what: Any, path: Any, given: Mapping[str, Any]) -> tuple[Command, Any, dict[str, Any]]:
        """What ``enqueue_api`` was given, as a command, its request and options of the job.

        Raises:
            UnknownCommand: the type has no handler, or the function is not a route. InvalidOption. InvalidRequest.
        """
        if self._is_stale:
            self.refresh()
        call = {name: value for name, value in given.items() if name in _CALL_NAMES and value is not msgspec.UNSET}
        options = {name: value for name, value in given.items() if name not in (*_CALL_NAMES, "path_params")}
        if isinstance(what, str):
            method, path = checked_method(what), checked_path(path)
            if "path_params" in given:
                raise InvalidOption("enqueue_api: path_params goes with a route's function; a path is given as it is")
            return self._of_path(method, path), make_request(method, path, call, limit=self._limit), options
        if path is not None:
            raise InvalidOption("enqueue_api: a path goes with a method: enqueue_api('POST', '/orders', ...)")
        command = self.handlers.of(what)
        if command is not None:
            for name in (*call, *(("path_params",) if "path_params" in given else ())):
                raise InvalidOption(
                    f"enqueue_api of {command.name}: {name} goes with a route; the request is all it has"
                )
            return command, what, options
        if isinstance(what, type) or not callable(what):
            raise UnknownCommand(self.handlers.unknown(what))
        return self._of_function(what, given, call, options)

    def _of_path(self, method: str, path: str) -> Command:
        wanted = decoded(path)
        found = find(self._routes, method, wanted)
        if found is None and self._application is not None:
            self.refresh()  # a route may have been added since
            found = find(self._routes, method, wanted)
        found = found or find(self._declared, method, wanted) or label("GET" if method == "HEAD" else method, ANY)
        return self._put_label(found)

    def _of_function(
        self, function: Any, given: Mapping[str, Any], call: Mapping[str, Any], options: dict[str, Any]
    ) -> tuple[Command, Any, dict[str, Any]]:
        told = getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or repr(function)
        if (kind := self.handlers.kind_of(function)) is not None:
            raise UnknownCommand(
                f"enqueue_api: {told} is the API handler of {kind.__name__}: enqueue_api({kind.__name__}(...))"
            )
        if self._application is None:
            raise UnknownCommand(
                f"enqueue_api: which route {told} is, only its application knows: jobs.mount_api(app) first"
            )
        routes = self._routes_to(function)
        if not routes:
            self.refresh()
            routes = self._routes_to(function)
        if not routes:
            raise UnknownCommand(f"enqueue_api: {told} is not a route of the mounted application")
        names = list(dict.fromkeys(name for route in routes for name in route.labels()))
        if len(names) > 1 or names[0].startswith(f"{ANY} "):
            raise InvalidOption(f"enqueue_api: {told} is several routes ({', '.join(names)}): give a method and a path")
        route = routes[0]
        values = dict(given.get("path_params") or {})
        for name in route.parameters:
            if name not in values and name in options and name not in OPTION_NAMES:
                values[name] = options.pop(name)
        self._check_values(told, route, values, options)
        method, _, _ = names[0].partition(" ")
        request = make_request(method, route.fill(values), call, limit=self._limit)
        return self._put_label(names[0]), request, options

    def _check_values(self, told: str, route: Route, values: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        for name in route.parameters:
            if name not in values:
                hint = f"; {name!r} is an option of the job, too" if name in (*OPTION_NAMES, *_CALL_NAMES) else ""
                hint += f": give it in path_params={{{name!r}: ...}}" if hint else ""
                raise InvalidOption(
                    f"enqueue_api of {told} ({route.path}): the path parameter {name!r} is missing{hint}"
                )
        for name in (*values, *options):
            if name in values and name in route.parameters:
                continue
            if name in values or name not in OPTION_NAMES:
                taken = ", ".join(route.parameters) or "no path parameters"
                near = difflib.get_close_matches(name, (*OPTION_NAMES, *_CALL_NAMES, *route.parameters), 1)
                hint = f"did you mean {near[0]!r}?" if near else "a query is given as query={...}"
                raise InvalidOption(f"enqueue_api of {told} ({route.path}): it has {taken}, not {name!r}; {hint}")

    def _routes_to(self, function: Any) -> list[Route]:
        return [route for route in self._routes if is_endpoint(route, function)]

    def typed(self, job: Job[Any]) -> Job[Any]:
        """The answer of an API job whose route this process does not know as what it is, an ApiResponse."""
        if self._decode_response is None or not isinstance(job.response, dict) or " " not in job.command:
            return job
        try:
            return msgspec.structs.replace(job, response=self._decode_response(job.response))
        except (msgspec.ValidationError, msgspec.DecodeError):
            return job
