"""Batches: is each callback there once when nodes are killed, and what do members cost beside plain jobs?

``python -m benchmarks batches --database postgres --jobs 100000 --batches 1000 --kill`` runs the jobs in three
processes, two of which are killed (-9) on the way, and counts the callbacks and on_failed of each batch: one job each,
which has completed. Then it drains plain jobs, members that are only counted and members with a callback, in
alternating rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import get_args

from benchmarks.ours.workload import CONCURRENCY
from benchmarks.peers import Dialect, timing
from benchmarks.server import fresh_database, running_server
from benchmarks.tables.job_tables import JobTables
from benchmarks.tables.mysql import MysqlTables
from benchmarks.tables.postgres import PostgresTables
from benchmarks.tables.sqlite import SqliteTables
from dbjobs import BatchProgress, Cancel, Job, JobContext, Jobs, JobState
from tests.servers.processes import Processes

ROOT = Path(__file__).parents[2]
LEASE_SECONDS = 4.0
START_SECONDS = 120.0
# Batches that are stored at the same time.
STORING = 4
# One batch in this many has a member that does not complete.
BAD_EVERY = 10
KINDS = ("plain", "counted", "with a callback")


@dataclass(frozen=True)
class Verdict:
    """What has come of the batches.

    Attributes:
        jobs, batches: how many there were.
        bad: batches with a member that has not completed.
        callbacks, on_failed: jobs of these that have completed.
        repeated: runs of them beside the first of each, because their node was killed before it could write the end.
        wrong: what must not be.
        killed: processes.
        seconds: from the start of the processes to the last end.
    """

    jobs: int
    batches: int
    bad: int
    callbacks: int
    on_failed: int
    repeated: int
    wrong: list[str]
    killed: int
    seconds: float


# --- kills ------------------------------------------------------------------------------------------


def make_jobs(url: str, journal: Path | None, *, pool_size: int = 4) -> Jobs:
    """The application; each run of what follows a batch is a line of the journal: what, batch, attempt."""
    jobs = Jobs(url, pool_size=pool_size, retry_limit=1000)
    file = -1 if journal is None else os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(what: str, batch_id: str, job: JobContext) -> None:
        os.write(file, f"{what} {batch_id} {job.attempt}\n".encode())

    @jobs.command
    async def member(completes: bool) -> None:
        if not completes:
            raise Cancel("as it was asked to")

    @jobs.command
    async def done(batch_id: str, job: JobContext) -> None:
        note("done", batch_id, job)

    @jobs.command
    async def clean_up(batch_id: str, job: JobContext) -> None:
        note("clean_up", batch_id, job)

    return jobs


def _id(number: int) -> str:
    return f"batch-{number}"


def _is_bad(number: int) -> bool:
    return number % BAD_EVERY == 0


async def run_batches(url: str, *, jobs: int, batches: int, processes: int, kill: bool) -> Verdict:
    """Store the batches on an empty database, then run them."""
    members = jobs // batches
    client = make_jobs(url, None)
    checks: dict[int, int] = {}

    async def store(numbers: range) -> None:
        for number in numbers:
            async with client.batch(_id(number), callback="done", on_failed="clean_up") as batch:
                batch.add_many("member", [not _is_bad(number)] + [True] * (members - 1))
            assert batch.check_ref is not None
            checks[number] = batch.check_ref.id

    with tempfile.TemporaryDirectory(prefix="dbjobs-batches-") as folder, Processes() as started:
        journal = Path(folder) / "journal"
        journal.touch()
        async with client:
            await asyncio.gather(*(store(range(first, batches, STORING)) for first in range(STORING)))
            print(f"  stored: {members * batches} jobs in {batches} batches", flush=True)
            began = time.monotonic()
            running = [_start(started, url, journal) for _ in range(processes)]
            async with asyncio.timeout(START_SECONDS):
                await asyncio.gather(*(asyncio.to_thread(_wait_ready, process) for process in running))
            killed = 0
            async with asyncio.timeout(timing.patience(members * batches) + START_SECONDS):
                for share in (1 / 3, 2 / 3) if kill else ():
                    await _until_done(journal, round(batches * share))
                    victim = running.pop(0)
                    os.kill(victim.pid, signal.SIGKILL)
                    await asyncio.to_thread(victim.wait)
                    killed += 1
                    print(f"  killed a node after {len(_lines(journal))} callbacks", flush=True)
                    running.append(_start(started, url, journal))
                await _until_done(journal, batches)
                while await client.counts():  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            seconds = time.monotonic() - began
            return await _judge(client, batches, members, checks, _lines(journal), killed, seconds)


def _start(started: Processes, url: str, journal: Path) -> Popen[str]:
    return started.spawn("-m", "benchmarks.soak.batches", url, journal, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})


def _wait_ready(process: Popen[str]) -> None:
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(f"process {process.pid} did not start")


def _lines(journal: Path) -> list[tuple[str, ...]]:
    return [tuple(line.split()) for line in journal.read_text().splitlines()]


async def _until_done(journal: Path, batches: int) -> None:
    while len({line[1] for line in _lines(journal) if line[0] == "done"}) < batches:  # noqa: ASYNC110
        await asyncio.sleep(0.1)


async def _judge(
    jobs: Jobs,
    batches: int,
    members: int,
    checks: dict[int, int],
    lines: list[tuple[str, ...]],
    killed: int,
    seconds: float,
) -> Verdict:
    wrong: list[str] = []
    runs = Counter(line[:2] for line in lines)
    wrong += [f"{' '.join(line)} ran twice" for line, count in Counter(lines).items() if count > 1]
    rows = Counter[str]()
    found: dict[str, list[Job]] = {"done": [], "clean_up": []}
    for command in found:
        before: int | None = None
        while page := await jobs.list(command=command, before_id=before, limit=1000):
            before = page[-1].id
            rows[command] += len(page)
            wrong += [f"{command} {job.ref_id} is {job.state}" for job in page if job.state is not JobState.COMPLETED]
    bad = 0
    for number in range(batches):
        id = _id(number)
        failed = int(_is_bad(number))
        bad += failed
        callback = await jobs.get_by_ref_id(f"batch:{id}")
        clean_up = await jobs.get_by_ref_id(f"batch-failed:{id}")
        check = await jobs.get(checks[number])
        found["done"] += [callback] if callback else []
        found["clean_up"] += [clean_up] if clean_up else []
        progress = await jobs.batch(id)
        assert progress is not None
        counts = (progress.total, progress.completed, progress.failed, progress.cancelled)
        if counts != (members, members - failed, 0, failed):
            wrong.append(f"{id}: its counts are {counts}")
        if check is None or check.response != failed:
            wrong.append(f"{id}: its check says {check and check.response}, not {failed}")
        for what, job, times in (("done", callback, 1), ("clean_up", clean_up, failed)):
            if (job is not None) != bool(times) or bool(runs[what, id]) != bool(times):
                wrong.append(f"{id}: {what} ran {runs[what, id]} times, and its job is {job and job.state}")
    for command, of_it in found.items():
        if rows[command] != len(of_it):
            wrong.append(f"{rows[command]} jobs of {command} for {len(of_it)} batches")
    return Verdict(
        jobs=members * batches, batches=batches, bad=bad, callbacks=len(found["done"]),
        on_failed=len(found["clean_up"]), repeated=len(lines) - len(runs), wrong=wrong, killed=killed, seconds=seconds,
    )  # fmt: skip


async def _work(url: str, journal: Path) -> None:
    """One of the processes."""
    jobs = make_jobs(url, journal)
    async with jobs.start(lease_seconds=LEASE_SECONDS) as engine:
        print("ready", flush=True)
        await engine.stopping.wait()


# --- rates ------------------------------------------------------------------------------------------


async def run_rounds(tables: JobTables, url: str, *, jobs: int, members: int, rounds: int) -> dict[str, list[float]]:
    """Drain this many jobs of each kind in each round, each round beginning with another kind; rates by kind."""
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(rounds):
        first = number % len(KINDS)
        for kind in (*KINDS[first:], *KINDS[:first]):
            await tables.reset()
            rates[kind].append(await _drain(tables, url, kind, jobs, members))
            print(f"  round {number + 1}  {kind:<16}{rates[kind][-1]:>10,.0f} jobs/s", flush=True)
    await tables.reset()
    return rates


async def _drain(tables: JobTables, url: str, kind: str, jobs: int, members: int) -> float:
    """Members a second, from the start of a node to the end of the last job, callbacks included."""
    application = Jobs(url)
    tally = timing.Tally(asyncio.Event())
    called: list[str] = []

    @application.command
    async def member(request: int) -> None:
        tally.run()

    @application.command
    async def done(batch_id: str) -> None:
        called.append(batch_id)

    tally.expect(jobs)
    batches = [range(start, min(start + members, jobs)) for start in range(0, jobs, members)]
    key = secrets.token_hex(4)
    async with application:
        if kind == "plain":
            await application.enqueue_many(member, range(jobs))
        for number, requests in enumerate(batches if kind != "plain" else ()):
            callback = done if kind == KINDS[-1] else None
            async with application.batch(f"{key}-{number}", callback=callback) as batch:
                batch.add_many(member, requests)
        await tables.analyze()
        began = time.perf_counter()
        async with (
            asyncio.timeout(timing.patience(jobs)),
            application.start(concurrency=CONCURRENCY, grace_seconds=0),
        ):
            await tally.reached.wait()
            while await application.counts():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            seconds = time.perf_counter() - began
        counted = [await application.batch(f"{key}-{number}") for number in range(len(batches))]
    expected = [f"{key}-{number}" for number in range(len(batches))] if kind == KINDS[-1] else []
    if tally.runs != jobs or sorted(called) != sorted(expected):
        raise RuntimeError(f"{kind}: {tally.runs} runs of {jobs} jobs, {len(called)} callbacks of {len(expected)}")
    if kind != "plain" and sum(one.completed for one in counted if isinstance(one, BatchProgress)) != jobs:
        raise RuntimeError(f"{kind}: not all of {jobs} members were counted")
    return jobs / seconds


# --- the command ------------------------------------------------------------------------------------


def main(arguments: list[str]) -> bool:
    """Parse the arguments, run it, print the figures; False if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks batches", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000, help="in all batches together; 0 leaves this part out")
    parser.add_argument("--batches", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--kill", action="store_true", help="kill -9 two of them on the way")
    parser.add_argument("--rounds", type=int, default=3, help="of drains; 0 leaves this part out")
    parser.add_argument("--drain-jobs", type=int, default=20_000, help="jobs of one drain")
    parser.add_argument("--database", "--db", dest="db", choices=get_args(Dialect), default="postgres")
    parser.add_argument("--url", help="a server to make databases on (default: a throwaway one)")
    given = parser.parse_args(arguments)
    if given.jobs and not 1 <= given.batches <= given.jobs:
        parser.error("there must be at least one job for each batch")
    members = max(given.jobs // given.batches, 1) if given.jobs else 100
    sound = True
    with ExitStack() as stack:
        if given.db == "sqlite":
            folders = [stack.enter_context(tempfile.TemporaryDirectory(prefix="dbjobs-batches-")) for _ in range(2)]
            urls = [f"sqlite:///{folder}/jobs.db" for folder in folders]
        else:
            server = stack.enter_context(running_server(given.db, given.url))
            urls = [stack.enter_context(fresh_database(server)) for _ in range(2)]
        if given.jobs:
            verdict = asyncio.run(
                run_batches(urls[0], jobs=given.jobs, batches=given.batches, processes=given.processes, kill=given.kill)
            )
            sound = _tell(given.db, verdict)
        if given.rounds:
            rates = asyncio.run(_rates(given.db, urls[1], given.drain_jobs, members, given.rounds))
            _tell_rates(given.db, rates, members)
    return sound


async def _rates(dialect: Dialect, url: str, jobs: int, members: int, rounds: int) -> dict[str, list[float]]:
    async with Jobs(url):
        pass
    tables: JobTables
    if dialect == "sqlite":
        tables = SqliteTables(url)
    elif dialect == "postgres":
        tables = PostgresTables(url)
    elif dialect == "sqlserver":
        from benchmarks.tables.sqlserver import SqlServerTables  # its driver needs a library of the system's

        tables = SqlServerTables(url)
    else:
        tables = MysqlTables(url)
    await tables.open()
    try:
        return await run_rounds(tables, url, jobs=jobs, members=members, rounds=rounds)
    finally:
        await tables.close()


def _tell(dialect: str, verdict: Verdict) -> bool:
    print(
        f"{dialect}: {verdict.jobs} jobs in {verdict.batches} batches, {verdict.killed} nodes killed, "
        f"{verdict.seconds:.1f} s: {verdict.callbacks} callbacks, {verdict.on_failed} on_failed of {verdict.bad} bad "
        f"batches, {verdict.repeated} of them run again because their node was killed, {len(verdict.wrong)} wrong"
    )
    for what in verdict.wrong[:20]:
        print(f"  WRONG: {what}")
    return not verdict.wrong and verdict.callbacks == verdict.batches and verdict.on_failed == verdict.bad


def _tell_rates(dialect: str, rates: dict[str, list[float]], members: int) -> None:
    plain = rates["plain"]
    for kind, values in rates.items():
        ratio = statistics.median(value / other for value, other in zip(values, plain, strict=True))
        print(
            f"{dialect}: {kind:<16}{statistics.median(values):>10,.0f} jobs/s  {ratio:.2f} of plain"
            + (f" ({members} members a batch)" if kind != "plain" else "")
        )


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], Path(sys.argv[2])))
