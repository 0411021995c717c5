"""Moves jobs along a chain of databases, killed half-way each time: ``python -m benchmarks transfer --jobs 200000``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers import Dialect
from benchmarks.server import NoServer, fresh_database, running_server
from dbjobs import JobContext, Jobs
from dbjobs.moving.beginning import month_of
from dbjobs.moving.comparing import json_value
from dbjobs.store import repository
from dbjobs.store.database import Database, make_database
from dbjobs.store.repository import moving
from dbjobs.store.repository.moving import MovedTable
from tests.moving_data import fill

CHAIN = ("sqlite", "postgres", "mysql")
PAGE_BYTES = 4_000_000
_SERVERS: dict[str, Dialect] = {"postgres": "postgres", "mysql": "mysql", "mariadb": "mariadb"}
_ROWS = re.compile(r"copying (\S+)(?: (\d{6}))?: ([\d,]+) rows")


def main(arguments: list[str]) -> bool:
    """Parse the arguments, move, print; False if a copy differs from its source."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks transfer", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000, help="half of them ended, half alive")
    parser.add_argument("--chain", default=",".join(CHAIN), help="databases, from the first to the last")
    given = parser.parse_args(arguments)
    logging.getLogger("dbjobs").setLevel(logging.CRITICAL)  # thousands of jobs fail, as they are meant to
    equal = True
    with ExitStack() as stack:
        chain = given.chain.split(",")
        urls = [stack.enter_context(_database(dialect)) for dialect in chain]
        began = time.monotonic()
        asyncio.run(_generate(urls[0], given.jobs))
        print(f"{given.jobs:,} jobs made on {chain[0]} in {time.monotonic() - began:.1f} s", flush=True)
        for number in range(1, len(urls)):
            equal = _move(urls[number - 1], urls[number], f"{chain[number - 1]} -> {chain[number]}") and equal
    return equal


def _move(source: str, target: str, name: str) -> bool:
    total = asyncio.run(_count(source))
    first = _killed(source, target, total // 2)
    began = time.monotonic()
    subprocess.run(_command(source, target), check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    second = time.monotonic() - began
    rows, different = asyncio.run(_compare(source, target))
    print(
        f"{name}: {rows:,} rows; killed -9 after {first:.1f} s, resumed and compared in {second:.1f} s "
        f"({rows / (first + second):,.0f} rows/s in all); rows that differ: {different}",
        flush=True,
    )
    return different == 0


def _command(source: str, target: str) -> list[str]:
    return [sys.executable, "-m", "dbjobs", "transfer", source, target]


def _killed(source: str, target: str, after_rows: int) -> float:
    """Run a transfer until this many rows are copied, then kill it; returns how many seconds it ran."""
    began = time.monotonic()
    process = subprocess.Popen(_command(source, target), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    copied: dict[tuple[str, str], int] = {}
    for line in process.stderr:
        if found := _ROWS.match(line):
            copied[found[1], found[2]] = int(found[3].replace(",", ""))
        if sum(copied.values()) >= after_rows or line.startswith("comparing"):
            break
    process.kill()
    process.stderr.close()
    if process.wait() != -9:
        raise SystemExit("the first run ended before it could be killed")
    return time.monotonic() - began


async def _generate(url: str, jobs: int) -> None:
    if url.startswith("sqlite:///"):
        await fill(Path(url.removeprefix("sqlite:///")))
    app = Jobs(url)
    done = 0

    @app.command(name="work", retry_limit=0)
    async def work(number: Any, job: JobContext) -> str:
        nonlocal done
        done += 1
        if isinstance(number, int) and number % 10 == 0:
            job.log("ten")
            raise ValueError("every tenth one fails")
        return f"done {number}"

    async with app:
        await app.enqueue_many("work", range(jobs // 2), queue="ended")
        async with app.start(concurrency=50, queues=["ended"]):
            while done < jobs // 2:  # noqa: ASYNC110 - a count of handlers in this very loop
                await asyncio.sleep(0.1)
        for lane in range(10):
            await app.enqueue_many("work", range(jobs // 20), worker=f"lane {lane}", queue="alive", tag=f"tag {lane}")


@contextmanager
def _database(dialect: str) -> Iterator[str]:
    if dialect == "sqlite":
        with tempfile.TemporaryDirectory(prefix="dbjobs-transfer-") as folder:
            yield f"sqlite:///{folder}/jobs.db"
        return
    if dialect not in _SERVERS:
        raise NoServer(f"--chain: {dialect!r} is none of sqlite, {', '.join(_SERVERS)}")
    with running_server(_SERVERS[dialect], None) as server, fresh_database(server) as url:
        yield url


# --- row for row, past the transfer's own checksums --------------------------------------------------------


async def _count(url: str) -> int:
    db = make_database(url)
    await db.open()
    try:
        return sum([len(await _rows(db, table)) for table in moving.TABLES])
    finally:
        await db.close()


async def _compare(source: str, target: str) -> tuple[int, int]:
    """How many rows the source has, and how many keys have not the same row on both sides."""
    first, second = make_database(source), make_database(target)
    await first.open()
    await second.open()
    count = different = 0
    try:
        for table in moving.TABLES:
            ours, theirs = await _rows(first, table), await _rows(second, table)
            count += len(ours)
            wrong = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
            if wrong:
                print(f"{table.name}: {len(wrong)} rows differ, such as {wrong[0]}", file=sys.stderr)
            different += len(wrong)
    finally:
        await first.close()
        await second.close()
    return count, different


async def _rows(db: Database, table: MovedTable) -> dict[Any, dict[str, Any]]:
    months: list[str | None] = [None]
    if table.by_month:
        listed = repository.list_request_months if table.part == "requests" else repository.list_partitions
        months = [*await listed(db)]
    while not await moving.is_settled(db):  # noqa: ASYNC110 - SQLite's own thread is at work
        await asyncio.sleep(0.05)
    rows: dict[Any, dict[str, Any]] = {}
    for month in months:
        within = None if month is None else month_of(month)
        after = tuple(table.key.values())
        while (page := await moving.read_page(db, table, within, after, PAGE_BYTES)).rows:
            after = page.after
            for row in page.rows:
                named = dict(zip(page.columns, row, strict=True))
                key = tuple(named[column] for column in table.key if column in named) or len(rows)
                for column in moving.JSON.intersection(named):
                    named[column] = json_value(named[column])
                rows[key] = named
    return rows


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else os.EX_SOFTWARE)
