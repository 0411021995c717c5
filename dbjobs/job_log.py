"""Routes an application's own log lines into the log of the job that is running."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from dbjobs.context import current_job
from dbjobs.engine import child
from dbjobs.engine.traces import trace_of
from dbjobs.text import MAX_LOG_CHARACTERS

# Loggers (their first names) whose lines are about how jobs are run, not about what a job does: dbjobs itself, the
# event loop, and the drivers through which these very lines are written.
NOT_ROUTED = frozenset(
    (
        "dbjobs", "asyncio", "aiomysql", "aioodbc", "aiosqlite", "asyncmy", "asyncpg", "psycopg", "psycopg2", "pymysql",
        "pyodbc",
    )
)  # fmt: skip
_LEVELS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"))

_here = threading.local()


class JobLogHandler(logging.Handler):
    """Writes each record that is logged while a job runs into that job's log, as ``job.log`` would.

    ::

        logging.getLogger("myapp").addHandler(JobLogHandler())

    It finds the job in async handlers, in plain ones (threads), and in ``process=True`` handlers, if the module that
    adds it is imported there, too. Outside of a handler it does nothing. A traceback follows the message. Records of
    dbjobs itself, of asyncio and of the database's drivers are left out, so it may stand on the root logger.

    It never raises and never waits: lines go out together with those of ``job.log``, within the same limits.

    Args:
        level: records below it are not routed.
    """

    def __init__(self, level: int | str = logging.NOTSET) -> None:
        super().__init__(level)

    def handle(self, record: logging.LogRecord) -> bool:
        """Route a record, unless a filter of this handler rejects it; True if it was routed."""
        take = _taker()
        if take is None or str(record.name).partition(".")[0] in NOT_ROUTED or getattr(_here, "busy", False):
            return False
        # No lock: nothing here is shared. A record that formatting this one brings about goes no further.
        _here.busy = True
        try:
            passed = self.filter(record)
            if passed:
                take(_level(record.levelno), self.text(record if passed is True else passed))
            return bool(passed)
        except Exception:
            with suppress(Exception):
                self.handleError(record)
            return False
        finally:
            _here.busy = False

    def emit(self, record: logging.LogRecord) -> None:
        """Route a record, as ``handle`` does."""
        self.handle(record)

    def text(self, record: logging.LogRecord) -> str:
        """What stands in the job's log: as the formatter says, if one was set, else the message and its traceback."""
        if self.formatter is not None:
            return self.formatter.format(record)
        text = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            if len(text) > MAX_LOG_CHARACTERS // 2:
                text = text[: MAX_LOG_CHARACTERS // 2 - 1] + "…"
            text = f"{text}\n{trace_of(error, MAX_LOG_CHARACTERS - len(text) - 1).rstrip()}"
        elif record.exc_text:
            text = f"{text}\n{record.exc_text}"
        if record.stack_info:
            text = f"{text}\n{record.stack_info}"
        return text


def _taker() -> Callable[[str, str], None] | None:
    """Where lines of the job go that is running here; None if none is."""
    context = current_job.get()
    if context is None:
        return child.tell.get()
    if context._settled:
        return None  # what a handler has left behind goes on after its job
    return lambda level, message: context.log(message, level=level)


def _level(number: int) -> str:
    for least, name in _LEVELS:
        if number >= least:
            return name
    return "debug"
