"""Moves all jobs from one database to another, of the same kind or not."""

from dbjobs.moving.mover import reopen, transfer
from dbjobs.moving.report import Progress, TableReport, Transferred
from dbjobs.moving.settings import PARTS, Part

__all__ = ["PARTS", "Part", "Progress", "TableReport", "Transferred", "reopen", "transfer"]
