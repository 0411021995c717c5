"""How long each page takes at a given size, and what five open pages take from a drain.

``python -m benchmarks pages --database sqlite --completed 1000000 --failed 50000 --queued 200000 --requests 1000000``
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Literal, cast, get_args

from benchmarks.ours.workload import CONCURRENCY, Workload
from benchmarks.pages.asking import ask_find, ask_pages, table
from benchmarks.pages.filling import Size, fill, writer_for
from benchmarks.peers.timing import patience
from benchmarks.server import fresh_database, running_server
from benchmarks.tables.job_tables import JobTables
from benchmarks.tables.mysql import MysqlTables
from benchmarks.tables.postgres import PostgresTables
from benchmarks.tables.sqlite import SqliteTables
from dbjobs import Jobs

Database = Literal["sqlite", "postgres", "mysql", "mariadb"]
LEAST_RATIO = 0.95


def main(arguments: list[str]) -> bool:
    """Fill, ask, print; False if something was slow, broken, or took too much from the workers."""
    given = _parser().parse_args(arguments)
    size = Size(given.completed, given.failed, given.queued, given.requests)
    with ExitStack() as stack:
        if given.database == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="dbjobs-pages-"))
            url = f"sqlite:///{Path(folder, 'jobs.db')}"
        else:
            url = stack.enter_context(fresh_database(stack.enter_context(running_server(given.database, given.url))))
        return asyncio.run(_run(cast(Database, given.database), url, size, given.times, given.drain, given.rounds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks pages", description=__doc__)
    parser.add_argument("--database", choices=get_args(Database), default="sqlite")
    parser.add_argument("--url", help="a server to make a database on (default: a throwaway one)")
    parser.add_argument("--completed", type=int, default=1_000_000)
    parser.add_argument("--failed", type=int, default=50_000)
    parser.add_argument("--queued", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=50, help="how often each question is asked")
    parser.add_argument("--drain", type=int, default=20_000, help="jobs of each drain; 0: none")
    parser.add_argument("--rounds", type=int, default=3, help="drains with and without open pages")
    return parser


async def _run(database: Database, url: str, size: Size, times: int, drain: int, rounds: int) -> bool:
    def tell(text: str) -> None:
        print(text, flush=True)

    jobs, writer = Jobs(url), writer_for(database, url)
    jobs.command(_send_email, name="send_email")
    async with jobs:
        await writer.open()
        await fill(jobs, writer, size, tell)
        await writer.close()
    tables = _tables(database, url)
    await tables.open()
    began = time.monotonic()
    await tables.fill(size.queued)
    await tables.analyze()
    tell(f"{size.queued} jobs queued: {time.monotonic() - began:.0f} s")
    sound = True
    async with jobs:
        for title, asked in (("Pages and API", ask_pages), ("First look of find", ask_find)):
            answers = await asked(jobs, times)
            bad = [one for one in answers if one.is_slow or one.is_broken]
            sound &= not bad
            tell(f"\n{title} ({times} times each: p50, p95, and p50 of this process's own time)\n")
            for line in table(answers):
                tell(line)
            tell(f"\n{len(answers) - len(bad)} of {len(answers)} within their limit")
    if drain:
        sound &= await _drains(url, tables, drain, rounds)
    await tables.close()
    return sound


async def _send_email(request: dict[str, str]) -> None:
    """What the page may offer to run, and what tasks fire."""


def _tables(database: Database, url: str) -> JobTables:
    if database == "sqlite":
        return SqliteTables(url)
    return PostgresTables(url) if database == "postgres" else MysqlTables(url)


async def _drains(url: str, tables: JobTables, jobs: int, rounds: int) -> bool:
    """Alternately alone and beside open pages, so that both meet the same moods of the machine."""
    rates: dict[bool, list[float]] = {False: [], True: []}
    await _drain(url, tables, jobs)  # the first one warms everything up
    for _ in range(rounds):
        for watched in (False, True):
            rates[watched].append(await _watched(url, tables, jobs) if watched else await _drain(url, tables, jobs))
    alone, beside = (statistics.median(rates[watched]) for watched in (False, True))
    ratio = beside / alone
    print(f"\ndrain of {jobs}: {alone:.0f} jobs/s alone, {beside:.0f} with five pages open: {ratio:.3f}", flush=True)
    return ratio >= LEAST_RATIO


async def _drain(url: str, tables: JobTables, jobs: int) -> float:
    if await tables.left() < jobs:
        await tables.fill(2 * jobs)
    workload = Workload(url)
    workload.tally.expect(jobs)
    async with asyncio.timeout(patience(jobs)), workload.jobs:
        began = time.perf_counter()
        async with workload.jobs.start(concurrency=CONCURRENCY):
            await workload.tally.reached.wait()
            return jobs / (time.perf_counter() - began)


async def _watched(url: str, tables: JobTables, jobs: int) -> float:
    watching = _watchers(url)
    assert watching.stdin is not None
    assert watching.stdout is not None
    try:
        if (await asyncio.to_thread(watching.stdout.readline)).strip() != "ready":
            raise RuntimeError("the pages could not be opened")
        return await _drain(url, tables, jobs)
    finally:
        watching.stdin.close()
        asked = await asyncio.to_thread(watching.stdout.readline)
        watching.wait(timeout=60)
        print(f"  the pages were asked {asked.strip() or 0} times", flush=True)


def _watchers(url: str) -> Popen[str]:
    return Popen([sys.executable, "-m", "benchmarks.pages.watching", url], stdin=PIPE, stdout=PIPE, text=True)
