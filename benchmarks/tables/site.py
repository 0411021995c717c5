"""Where a run takes place: one database with the job tables in it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.peers import Dialect
from benchmarks.tables.job_tables import JobTables


@dataclass(frozen=True)
class Site:
    """A database of the run's own.

    Attributes:
        dialect: which kind it is.
        url: what ``Jobs(url)`` takes.
        tables: the job tables in it, for everything that is not measured.
    """

    dialect: Dialect
    url: str
    tables: JobTables
