"""May a transfer begin, resume, or be closed? Asks both sides, and marks them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dbjobs.errors import TransferRefused
from dbjobs.moving import state
from dbjobs.store import repository
from dbjobs.store.database import Database, missing_file
from dbjobs.store.repository import moving
from dbjobs.store.repository.rows import moment_of
from dbjobs.store.schemas import DEFAULT
from dbjobs.store.transactions.migrate import MOVED, compare, migrate, schema_version
from dbjobs.store.transactions.partitions import first_day, month_after
from dbjobs.store.url import hidden


class Side:
    """One of the two databases.

    Attributes:
        name: for messages, and for the other side's notes: its URL without the login.
        known: what its tables say about a transfer; empty without a mark.
    """

    def __init__(self, db: Database, name: str) -> None:
        self.db = db
        self.name = name
        self.is_open = False
        self.known: dict[str, str] = {}

    async def open(self) -> None:
        """Connect."""
        self.is_open = True
        await self.db.open()

    async def look(self) -> int:
        """Read what this side knows about a transfer; returns the version of its tables."""
        version = await schema_version(self.db)
        self.known = await moving.find_transfer(self.db) if version >= MOVED else {}
        return await state.version_of(self.db) if version >= MOVED else version


def name_of(url: str, schema: str) -> str:
    """A database's name in messages."""
    return hidden(url) if schema == DEFAULT else f"{hidden(url)} (schema {schema})"


def check_apart(source: Side, target: Side) -> None:
    """Refuse to copy tables onto themselves.

    Raises:
        TransferRefused.
    """
    if (_place(source.db), source.db.schema) == (_place(target.db), target.db.schema):
        raise TransferRefused(f"source and target are the same: {source.name}; give two databases, or two schemas")


def _place(db: Database) -> str:
    """Where a database is: for a file its canonical path, however the URL writes it."""
    path = getattr(db, "path", None)
    return str(path.resolve()) if isinstance(path, Path) else db.url


async def begin(source: Side, target: Side, id: str, without: Sequence[str]) -> tuple[str, bool]:
    """Begin a transfer, or resume the one that was begun.

    Returns:
        Its id, and whether it was resumed.

    Raises:
        TransferRefused.
    """
    await _look(source, target)
    await check_nodes(source, target)
    if source.known and target.known and source.known["id"] == target.known["id"]:
        if source.known["role"] == target.known["role"] or "place" not in target.known:
            raise TransferRefused(f"source and target are the same tables: {source.name} and {target.name}")
        _check_parts(source, without)
        return source.known["id"], True
    _check_free(source, target)
    if not source.known:
        await _check_empty(target)
        await state.mark(source.db, "source", id, target.name, without)
        try:  # a node may have started between the look and the mark
            await check_nodes(source, target)
            if await moving.find_transfer(target.db):
                raise TransferRefused(f"source and target are the same tables: {source.name} and {target.name}")
        except TransferRefused:
            await state.unmark(source.db)
            raise
    else:  # killed between the two marks
        _check_parts(source, without)
        await _check_empty(target)
        id = source.known["id"]
    await state.mark(target.db, "target", id, source.name, without)
    return id, bool(source.known)


async def _look(source: Side, target: Side) -> None:
    if (path := missing_file(source.db)) is not None:
        raise TransferRefused(f"the source does not exist: there is no file {path}")
    await source.open()
    version = await source.look()
    if version == 0:
        raise TransferRefused(f"the source has no tables of dbjobs in schema {source.db.schema!r}: {source.name}")
    compare(version, source.db)
    await target.open()
    if not await _is_marked(target):
        await migrate(target.db)


async def _is_marked(side: Side) -> bool:
    """True if the tables carry the mark of a transfer."""
    version = await side.look()
    if side.known:
        compare(version, side.db)
    return bool(side.known)


def _check_free(source: Side, target: Side) -> None:
    """Refuse sides that belong to another transfer."""
    if source.known.get("role") == "target":
        raise TransferRefused(
            f"the source is itself the target of a transfer from {source.known['other']} that has not ended: finish "
            "that one first"
        )
    if target.known:
        what = "from" if target.known["role"] == "target" else "away to"
        raise TransferRefused(
            f"the target belongs to another transfer, {what} {target.known['other']}: finish that one, or take another "
            "schema (--target-schema), or remove the target's tables"
        )
    if "done" in source.known:
        raise TransferRefused(
            f"the jobs of this source have been moved to {source.known['other']} already: use that database. (To use "
            "the source again, run 'dbjobs transfer --undo' with its URL)"
        )
    if source.known and source.known["other"] != target.name:
        raise TransferRefused(
            f"a transfer of this source to {source.known['other']} has begun: go on with that target. (To give it up, "
            "run 'dbjobs transfer --undo' with the source's URL)"
        )


def _check_parts(source: Side, without: Sequence[str]) -> None:
    begun = source.known["without"]
    if begun != ",".join(without):
        words = " ".join(f"--without {part}" for part in begun.split(",") if part) or "no --without"
        raise TransferRefused(f"this transfer was begun with {words}: go on with the same")


async def check_nodes(source: Side, target: Side) -> None:
    """Refuse to work while nodes run.

    Raises:
        TransferRefused: a node is alive on either side.
    """
    for role, side in (("source", source), ("target", target)):
        alive = [node for node in await repository.list_nodes(side.db) if node.alive]
        if alive:
            names = ", ".join(sorted({node.name for node in alive})[:5])
            raise TransferRefused(
                f"{len(alive)} node(s) are alive on the {role} ({names}): stop every worker, and everything that "
                "enqueues, then run the transfer again. A node that was killed counts as alive until its lease has run "
                "out"
            )


async def _check_empty(target: Side) -> None:
    """Refuse a target that holds anything."""
    months = await repository.list_partitions(target.db)
    requests = await repository.list_request_months(target.db)
    for table in moving.TABLES:
        every = (requests if table.part == "requests" else months) if table.by_month else [None]
        for month in every:
            if await _holds(target.db, table, month):
                raise TransferRefused(
                    f"the target holds rows already, in {table.name}: take an empty schema (--target-schema) or "
                    "another database"
                )
    if not await moving.is_settled(target.db):
        raise TransferRefused("the target holds ended jobs already: take an empty schema (--target-schema)")


async def _holds(db: Database, table: moving.MovedTable, month: str | None) -> bool:
    named = None if month is None else month_of(month)
    return bool((await moving.read_page(db, table, named, tuple(table.key.values()), 1, most_rows=1)).rows)


def month_of(month: str) -> moving.Month:
    """A month ('YYYYMM') as the statements take it."""
    return moving.Month(month, moment_of(first_day(month)), moment_of(first_day(month_after(month))))


async def close(source: Side, target: Side, id: str) -> None:
    """Note on the source that its jobs have moved, and let nodes and clients into the target."""
    if "done" not in await moving.find_transfer(source.db):
        await moving.write_transfer(source.db, "done", id)
    await state.unmark(target.db)


async def reopen(side: Side) -> str:
    """Take the mark off a source; returns the target's name.

    Raises:
        TransferRefused: there is none.
    """
    if (path := missing_file(side.db)) is not None:
        raise TransferRefused(f"there is no file {path}")
    await side.open()
    await side.look()
    if side.known.get("role") != "source":
        raise TransferRefused(f"{side.name} carries no mark of a transfer away from it; there is nothing to undo")
    await state.unmark(side.db)
    return side.known["other"]
