"""Puts the page and its API together as one ASGI application."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dbjobs.admin import failures, forgery
from dbjobs.admin.access import host_of, visitor_of
from dbjobs.admin.call import Call, NotFound, Refused
from dbjobs.admin.contents import API, PAGES
from dbjobs.admin.headers import Headers
from dbjobs.admin.live import Live
from dbjobs.admin.operations import Operation
from dbjobs.admin.page import Show
from dbjobs.admin.settings import AdminOptions, AdminSettings, make_settings
from dbjobs.admin.shell import Shell, say, static_version
from dbjobs.admin.tokens import Keeper
from dbjobs.admin.visitor import Visitor
from dbjobs.errors import DbjobsError
from dbjobs.jobs import Jobs
from dbjobs.store import repository

# A form (read by python-multipart) or a JSON body of the page.
MOST_BYTES = 2_000_000
Serve = Callable[[Call], Awaitable[Response]]


def make_application(jobs: Jobs, options: AdminOptions) -> Starlette:
    """The page over these jobs, to be mounted or served alone.

    Raises:
        InvalidOption: one of the options.
    """
    return Admin(jobs, make_settings(options)).application


class Admin:
    """The page over one Jobs object.

    Attributes:
        application: the ASGI application.
    """

    def __init__(self, jobs: Jobs, settings: AdminSettings) -> None:
        self.jobs = jobs
        self.settings = settings
        self.keeper = Keeper()
        self.live = Live(jobs)
        self.shell = Shell(PAGES, self.keeper)
        self.operations = [operation for module in API for operation in module.all]
        actions = {operation.name: operation for operation in self.operations if operation.method == "POST"}
        routes = [
            Route("/static/{name}", self._static),
            Route("/live", self._served(self._listening), methods=["GET"]),
            *(self._api_route(operation) for operation in self.operations),
            *(
                Route(f"/act/{name}", self._served(self._acting(operation)), methods=["POST"])
                for name, operation in actions.items()
            ),
            *(Route(path, self._served(self._showing(show, verb))) for page in PAGES for path, verb, show in page.all),
        ]
        self.application = Starlette(routes=routes, exception_handlers={404: self._nowhere, 405: self._nowhere})
        self.application.add_middleware(Headers)

    # --- who asks -------------------------------------------------------------------------------

    def _served(self, serve: Serve) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that lets a visitor in first, and answers every error of ours with what it is."""

        async def endpoint(request: Request) -> Response:
            call: Call | None = None
            try:
                visitor = await self._let_in(request)
                call = Call(self.jobs, visitor, self.settings, request, self.shell)
                return await serve(call)
            except (DbjobsError, msgspec.ValidationError, msgspec.DecodeError) as error:
                return await failures.answer(self.shell, call, request, error)

        return endpoint

    async def _let_in(self, request: Request) -> Visitor:
        hosts = self.settings.allowed_hosts
        if hosts and host_of(request) not in hosts:
            raise Refused(f"the page is not called {host_of(request)!r} (allowed_hosts)")
        visitor = await visitor_of(request, self.settings)
        if visitor is None:
            raise failures.Unknown("nobody knows you here")
        return visitor

    async def _listening(self, call: Call) -> Response:
        async def still() -> bool:
            try:
                visitor = await self._let_in(call.request)
            except DbjobsError:
                return False
            return visitor.may("view")

        return await self.live.serve(call, still)

    # --- what they ask for ----------------------------------------------------------------------

    def _showing(self, show: Show, verb: Any) -> Serve:
        async def serve(call: Call) -> Response:
            call.need(verb)
            return await show(call)

        return serve

    def _api_route(self, operation: Operation) -> Route:
        path = f"/api{operation.path}"

        async def serve(call: Call) -> Response:
            if operation.method == "GET":
                return self._answer(await self.perform(call, operation, _query_of(call.request, operation)))
            given = await _body_of(call.request)
            forgery.check_origin(call.request, self.settings)
            sent = call.request.headers.get(forgery.HEADER, "")
            await forgery.check_token(self.keeper, call.db, call.request, call.visitor, sent)
            body = msgspec.json.decode(given or b"{}")
            if not isinstance(body, dict):
                raise msgspec.ValidationError("the body must be a JSON object")
            return self._answer(await self.perform(call, operation, {**body, **call.request.path_params}))

        return Route(path, self._served(serve), methods=[operation.method])

    def _acting(self, operation: Operation) -> Serve:
        """A form that does what the API does, and goes back to where it was sent from."""

        async def serve(call: Call) -> Response:
            form = await call.request.form(max_files=0, max_fields=2_000)
            forgery.check_origin(call.request, self.settings)
            await forgery.check_token(
                self.keeper, call.db, call.request, call.visitor, str(form.get(forgery.FIELD, ""))
            )
            back = _back(str(form.get("next", "")))
            response = RedirectResponse(back, status_code=303)
            try:
                done = await self.perform(call, operation, _form_of(form, operation))
            except (DbjobsError, msgspec.ValidationError) as error:
                say(response, str(error), failed=True)
                return response
            if isinstance(done, Response):
                return done
            say(response, getattr(done, "message", "done"))
            return response

        return serve

    async def perform(self, call: Call, operation: Operation, given: dict[str, Any]) -> Any:
        """Run an operation for a visitor who may, and write it down if it is an action.

        Raises:
            Refused: the visitor may not. ValidationError: the input does not fit. What the operation raises.
        """
        details: dict[str, Any] = {name: value for name, value in given.items() if name in _fields(operation)}
        outcome = "refused"
        try:
            call.need(operation.verb)
            outcome = "failed"
            answer = await operation.run(call, msgspec.convert(given, operation.takes, strict=False))
            outcome = "done"
            if hasattr(answer, "message"):
                details["message"] = answer.message
            return answer
        except Exception as error:
            details["error"] = str(error)[:1000]
            raise
        finally:
            if operation.audited:
                await repository.insert_audit(
                    call.db,
                    actor=call.visitor.name,
                    action=operation.name,
                    target=call.target[:1000],
                    outcome=outcome,
                    details=details,
                )

    def _answer(self, answer: Any) -> Response:
        if isinstance(answer, Response):
            return answer
        return Response(msgspec.json.encode(answer, enc_hook=str), media_type="application/json")

    # --- the rest -------------------------------------------------------------------------------

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        file = files("dbjobs.admin") / "static" / name
        # The router gives a name without a slash, but on Windows a backslash leads away, too.
        if name.startswith(".") or "\\" in name or not file.is_file():
            return await self._nowhere(request, NotFound(name))
        # A file asked for by its version never changes; a module that another one imports is asked for without.
        version = static_version(name)
        forever = request.query_params.get("v") == version
        headers = {
            "cache-control": "public, max-age=31536000, immutable" if forever else "no-cache",
            "etag": f'"{version}"',
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(file.read_bytes(), media_type=kind, headers=headers)

    async def _nowhere(self, request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        kind = NotFound("there is nothing here") if status == 404 else NotFound("that is not how this is asked for")
        return await failures.answer(self.shell, None, request, kind, status)


def _fields(operation: Operation) -> tuple[str, ...]:
    return tuple(operation.takes.__struct_fields__)


def _several(operation: Operation) -> frozenset[str]:
    """Fields that may be given more than once."""
    return frozenset(
        field.name
        for field in msgspec.structs.fields(operation.takes)
        if "tuple" in str(field.type) or "list" in str(field.type)
    )


def _query_of(request: Request, operation: Operation) -> dict[str, Any]:
    several = _several(operation)
    given: dict[str, Any] = dict(request.path_params)
    for name in request.query_params:
        given[name] = request.query_params.getlist(name) if name in several else request.query_params[name]
    return given


def _form_of(form: FormData, operation: Operation) -> dict[str, Any]:
    """An empty field of a form is one that was not filled in."""
    several = _several(operation)
    return {
        name: [value for value in form.getlist(name) if value != ""] if name in several else form[name]
        for name in form
        if name in _fields(operation) and (name in several or form[name] != "")
    }


async def _body_of(request: Request) -> bytes:
    """The body.

    Raises:
        ValidationError: it is no JSON by its type, or too large.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", ""):
        raise msgspec.ValidationError(f"the body must be application/json, not {kind}")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise msgspec.ValidationError(f"the body is larger than {MOST_BYTES} bytes")
    return bytes(body)


def _back(target: str) -> str:
    """Where a form goes back to: a place of ours, relative to ``act/``; the overview if it says none or another's."""
    inner = target.startswith("../") and "\\" not in target and "//" not in target.partition("?")[0]
    return target if inner and target.isprintable() and target.isascii() else "../"
