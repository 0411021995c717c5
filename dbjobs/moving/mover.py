"""Moves all jobs from one database to another: begin or resume, copy, compare, close."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import anyio

from dbjobs.errors import TransferMismatch, TransferRefused
from dbjobs.moving import beginning, state
from dbjobs.moving.beginning import Side, month_of
from dbjobs.moving.comparing import Sum, sum_of
from dbjobs.moving.copying import Highest, Section, copy
from dbjobs.moving.report import Progress, TableReport, Transferred
from dbjobs.moving.settings import Part, parts_left_out, tables_of
from dbjobs.store import repository
from dbjobs.store.database import Database, make_database
from dbjobs.store.repository import moving
from dbjobs.store.repository.moving import MovedTable, Page
from dbjobs.store.transactions.partitions import make_partitions
from dbjobs.store.transactions.requests import make_request_months
from dbjobs.store.url import hidden

Told = Callable[[Progress], None]
_LOOK_SECONDS = 0.05
# How long SQLite may take to move ended jobs into the files of their months: some seconds for hundreds of thousands.
SETTLE_SECONDS = 300.0


async def transfer(
    source: str,
    target: str,
    *,
    source_schema: str = "dbjobs",
    target_schema: str = "dbjobs",
    without: Iterable[Part] = (),
    progress: Told | None = None,
) -> Transferred:
    """Copy everything about jobs from one database to another, and compare both.

    Jobs keep their ids. You may kill it at any moment: called again with the same databases, it resumes where it was.
    Once it begins, the source refuses nodes and clients (``JobsMoved``); the target does so until the end. Jobs that
    were running when their node died arrive as queued.

    Args:
        source, target: database URLs (see Jobs).
        source_schema, target_schema: schema or prefix of the tables.
        without: ``"requests"``, ``"history"``, ``"logs"``, ``"statistics"``: what stays behind.
        progress: called after each page with how far it is.

    Returns:
        What was compared, table by table; all equal.

    Raises:
        TransferRefused: nodes are alive on either side, the target holds jobs already, the two are the same, ...
        TransferMismatch: source and target differ at the end: something wrote to one of them meanwhile.
        InvalidUrl, InvalidOption, MissingDriver, DatabaseError.
    """
    began = time.monotonic()
    left_out = parts_left_out(without)
    async with _opened(source, source_schema) as from_side, _opened(target, target_schema) as to_side:
        beginning.check_apart(from_side, to_side)
        id, resumed = await beginning.begin(from_side, to_side, secrets.token_hex(16), left_out)
        work = _Transfer(from_side.db, to_side.db, tables_of(left_out), progress)
        copied = await work.copy()
        reports = await work.compare()
        await beginning.check_nodes(from_side, to_side)
        highest = work.highest
        # Ids of history that stays behind are not reused: somebody may have written them down.
        newest = await repository.list_jobs(from_side.db, before_id=2**63 - 1, limit=1)
        job_id = max(highest.job_id, *(job.id for job in newest), 0)
        await moving.raise_ids(to_side.db, job_id, highest.log_id, highest.node_id)
        await beginning.close(from_side, to_side, id)
    return Transferred(tuple(reports), copied, resumed, time.monotonic() - began)


async def reopen(source: str, *, schema: str = "dbjobs") -> str:
    """Take the mark of a transfer off its source, so that nodes and clients may use it again.

    Returns:
        The target to which its jobs were copied, entirely or in part. What is there stays there.

    Raises:
        TransferRefused: there is no such mark.
    """
    async with _opened(source, schema) as side:
        return await beginning.reopen(side)


@asynccontextmanager
async def _opened(url: str, schema: str) -> AsyncIterator[Side]:
    db = make_database(url, schema=schema)
    side = Side(db, beginning.name_of(url, schema))
    try:
        yield side
    finally:
        if side.is_open:
            with anyio.CancelScope(shield=True):
                await db.close()


class _Transfer:
    """One run over two open databases."""

    def __init__(self, source: Database, target: Database, tables: Sequence[MovedTable], progress: Told | None) -> None:
        self._source, self._target, self._tables = source, target, tables
        self._progress = progress
        self._began = time.monotonic()
        self._rows = 0
        self.highest = Highest()

    async def copy(self) -> int:
        """Copy what is not copied yet; returns how many rows that was."""
        await _settled(self._source)
        history = await repository.list_partitions(self._source)
        requests = await repository.list_request_months(self._source)
        await make_partitions(self._target, history)
        if any(table.part == "requests" for table in self._tables):
            await make_request_months(self._target, requests)
        place = state.place_of(await moving.find_transfer(self._target))
        copied = 0
        for section in _sections(self._tables, history, requests):
            if section.name in place.done:
                continue
            before = place.rows if place.section == section.name else 0
            place = await copy(self._source, self._target, section, place, self._teller("copying", section))
            copied += place.done[section.name] - before
        return copied

    async def compare(self) -> list[TableReport]:
        """Compare both sides, table by table.

        Raises:
            TransferMismatch.
        """
        await _settled(self._target)
        await _settled(self._source)
        months = sorted(
            {*await repository.list_partitions(self._source), *await repository.list_partitions(self._target)}
        )
        requests = sorted(
            {*await repository.list_request_months(self._source), *await repository.list_request_months(self._target)}
        )
        sums: dict[str, tuple[Sum, Sum]] = {table.name: (Sum(), Sum()) for table in self._tables}
        for section in _sections(self._tables, months, requests):
            found = await self._sums(section)
            so_far = sums[section.table.name]
            sums[section.table.name] = (so_far[0].plus(found[0]), so_far[1].plus(found[1]))
        reports = [
            TableReport(name, ours.rows, theirs.rows, ours.text, theirs.text) for name, (ours, theirs) in sums.items()
        ]
        _check_equal(reports)
        return reports

    async def _sums(self, section: Section) -> tuple[Sum, Sum]:
        tell = self._teller("comparing", section)
        rows = 0

        def seen(page: Page) -> None:
            nonlocal rows
            rows += len(page.rows)
            self.highest.see(section.table, page)
            tell(rows)

        table, month = section
        ours = asyncio.create_task(sum_of(self._source, table, month, seen))
        try:
            theirs = await sum_of(self._target, table, month, lambda _: None)
            return await ours, theirs
        finally:
            ours.cancel()
            await asyncio.wait((ours,))

    def _teller(self, doing: str, section: Section) -> Callable[[int], None]:
        told = 0

        def tell(rows: int) -> None:
            nonlocal told
            self._rows += rows - told
            told = rows
            if self._progress is not None:
                rate = self._rows / max(time.monotonic() - self._began, 1e-9)
                month = "" if section.month is None else section.month.month
                self._progress(Progress(doing, section.table.name, month, rows, rate))

        return tell


def _sections(tables: Sequence[MovedTable], history: Sequence[str], requests: Sequence[str]) -> list[Section]:
    """What is copied, in order."""
    sections: list[Section] = []
    for table in tables:
        if not table.by_month:
            sections.append(Section(table, None))
            continue
        for month in requests if table.part == "requests" else history:
            sections.append(Section(table, month_of(month)))
    return sections


async def _settled(db: Database) -> None:
    """Wait until all ended jobs are in their months, where we read them.

    Raises:
        TransferRefused: they do not get there in time.
    """
    with anyio.move_on_after(SETTLE_SECONDS) as limit:
        while not await moving.is_settled(db):  # noqa: ASYNC110 - another thread copies, and tells nobody
            await anyio.sleep(_LOOK_SECONDS)
    if limit.cancelled_caught:
        raise TransferRefused(
            f"ended jobs of {hidden(db.url)} have not been copied to the files of their months within "
            f"{SETTLE_SECONDS:g} s: is the disk full? (The warnings above say more.) Run the transfer again when that "
            "is fixed"
        )


def _check_equal(reports: Sequence[TableReport]) -> None:
    different = [report for report in reports if not report.is_equal]
    if not different:
        return
    told = "; ".join(
        f"rows of {report.table}: {report.source_rows} on the source, {report.target_rows} on the target"
        + ("" if report.source_rows != report.target_rows else ", not the same ones")
        for report in different
    )
    raise TransferMismatch(
        f"source and target differ: {told}. Something has written to one of them during the transfer: stop it, remove "
        "the tables of the target (or take another schema), run 'dbjobs transfer --undo' for the source, and begin "
        "anew",
        reports,
    )
