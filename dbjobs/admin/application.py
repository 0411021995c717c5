"""Puts the page and its API together as one ASGI application."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dbjobs import __version__
from dbjobs.admin import failures, forgery, openapi
from dbjobs.admin.call import Call, NotFound, shown
from dbjobs.admin.contents import API, PAGES
from dbjobs.admin.door import Door
from dbjobs.admin.headers import Headers
from dbjobs.admin.inputs import body_of, bounded, check_query, fields_of, form_of, inner, query_of
from dbjobs.admin.live import Live
from dbjobs.admin.operations import Operation
from dbjobs.admin.page import Show
from dbjobs.admin.paths import base_of, path_of
from dbjobs.admin.place import Place
from dbjobs.admin.settings import AdminOptions, AdminSettings, make_settings
from dbjobs.admin.shell import LIVE, Shell, say, static_version
from dbjobs.admin.tokens import Keeper
from dbjobs.errors import DatabaseError, DbjobsError
from dbjobs.jobs import Jobs
from dbjobs.requestlog.observed import leave_out
from dbjobs.store import repository

# Each round trip to the database has its own limit (command_timeout, 60 s); this one covers all of a page's together.
PAGE_SECONDS = 20.0
# Bytes of one audit row.
MOST_DETAILS = 20_000
Serve = Callable[[Call], Awaitable[Response]]


def make_application(jobs: Jobs, options: AdminOptions) -> Starlette:
    """The page for these jobs, to mount or to serve alone.

    Raises:
        InvalidOption: one of the options.
    """
    return Admin(jobs, make_settings(options)).application


class Admin:
    """The page for one Jobs object.

    Attributes:
        application: the ASGI application.
    """

    def __init__(self, jobs: Jobs, settings: AdminSettings) -> None:
        self.jobs = jobs
        self.settings = settings
        self.keeper = Keeper()
        self.live = Live(jobs)
        self.shell = Shell(PAGES, self.keeper)
        self.door = Door(jobs, settings, self.keeper, self.shell)
        self.operations = [operation for module in API for operation in module.all]
        actions = {operation.name: operation for operation in self.operations if operation.method == "POST"}
        routes = [
            Route("/static/{name}", self._static),
            Route("/login", self.door.login, methods=["POST"]),
            Route("/logout", self._served(self.door.leave), methods=["POST"]),
            Route("/live", self._served(self._listening), methods=["GET"]),
            Route("/api", self._served(self._api_in_words)),
            Route("/api/openapi.json", self._served(self._document)),
            *(self._api_route(operation) for operation in self.operations),
            *(
                Route(f"/act/{name}", self._served(self._acting(operation)), methods=["POST"])
                for name, operation in actions.items()
            ),
            *(Route(path, self._served(self._showing(show, verb))) for page in PAGES for path, verb, show in page.all),
        ]
        self.application = Starlette(routes=routes, exception_handlers={404: self._nowhere, 405: self._nowhere})
        self.application.add_middleware(Place)
        self.application.add_middleware(Headers)

    # --- who asks -------------------------------------------------------------------------------

    def _served(self, serve: Serve) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that lets the visitor in first, and turns each of our errors into its answer."""

        async def endpoint(request: Request) -> Response:
            request = bounded(request)
            call: Call | None = None
            try:
                async with asyncio.timeout(PAGE_SECONDS):
                    opened = await self.door.open_link(request)
                    if opened is not None:
                        return opened
                    visitor = await self.door.let_in(request)
                    call = Call(self.jobs, visitor, self.settings, request, self.shell)
                    return await serve(call)
            except TimeoutError:
                late = failures.TookTooLong(f"the database has not answered within {PAGE_SECONDS:.0f} s")
                return await failures.answer(self.shell, call, request, late)
            except failures.Unknown as error:
                if self.settings.tokens and not path_of(request).startswith("/api"):
                    if request.method == "GET":
                        return await self.door.login_form(request, 401, "Give a token that you were told.")
                    lost = "You are logged out, so nothing was done: log in, then do it again."
                    return await self.door.login_form(request, 401, lost, "./")
                return await failures.answer(self.shell, call, request, error)
            except (DbjobsError, msgspec.MsgspecError) as error:
                return await failures.answer(self.shell, call, request, error)
            except HTTPException as error:  # a form that cannot be read
                wrong = msgspec.ValidationError(str(error.detail))
                return await failures.answer(self.shell, call, request, wrong, error.status_code)

        return endpoint

    async def _listening(self, call: Call) -> Response:
        async def still() -> bool:
            try:
                async with asyncio.timeout(PAGE_SECONDS):
                    visitor = await self.door.let_in(call.request)
            except DatabaseError:
                raise
            except (DbjobsError, TimeoutError):
                return False
            return visitor.may("view")

        return await self.live.serve(call, still)

    # --- what they ask for ----------------------------------------------------------------------

    def _showing(self, show: Show, verb: Any) -> Serve:
        async def serve(call: Call) -> Response:
            call.need(verb)
            check_query(call.request)
            began = time.monotonic()
            if LIVE in call.request.headers:
                # Otherwise the log page's own request would make it refresh again.
                leave_out(call.request.scope)
            try:
                return await show(call)
            finally:
                if LIVE in call.request.headers:
                    self.live.answering_seconds += time.monotonic() - began

        return serve

    def _api_route(self, operation: Operation) -> Route:
        path = f"/api{operation.path}"

        async def serve(call: Call) -> Response:
            if operation.method == "GET":
                return self._answer(await self.perform(call, operation, query_of(call.request, operation)))
            body = await body_of(call.request)
            forgery.check_origin(call.request, self.settings)
            sent = call.request.headers.get(forgery.HEADER, "")
            await forgery.check_token(self.keeper, call.db, call.request, call.visitor, sent)
            return self._answer(await self.perform(call, operation, {**body, **call.request.path_params}))

        return Route(path, self._served(serve), methods=[operation.method])

    def _acting(self, operation: Operation) -> Serve:
        """A form that does what the API does, then goes back to where it was sent from."""

        async def serve(call: Call) -> Response:
            form = await call.request.form(max_files=0, max_fields=2_000)
            forgery.check_origin(call.request, self.settings)
            await forgery.check_token(
                self.keeper, call.db, call.request, call.visitor, str(form.get(forgery.FIELD, ""))
            )
            back = inner(str(form.get("next", "")), "../")
            response = RedirectResponse(back, status_code=303)
            try:
                done = await self.perform(call, operation, form_of(form, operation))
            except (DbjobsError, msgspec.ValidationError) as error:
                say(response, str(error), failed=True)
                return response
            if isinstance(done, Response):
                return done
            template = getattr(done, "template", None)
            if template is not None:  # an answer to be read, not a message in passing
                return await call.render(template, title=operation.summary, answer=done, base=base_of(call.request))
            say(response, getattr(done, "message", "done"))
            return response

        return serve

    async def perform(self, call: Call, operation: Operation, given: dict[str, Any]) -> Any:
        """Run an operation for a visitor who may, and write it down if it is an action.

        Raises:
            Refused: the visitor may not. ValidationError: the input does not fit. What the operation raises.
        """
        details = {name: shown(call, name, value) for name, value in given.items() if name in fields_of(operation)}
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
                    details=_short(details),
                )

    async def _api_in_words(self, call: Call) -> Response:
        call.need("view")
        return await call.render("api.html", title="API", groups=openapi.in_words(self.operations))

    async def _document(self, call: Call) -> Response:
        call.need("view")
        return self._answer(openapi.document(self.operations, title=self.settings.title, version=__version__))

    def _answer(self, answer: Any) -> Response:
        if isinstance(answer, Response):
            return answer
        return Response(msgspec.json.encode(answer, enc_hook=str), media_type="application/json")

    # --- the rest -------------------------------------------------------------------------------

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        file = files("dbjobs.admin") / "static" / name
        # The router's name has no slash, but on Windows a backslash leads out of the folder, too.
        if name.startswith(".") or "\\" in name or not file.is_file():
            return await self._nowhere(request, NotFound(name))
        # A file requested with its version never changes; a module imported by another one is requested without.
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


def _short(details: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, cut so that the audit row stays small."""
    if len(msgspec.json.encode(details, enc_hook=str)) <= MOST_DETAILS:
        return details
    return {name: f"{value!s:.500}" for name, value in details.items()}
