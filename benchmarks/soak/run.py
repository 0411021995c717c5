"""One soak from start to end: ``python -m benchmarks soak --minutes 10 --db postgres``."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import get_args

from benchmarks.peers import Dialect
from benchmarks.server import NoServer
from benchmarks.soak.load import Load
from benchmarks.soak.verdict import Finding, findings, size_of
from benchmarks.soak.workers import LEASE_SECONDS, Workers
from dbjobs import DatabaseError
from tests.conformance.raw import Raw
from tests.servers import LeftOut, ThrowawayServer
from tests.servers.targets import DEFAULT_POSTGRES, make_server

# After the callers and the troubles have ended: for what still runs, waits for its retry or for a rescue.
FINISH_SECONDS = 180.0
# The oldest worker's first size is taken when its caches have begun to fill.
EARLY_SHARE = 0.3


def main(arguments: list[str]) -> bool:
    """Parse the arguments, soak, print the table; False if anything in it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--db", choices=get_args(Dialect), default="postgres")
    parser.add_argument("--seed", type=int, default=None, help="of what callers and troubles choose")
    given = parser.parse_args(arguments)
    seed = given.seed if given.seed is not None else random.randrange(2**32)
    random.seed(seed)
    print(f"soak on {given.db} for {given.minutes:g} minutes, seed {seed}, process {os.getpid()}", flush=True)
    with ExitStack() as stack:
        server, url = stack.enter_context(_database(given.db))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dbjobs-soak-")))
        lines = asyncio.run(_soak(given.db, url, server, folder / "journal", given.minutes * 60))
    print(_table(lines), flush=True)
    return not any(line.wrong for line in lines)


async def _soak(
    dialect: Dialect, url: str, server: ThrowawayServer | None, journal: Path, seconds: float
) -> list[Finding]:
    raw = Raw("mysql" if dialect == "mariadb" else dialect, url)
    load, workers = Load(url, raw), Workers(url, journal)
    try:
        async with load.jobs, raw.connection():
            await workers.start()
            calling = asyncio.create_task(load.run())
            began = time.monotonic()
            await asyncio.sleep(seconds * EARLY_SHARE)
            early = await size_of(workers.veteran, raw)
            await workers.trouble(server, raw, seconds - (time.monotonic() - began))
            load.end()
            await calling
            print(f"{dict(workers.troubles)}; {load.calls.total():,} calls answered, {load.refused.total()} refused")
            await _until_ended(load)
            late = await size_of(workers.veteran, raw)
            await workers.finish()
            return await findings(load, workers, raw, early, late)
    finally:
        workers.close()


async def _until_ended(load: Load) -> None:
    """Until no job is live; what is left after a while is for the table to tell."""
    until = time.monotonic() + FINISH_SECONDS
    while time.monotonic() < until:
        await load.finish()
        try:
            if not await load.jobs.counts():
                break
        except DatabaseError as error:
            print(f"looking for live jobs: {error}")
        await asyncio.sleep(1.0)
    await asyncio.sleep(LEASE_SECONDS)  # the last dead node is buried


@contextmanager
def _database(dialect: Dialect) -> Iterator[tuple[ThrowawayServer | None, str]]:
    if dialect == "sqlite":
        with tempfile.TemporaryDirectory(prefix="dbjobs-soak-") as folder:
            yield None, f"sqlite:///{folder}/jobs.db"
        return
    if dialect == "sqlserver":
        raise NoServer("a soak restarts its server, and no SQL Server can be started here")
    try:
        server = make_server(f"postgres{DEFAULT_POSTGRES}" if dialect == "postgres" else dialect)
    except LeftOut as error:
        raise NoServer(str(error)) from error
    with server:
        yield server, server.create_database("soak")


def _table(lines: list[Finding]) -> str:
    width = max(len(line.what) for line in lines)
    return "\n".join(
        f"{line.what:<{width}}  {line.count:>12}  {'WRONG' if line.wrong else 'ok'}"
        + (f"  {line.examples}" if line.examples else "")
        for line in lines
    )
