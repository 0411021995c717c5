"""The database of a Jobs object, opened once for all who use it, in one event loop at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

from dbjobs.errors import DatabaseUnavailable, InvalidOption, NotRunning, SchemaTooOld, WrongLoop
from dbjobs.store.database import Database, missing_file
from dbjobs.store.transactions.migrate import check, migrate


class Opening:
    """Opens the database for the first who asks and closes it after the last.

    Args:
        make: creates the database object.
        migrate: bring the tables up to date, instead of checking them only.
        begin: called with the database; creates what belongs to one event loop. None of it may outlive the last close.
        end: writes what is pending and ends all that, while the database is still open.
    """

    def __init__(
        self,
        make: Callable[[], Database],
        *,
        migrate: bool,
        begin: Callable[[Database], None],
        end: Callable[[], Awaitable[None]],
    ) -> None:
        self._on_begin = begin
        self._on_end = end
        self._bind(make, migrate=migrate)

    def _bind(self, make: Callable[[], Database], *, migrate: bool) -> None:
        self.make, self._db, self.migrates = make, make(), migrate
        self._opened = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin()

    def rebind(self, make: Callable[[], Database], *, migrate: bool) -> None:
        """Belong to another database from here on.

        Raises:
            InvalidOption: this one is open.
        """
        if self.is_open:
            raise InvalidOption("an open Jobs object cannot change its database: leave its block first")
        self._bind(make, migrate=migrate)

    def _begin(self) -> None:
        self._opening = asyncio.Lock()
        self._on_begin(self._db)

    def database(self) -> Database:
        """The open database.

        Raises:
            NotRunning: it is not open. WrongLoop: it is open in another event loop.
        """
        if not self._opened:
            _this_loop()  # under another library than asyncio, opening it would not help
            raise NotRunning("the database is not open: use 'async with jobs:' or 'async with jobs.start():'")
        self._check_loop()
        return self._db

    @property
    def unchecked(self) -> Database:
        """The open database, for another thread that runs coroutines in this event loop."""
        return self._db

    @property
    def is_open(self) -> bool:
        """True while it is open, in an event loop that still lives."""
        return self._opened > 0 and self.is_alive

    @property
    def is_alive(self) -> bool:
        """True while it belongs to an event loop that still lives."""
        return self._loop is not None and not self._loop.is_closed()

    def _check_loop(self) -> None:
        """Connections belong to the event loop they were made in; another one would damage them.

        Raises:
            WrongLoop: this is not that loop.
        """
        if _this_loop() is not self._loop:
            raise WrongLoop(
                "this Jobs object is open in another event loop. In a plain handler's thread call "
                "jobs.sync.enqueue(command, request) or anyio.from_thread.run(jobs.enqueue, command, request), not "
                "asyncio.run(jobs.enqueue(...)); elsewhere open another Jobs object: async with Jobs(url) as own"
            )

    async def open(self) -> None:
        """Open the database once, however many callers ask, and bring the tables up to date."""
        self._enter_loop()
        async with self._opening:
            if not self._opened:
                self._loop = asyncio.get_running_loop()  # a close or a failed opening may have dropped it
                if not self.migrates and (path := missing_file(self._db)) is not None:
                    raise SchemaTooOld(
                        f"there is no file {path}; if the path is right, run 'dbjobs migrate' to make it"
                    )
                try:
                    await self._db.open()
                    await (migrate if self.migrates else check)(self._db)
                except BaseException:
                    self._loop = None
                    await self._db.close()
                    raise
            self._opened += 1

    def _enter_loop(self) -> None:
        """Belong to this event loop from here on.

        Raises:
            WrongLoop: another loop that still lives has the database open, or no asyncio loop runs here.
        """
        loop = _this_loop()
        if self._loop is loop:
            return
        if self._loop is not None:
            if not self._loop.is_closed() and (self._opened or self._opening.locked()):
                self._check_loop()
            if self._opened:  # that loop ended without a close, and took its connections with it
                self._db = self.make()
                self._opened = 0
        self._loop = loop
        self._begin()

    async def close(self) -> None:
        """Close the database when the last user closes."""
        async with self._opening:
            self._opened -= 1
            if self._opened:
                return
            self._opened = 1  # pending writes need the database
            try:
                await self._on_end()
            finally:
                self._opened = 0
                self._loop = None
                await self._db.close()

    @asynccontextmanager
    async def for_engine(self, lease_seconds: float) -> AsyncIterator[tuple[Database, Awaitable[None]]]:
        """The workers' own database object, and its opening.

        Callers cannot take its connections. The opening goes on beside what the block does, and the block must wait for
        it before it uses the database: a start makes several connections, and one need not wait for another.
        """
        db = self.database().for_engine(lease_seconds)
        opening = asyncio.ensure_future(self._open_for_engine(db))
        opening.add_done_callback(lambda done: done.cancelled() or done.exception())  # the block may end without it
        try:
            yield db, opening
        finally:
            with anyio.CancelScope(shield=True):
                opening.cancel()
                await asyncio.wait({opening})
                if db is not self._db:
                    await db.close()

    async def _open_for_engine(self, db: Database) -> None:
        if db is self._db:
            return
        try:
            await db.open()
        except DatabaseUnavailable:
            self._db.distrust()  # ours may be dead as well
            raise

    def distrust(self, unanswered_seconds: float | None) -> None:
        """A connection to the database had to be replaced (see Database.distrust)."""
        self._db.distrust(unanswered_seconds)


def _this_loop() -> asyncio.AbstractEventLoop:
    """The event loop that runs in this thread.

    Raises:
        WrongLoop: no asyncio event loop runs here.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise WrongLoop(
            "dbjobs runs on asyncio (or uvloop), and no asyncio event loop runs here: start the program with "
            "asyncio.run(main()) or anyio.run(main, backend='asyncio'). Trio, alone or as anyio's backend, cannot run "
            "it; code without an event loop calls jobs.sync"
        ) from None
