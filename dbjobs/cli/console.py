"""The log lines of `dbjobs worker`, for an application that sets up no logging of its own."""

from __future__ import annotations

import logging
import time

from dbjobs.cli.output import clean
from dbjobs.log_filter import JobFilter


class ConsoleFormatter(logging.Formatter):
    """Time in UTC, level, process, logger, text; a line that a handler has logged begins with its job."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)-7s [%(process)d] %(name)s: %(about)s%(message)s",
            datefmt="%Y-%m-%d %H:%M:%S",
        )
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The line and its traceback without control characters: jobs may contain anybody's text."""
        job_id = getattr(record, "job_id", None)
        ours = record.name.partition(".")[0] == "dbjobs"  # lines of ours name their job in their own words
        record.about = "" if job_id is None or ours else f"job {job_id}: "
        record.exc_text = record.exc_text or getattr(record, "error_traceback", None)
        return clean(super().format(record))


def set_up(level: str) -> None:
    """Write readable log lines to stderr unless the application has set up logging itself.

    Args:
        level: of all loggers: debug, info, warning or error.
    """
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(ConsoleFormatter())
    handler.addFilter(JobFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
