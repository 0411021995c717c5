"""The door: lets visitors in by what they bring, and shows the others how to ask."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dbjobs.admin import failures, forgery
from dbjobs.admin.access import host_of, visitor_of
from dbjobs.admin.call import Call, Refused
from dbjobs.admin.inputs import bounded, inner
from dbjobs.admin.paths import path_of
from dbjobs.admin.sessions import LINK, Sessions
from dbjobs.admin.settings import AdminSettings
from dbjobs.admin.shell import Shell
from dbjobs.admin.tokens import Keeper
from dbjobs.admin.visitor import Visitor
from dbjobs.errors import DbjobsError
from dbjobs.jobs import Jobs
from dbjobs.store.database import Database


class Door:
    """Lets visitors into one page."""

    def __init__(self, jobs: Jobs, settings: AdminSettings, keeper: Keeper, shell: Shell) -> None:
        self._jobs = jobs
        self._settings = settings
        self._keeper = keeper
        self._shell = shell
        self.sessions = Sessions(keeper, settings)

    def _check_host(self, request: Request) -> None:
        hosts = self._settings.allowed_hosts
        if hosts and host_of(request) not in hosts:
            raise Refused(f"the page is not called {host_of(request)!r} (allowed_hosts)")

    def _database(self) -> Database:
        return self._jobs._client.db

    async def let_in(self, request: Request) -> Visitor:
        """Who asks.

        Raises:
            Unknown: nobody we let in. Refused: the host name is not allowed. AuthorizeFailed. NotRunning.
        """
        self._check_host(request)
        visitor = await visitor_of(request, self._settings, self.sessions, self._database, path_of(request))
        if visitor is None:
            raise failures.Unknown(self._who_is_let_in())
        return visitor

    def _who_is_let_in(self) -> str:
        if self._settings.authorize is not None:
            return "The application does not let you in here."
        if self._settings.tokens:
            return "You need a token: give it in the header Authorization: Bearer, or log in on a page."
        return failures.CLOSED

    async def open_link(self, request: Request) -> Response | None:
        """Take a read-only link's seal out of the URL, so nothing shows it or passes it on."""
        if request.method != "GET" or LINK not in request.query_params:
            return None
        self._check_host(request)
        found = await self.sessions.followed(self._database(), request)
        if found is None:
            return None
        rest = [pair for pair in request.query_params.multi_items() if pair[0] != LINK]
        answer = RedirectResponse(f"?{urlencode(rest)}", status_code=303)
        await self.sessions.keep_link(self._database(), request, answer, found[1])
        return answer

    async def login_form(self, request: Request, status: int, message: str, back: str | None = None) -> Response:
        """A page that asks for a token."""
        if back is None:
            back = f".{path_of(request)}" + (f"?{request.url.query}" if request.url.query else "")
        headers = {"www-authenticate": "Bearer"} if status == 401 else None
        return await self._shell.failure(None, request, status, self._settings.title, message, headers, back)

    async def login(self, request: Request) -> Response:
        """Begin a session for a token."""
        request = bounded(request)
        try:
            self._check_host(request)
            forgery.check_origin(request, self._settings)
            form = await request.form(max_files=0, max_fields=10)
            back = inner(str(form.get("next", "")), "./")
            answer = RedirectResponse(back, status_code=303)
            if await self.sessions.begin(self._database(), request, answer, str(form.get("given", ""))):
                return answer
            return await self.login_form(request, 401, "That is not a token of this page.", back)
        except DbjobsError as error:
            return await failures.answer(self._shell, None, request, error)
        except HTTPException as error:
            return await failures.answer(self._shell, None, request, msgspec.ValidationError(error.detail), 400)

    async def leave(self, call: Call) -> Response:
        """End the session."""
        form = await call.request.form(max_files=0, max_fields=10)
        forgery.check_origin(call.request, self._settings)
        await forgery.check_token(self._keeper, call.db, call.request, call.visitor, str(form.get(forgery.FIELD, "")))
        answer = RedirectResponse("./", status_code=303)
        await self.sessions.end(call.db, call.request, answer)
        return answer
