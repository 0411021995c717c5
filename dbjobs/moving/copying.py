"""Copies one table, or one month of it, page by page; each page and its place go into one transaction of the target."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from dbjobs.errors import DatabaseError, DataRefused, TransferRefused
from dbjobs.moving.settings import PAGE_BYTES
from dbjobs.moving.state import Place
from dbjobs.store.database import Database, FillingSession
from dbjobs.store.repository import moving
from dbjobs.store.repository.moving import Month, MovedTable, Page
from dbjobs.store.retrying import without_conflict


class Section(NamedTuple):
    """A unit of copying: a table, or one month of it."""

    table: MovedTable
    month: Month | None

    @property
    def name(self) -> str:
        """Its name in the place of a transfer."""
        return self.table.name if self.month is None else f"{self.table.name}:{self.month.month}"


class Highest:
    """The highest numbers seen; the target must go on above them."""

    def __init__(self) -> None:
        self.job_id = self.log_id = self.node_id = 0

    def see(self, table: MovedTable, page: Page) -> None:
        """Look at a page of any table."""
        if table.name in ("background_job", "completed_job", "failed_job"):
            self.job_id = max(self.job_id, *_column(page, "id"))
        if table.name == "job_ref":  # the job itself may stay behind with its history
            self.job_id = max(self.job_id, *_column(page, "job_id"))
        if table.name == "job_log":
            self.log_id = max(self.log_id, *_column(page, "id"))
        for column in ("node_id", "counter"):
            if column in page.columns and table.part != "requests":
                self.node_id = max(self.node_id, *(value or 0 for value in _column(page, column)))


def _column(page: Page, name: str) -> list[int]:
    at = page.columns.index(name)
    return [row[at] for row in page.rows]


async def copy(
    source: Database, target: Database, section: Section, place: Place, told: Callable[[int], None]
) -> Place:
    """Copy a section from where it was left off; returns the place after it.

    Args:
        told: called after each page with how many rows of the section are copied.

    Raises:
        TransferRefused: the target cannot store a row, or another process does the same transfer.
    """
    table, month = section
    here = place.section == section.name
    after, rows = (place.key(), place.rows) if here else (tuple(table.key.values()), 0)
    page = await moving.read_page(source, table, month, after, PAGE_BYTES)
    while page.rows:
        # The next page is read while this one is written.
        following = asyncio.create_task(moving.read_page(source, table, month, page.after, PAGE_BYTES))
        try:
            rows += len(page.rows)
            place = await _write(target, table, page, place, place.at(section.name, page.after, rows))
            told(rows)
            page = await following
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError, DatabaseError):
                await following
    return await _advance(target, place, place.behind(section.name, rows))


async def _write(target: Database, table: MovedTable, page: Page, place: Place, further: Place) -> Place:
    async def work(session: FillingSession) -> None:
        await _note(session, place, further)  # first: the second of two processes waits here, then gives up
        await session.copy_rows(table.name, page.columns, page.rows)

    try:
        await without_conflict(lambda: target.fill(work))
    except DataRefused as error:
        raise TransferRefused(await _culprit(target, table, page, error)) from error
    return further


async def _advance(target: Database, place: Place, further: Place) -> Place:
    async def work(session: FillingSession) -> None:
        await _note(session, place, further)

    await without_conflict(lambda: target.fill(work))
    return further


async def _note(session: FillingSession, place: Place, further: Place) -> None:
    if not await moving.advance_transfer(session, further.text, place.text):
        raise TransferRefused(
            "another process is doing the same transfer; this one has written nothing more. Let the other one end"
        )


class _Tried(Exception):
    """Rolls a trial back."""


async def _culprit(target: Database, table: MovedTable, page: Page, error: DataRefused) -> str:
    """Which row the target refuses: try halves, and roll them back."""
    rows: Sequence[moving.Values] = page.rows
    while len(rows) > 1:
        half = rows[: len(rows) // 2]
        rows = half if await _is_refused(target, table, page.columns, half) else rows[len(half) :]
    at = page.columns.index
    key = ", ".join(f"{name} {rows[0][at(name)]!r}" for name in table.key if name in page.columns)
    return (
        f"the target cannot store the row of {table.name} with {key}: {error}. Everything before it is copied. Correct "
        "or delete that row on the source, then run the transfer again"
    )


async def _is_refused(
    target: Database, table: MovedTable, columns: Sequence[str], rows: Sequence[moving.Values]
) -> bool:
    async def trial(session: FillingSession) -> None:
        await session.copy_rows(table.name, columns, rows)
        raise _Tried

    try:
        await target.fill(trial)
    except _Tried:
        return False
    except DataRefused:
        return True
    return False
