"""`dbjobs migrate`: make the tables, or bring them to this release's version."""

from __future__ import annotations

import msgspec

from dbjobs.cli.connection import needed_url, run
from dbjobs.cli.options import DEFAULT_SCHEMA, AsJson, Schema, Url
from dbjobs.cli.output import write, write_json
from dbjobs.store.database import make_database
from dbjobs.store.transactions.migrate import migrate as apply_migrations
from dbjobs.store.transactions.migrate import schema_version


class Migrated(msgspec.Struct, frozen=True):
    """The migrations applied, in order, and the version that the tables have now."""

    applied: list[str]
    version: int


def migrate(url: Url = None, schema: Schema = DEFAULT_SCHEMA, as_json: AsJson = False) -> None:
    """Make the tables, or update them.

    Safe to repeat, and to run twice at once.
    """
    done = run(_migrate(needed_url(url), schema))
    if as_json:
        write_json(done)
        return
    for name in done.applied:
        write(f"applied {name}")
    write(f"the tables in schema {schema!r} have version {done.version}" + ("" if done.applied else ": nothing to do"))


async def _migrate(url: str, schema: str) -> Migrated:
    db = make_database(url, schema=schema)
    await db.open()
    try:
        applied = await apply_migrations(db)
        return Migrated(applied, await schema_version(db))
    finally:
        await db.close()
