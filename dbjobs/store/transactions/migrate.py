"""Brings the tables to this release's version, once, however many nodes start at the same moment."""

from __future__ import annotations

from dbjobs.errors import JobsMoved, MissingPermission, SchemaTooNew, SchemaTooOld
from dbjobs.store import repository
from dbjobs.store.database import Database, Session
from dbjobs.store.repository import moving
from dbjobs.store.transactions.partitions import MONTHS_AHEAD, make_partitions_in, month_after

LATEST_VERSION = 7
# A transfer marks the tables on both sides with this version: no release, older ones included, opens them.
MOVED = 1_000_000


async def schema_version(db: repository.Fetcher) -> int:
    """Version of the tables; 0 if there are none."""
    if not (await db.fetch("has_schema"))[0][0]:
        return 0
    return int((await db.fetch("schema_version"))[0][0] or 0)


async def check(db: Database) -> None:
    """Compare the tables with this release.

    Raises:
        SchemaTooNew, SchemaTooOld.
    """
    version = await schema_version(db)
    await refuse_moved(db, version)
    compare(version, db)


async def migrate(db: Database) -> list[str]:
    """Apply what is missing, under a lock, in one transaction; the names of the migrations applied.

    A database that is up to date is only read, so roles without CREATE rights can start.

    Raises:
        SchemaTooNew: made by a newer release. MissingPermission: the role may not create tables.
    """
    version = await schema_version(db)
    if version > LATEST_VERSION:
        await refuse_moved(db, version)
        compare(version, db)
    if version == LATEST_VERSION:
        return []
    try:
        async with db.transaction() as session:
            return await _apply(db, session)
    except MissingPermission as error:
        raise MissingPermission(
            f"the tables in schema {db.schema!r} have version {version} and this release needs {LATEST_VERSION}, but "
            f"this user may not create them: run 'dbjobs migrate' as a user who may ({error})"
        ) from error


async def refuse_moved(db: Database, version: int) -> None:
    """Refuse tables whose jobs are elsewhere, or not all here yet.

    Raises:
        JobsMoved.
    """
    if version < MOVED:
        return
    known = await moving.find_transfer(db)
    other = known.get("other", "another database")
    if known.get("role") == "target":
        raise JobsMoved(
            f"a transfer of jobs from {other} into schema {db.schema!r} of this database is not finished: run "
            "'dbjobs transfer' with the same two URLs again, and it goes on where it stopped"
        )
    done = "have been moved" if "done" in known else "are being moved"
    raise JobsMoved(
        f"the jobs in schema {db.schema!r} of this database {done} to {other}: use that one. (To use this one "
        "anyway, run 'dbjobs transfer --undo' with its URL)"
    )


async def _apply(db: Database, session: Session) -> list[str]:
    await session.fetch("lock_schema")
    await session.script("make_schema", schema=f'"{db.schema}"')
    version = await schema_version(session)  # again: another node may have been faster
    applied: list[str] = []
    for number, name, text in db.statements.migrations():
        if number > version:
            await session.script(text)
            await session.fetch("record_version", version=number)
            applied.append(name)
    month = await repository.current_month(session)
    await make_partitions_in(session, [month_after(month, ahead) for ahead in range(MONTHS_AHEAD + 1)])
    return applied


def compare(version: int, db: Database) -> None:
    """Compare a version with this release's.

    Raises:
        SchemaTooNew, SchemaTooOld.
    """
    if version > LATEST_VERSION:
        raise SchemaTooNew(
            f"the tables in schema {db.schema!r} have version {version}, made by a newer release of dbjobs; "
            f"this release knows versions up to {LATEST_VERSION}: update the package in this environment"
        )
    if version < LATEST_VERSION:
        raise SchemaTooOld(
            f"the tables in schema {db.schema!r} have version {version} and this release needs {LATEST_VERSION}: "
            "run 'dbjobs migrate' (or open it with Jobs(..., migrate=True))"
        )
