"""Moves all jobs from one database to another, whatever kinds these are."""

from dbjobs.moving.report import Progress, TableReport, Transferred
from dbjobs.moving.settings import PARTS, Part
from dbjobs.moving.transfer import reopen, transfer

__all__ = ["PARTS", "Part", "Progress", "TableReport", "Transferred", "reopen", "transfer"]
