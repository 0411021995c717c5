"""The middleware: hands a record of each request to a buffer, and never slows or fails one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Unpack

from dbjobs.commands.options import switch
from dbjobs.errors import InvalidOption
from dbjobs.jobs import Jobs
from dbjobs.requestlog.buffer import Buffer
from dbjobs.requestlog.flusher import Flusher
from dbjobs.requestlog.observed import Message, Observed, Receive, Send
from dbjobs.requestlog.routes import Scope
from dbjobs.requestlog.settings import RequestLogOptions, make_settings
from dbjobs.requests import RequestCounts

log = logging.getLogger("dbjobs.requests")

App = Callable[[Any, Any, Any], Awaitable[None]]
_CHARACTERS_PER_RECORD = 3200  # of memory that the buffer may use per record, on average
_ENDS = ("lifespan.shutdown.complete", "lifespan.shutdown.failed")


class RequestLog:
    """An ASGI middleware that logs an application's requests to the database.

    Starlette and FastAPI: ``app.add_middleware(RequestLog, jobs=jobs)``. Others: ``app = RequestLog(app, jobs=jobs)``.
    A request hands over a small record and goes on. A background task writes the records in batches over its own
    connection. If the database is slow or away, the buffer fills up and then drops records; ``counts`` says how many.

    Args:
        app: the ASGI application.
        jobs: whose database the log goes to; it need not be open.
        url: another database, in place of ``jobs``.
        schema: of ``url``: schema or prefix of the tables.
        migrate: of ``url``: make or update the tables.
        options: see docs/request-log.md.

    Raises:
        InvalidOption, InvalidUrl, MissingDriver: at once, before anything connects.
    """

    def __init__(
        self,
        app: App,
        *,
        jobs: Jobs | None = None,
        url: str | None = None,
        schema: str = "dbjobs",
        migrate: bool = True,
        **options: Unpack[RequestLogOptions],
    ) -> None:
        if (jobs is None) == (url is None):
            raise InvalidOption("RequestLog: give either jobs=, whose database it writes to, or url=")
        if jobs is not None and not isinstance(jobs, Jobs):
            raise InvalidOption(f"RequestLog: jobs={jobs!r} is no dbjobs.Jobs")
        switch(migrate, "RequestLog: migrate")
        self._app = app
        self._settings = make_settings(options)
        if jobs is None:
            jobs = Jobs(str(url), schema=schema, migrate=migrate)
        self.jobs = jobs
        self._buffer = Buffer(self.counts, self._settings.buffer, self._settings.buffer * _CHARACTERS_PER_RECORD)
        self._flusher: Flusher | None = None
        self._told = False

    @property
    def counts(self) -> RequestCounts:
        """How many requests this process saw, wrote and dropped; the same as ``jobs.requests.counts``."""
        return self.jobs.requests.counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, self._ending(send))
            return
        observed = self._observe(scope, receive, send) if kind == "http" else None
        if observed is None:
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, observed.receive, observed.send)
        except BaseException as error:
            self._end(observed, error)
            raise
        self._end(observed, None)

    async def close(self) -> None:
        """Write what is left, in ``close_seconds`` at most. With lifespan events this happens by itself."""
        flusher, self._flusher = self._flusher, None
        if flusher is not None:
            await flusher.close()

    def _observe(self, scope: Scope, receive: Receive, send: Send) -> Observed | None:
        """Start observing a request; None if it is left out."""
        settings = self._settings
        try:
            if settings.excludes is not None and settings.excludes.match(scope["path"]):
                return None
            if settings.skip is not None and settings.skip(scope):
                return None
            return Observed(scope, receive, send, settings)
        except Exception:
            self._failed()
            return None

    def _end(self, observed: Observed, error: BaseException | None) -> None:
        """Hand the record over. Whatever goes wrong here is the log's problem, not the request's."""
        if observed.left_out:
            return
        try:
            seen = observed.end(error)
            if self._settings.on_request is not None and self._settings.on_request(seen) is False:
                return
            self._buffer.put(seen)
            self._wake()
        except Exception:
            self._failed()

    def _wake(self) -> None:
        loop = asyncio.get_running_loop()
        if self._flusher is None or not self._flusher.serves(loop):
            self._flusher = Flusher(self.jobs, self._buffer, self._settings)
            self._flusher.start(loop)
        self._flusher.wake()

    def _failed(self) -> None:
        self.counts.failed += 1
        if not self._told:
            self._told = True
            log.exception("a request could not be logged; it was served, and further ones are only counted")

    def _ending(self, send: Send) -> Send:
        """Wrap ``send`` of the lifespan: write what is left before the application has ended."""

        async def ending(message: Message) -> None:
            if message["type"] in _ENDS:
                try:
                    await self.close()
                except Exception:
                    self._failed()
            await send(message)

        return ending
