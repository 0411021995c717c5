"""Tells an application's own log lines which job they belong to."""

from __future__ import annotations

import logging

from dbjobs.context import current_job


class JobFilter(logging.Filter):
    """Gives every log record the attributes ``job_id``, ``command`` and ``attempt``; None outside of a handler.

    Add it to a ``logging.Handler`` (a filter on a logger sees only what is logged on that very logger)::

        handler.addFilter(JobFilter())
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s job=%(job_id)s %(message)s"))

    It works in async handlers and in threads. A handler with ``process=True`` runs in a process of its own, whose
    logging knows nothing of its job.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record pass; what a record has already (dbjobs' own lines do) stays."""
        context = current_job.get()
        fields = vars(record)
        if "job_id" not in fields:
            record.job_id = None if context is None else context.id
            fields.setdefault("command", None if context is None else context.command)
            fields.setdefault("attempt", None if context is None else context.attempt)
        return True
