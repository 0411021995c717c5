"""What `dbjobs doctor` looks at: each check is one function that yields findings."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from dbjobs.cli.output import seconds
from dbjobs.errors import SchemaTooNew, SchemaTooOld
from dbjobs.models import NodeInfo, QueueInfo
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.transactions import migrate
from dbjobs.store.transactions.partitions import month_after
from dbjobs.wording import counted

# How many live jobs to count, and among how many queued ones to look for the oldest.
BOUND_JOBS = 100_000
# How many ready jobs at the front of each queue to check for unknown commands.
BOUND_COMMANDS = 1_000
BOUND_QUEUES = 100
# A scheduled task that is later than this is fired by nobody.
LATE_SECONDS = 60.0
# How many stranded jobs to name.
NAMED_JOBS = 10


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the doctor.

    Attributes:
        check: what was looked at, one word.
        ok: False if somebody should act.
        message: what was found.
        advice: what to do; None if all is well.
    """

    check: str
    ok: bool
    message: str
    advice: str | None = None


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What is examined.

    Attributes:
        db: an open database.
        commands: names that the application can run; None if no application was named.
        longest_wait_seconds: a job that waits longer although it may run is reported.
    """

    db: Database
    commands: Sequence[str] | None
    longest_wait_seconds: float


async def examine(examined: Examined) -> AsyncIterator[Finding]:
    """All findings, in order; only the first few if the tables are missing or of another version."""
    yield await check_server(examined.db)
    schema = await check_schema(examined.db)
    yield schema
    if not schema.ok:
        return
    for check in _CHECKS:
        async for finding in check(examined):
            yield finding


def engine_found() -> Finding:
    """Python's own SQLite, where there is no file to ask."""
    return _fine("database", f"SQLite {sqlite3.sqlite_version} is part of this Python")


def file_missing(path: Path) -> Finding:
    """There is no such SQLite file."""
    return _wrong("schema", f"there is no file {path}", "is the path right? To make it, run 'dbjobs migrate'")


async def check_server(db: Database) -> Finding:
    """The database answers."""
    began = time.monotonic()
    version = await repository.server_version(db)
    took = (time.monotonic() - began) * 1000
    return _fine("database", f"{version} answers in {took:.0f} ms")


async def check_schema(db: Database) -> Finding:
    """The tables have the version that this release needs."""
    try:
        await migrate.check(db)
    except (SchemaTooOld, SchemaTooNew) as error:
        return Finding(check="schema", ok=False, message=str(error))
    return _fine("schema", f"the tables in schema {db.schema!r} have version {migrate.LATEST_VERSION}")


async def check_durability(examined: Examined) -> AsyncIterator[Finding]:
    """What was committed survives a crash of the server's machine."""
    risks = await repository.find_risks(examined.db)
    for risk in risks:
        yield _wrong(
            "durability",
            f"{risk.setting} is {risk.value}: jobs that were enqueued may be lost when the server's machine crashes",
            f"set it to {risk.wanted}, unless you can do without these jobs",
        )
    if not risks:
        yield _fine("durability", "a commit that has returned is on the disk")


async def check_history(examined: Examined) -> AsyncIterator[Finding]:
    """History has a place for this month and the next."""
    month = await repository.current_month(examined.db)
    months = await repository.list_partitions(examined.db)
    missing = [wanted for wanted in (month, month_after(month)) if wanted not in months]
    if missing:
        yield _wrong(
            "history",
            f"there is no partition for {', '.join(map(_month, missing))}",
            "start a worker (it makes them within a few minutes) and see that its role may create tables",
        )
    else:
        yield _fine("history", f"partitions from {_month(months[0])} to {_month(months[-1])}")


async def check_nodes(examined: Examined) -> AsyncIterator[Finding]:
    """Somebody runs jobs, and nobody is dead."""
    nodes = await repository.list_nodes(examined.db)
    alive = [node for node in nodes if node.alive]
    live_jobs = sum((await repository.count_live(examined.db, BOUND_JOBS)).values())
    if alive:
        yield _fine("nodes", f"{counted(len(alive), 'node')} alive: {', '.join(_named(node) for node in alive)}")
    elif live_jobs:
        yield _wrong("nodes", "no node is alive, so no job is run", "start one: dbjobs worker MODULE:NAME")
    else:
        yield _fine("nodes", "no node is alive, and there is nothing to run")
    for node in nodes:
        if not node.alive:
            yield _wrong(
                "nodes",
                f"node {_named(node)} is dead, last seen at {node.last_seen_at:%Y-%m-%d %H:%M:%S} UTC",
                "any node that is alive takes over its jobs within seconds; start one if there is none",
            )


async def check_queues(examined: Examined) -> AsyncIterator[Finding]:
    """Queues with jobs are neither paused nor served by nobody."""
    counts = await repository.count_live(examined.db, BOUND_JOBS)
    queues = await repository.list_queues(examined.db)
    nodes = [node for node in await repository.list_nodes(examined.db) if node.alive]
    troubles = [trouble for queue in queues for trouble in _queue_troubles(queue, counts, nodes)]
    for trouble in troubles:
        yield trouble
    if not troubles:
        paused = [queue.queue for queue in queues if queue.paused]
        yield _fine(
            "queues",
            counted(len(queues), "queue") + (f", paused and empty: {', '.join(paused)}" if paused else ", none paused"),
        )


async def check_jobs(examined: Examined) -> AsyncIterator[Finding]:
    """How many live jobs there are, by state."""
    states: dict[str, int] = {}
    for (_, state), count in (await repository.count_live(examined.db, BOUND_JOBS)).items():
        states[state] = states.get(state, 0) + count
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    full = sum(states.values()) >= BOUND_JOBS
    yield _fine("jobs", (f"{told}" + (f" (counted up to {BOUND_JOBS})" if full else "")) or "none live")


async def check_waiting_time(examined: Examined) -> AsyncIterator[Finding]:
    """No job that may run waits for long."""
    oldest = await repository.oldest_queued(examined.db, BOUND_JOBS)
    if oldest is None:
        yield _fine("oldest", "no job waits for a free place")
        return
    where = f"queue {oldest.queue!r}" + (f", worker {oldest.worker!r}" if oldest.worker else "")
    message = f"job {oldest.id} ({oldest.command}; {where}) has been ready for {seconds(oldest.age_seconds)}"
    if oldest.age_seconds > examined.longest_wait_seconds:
        yield _wrong(
            "oldest", message, "run more workers, raise --concurrency, or see the other lines for why it waits"
        )
    else:
        yield _fine("oldest", message)


async def check_waiting_jobs(examined: Examined) -> AsyncIterator[Finding]:
    """Every waiting job has a live parent; there should be no exception."""
    stranded = await repository.find_stranded(examined.db, NAMED_JOBS)
    if stranded:
        yield _wrong(
            "waiting",
            f"jobs wait for parents that are no longer there: {', '.join(map(str, stranded))}",
            "cancel and requeue them, and report this: it should not happen",
        )
    else:
        yield _fine("waiting", "every waiting job has a live parent")


async def check_holders(examined: Examined) -> AsyncIterator[Finding]:
    """Every job that is being run belongs to a node that exists; there should be no exception."""
    orphans = await repository.find_orphans(examined.db)
    if orphans:
        yield _wrong(
            "holders",
            f"jobs are held by nodes that are not registered: {', '.join(map(str, orphans))}",
            "a running node takes them over; start one if there is none, and report this: it should not happen",
        )
    else:
        yield _fine("holders", "every running job belongs to a registered node")


async def check_commands(examined: Examined) -> AsyncIterator[Finding]:
    """The application knows the commands of the jobs that are ready."""
    if examined.commands is None:
        return
    queues = await repository.find_ready_queues(examined.db, "", BOUND_QUEUES)
    unknown = await repository.find_unknown(examined.db, queues, examined.commands, BOUND_COMMANDS)
    for command, count in sorted(unknown.items()):
        yield _wrong(
            "commands",
            f"the application has no command {command!r}, which {counted(count, 'ready job')} {_verb(count)}",
            "deploy a worker that has it, or cancel these jobs (dbjobs jobs --command NAME lists them)",
        )
    if not unknown:
        yield _fine("commands", f"{counted(len(examined.commands), 'command')} of the application; none is missing")


async def check_tasks(examined: Examined) -> AsyncIterator[Finding]:
    """No scheduled task is late: somebody is there who fires it."""
    tasks = await repository.list_tasks(examined.db)
    now = await repository.database_time(examined.db)
    late = 0
    for task in tasks:
        if task.paused or task.next_run_at is None:
            continue
        behind = (now - task.next_run_at).total_seconds()
        if behind > LATE_SECONDS:
            late += 1
            who = "whose code declares it" if task.declared else f"that has its command {task.command!r}"
            yield _wrong(
                "schedules",
                f"task {task.name!r} was to run {seconds(behind)} ago",
                f"start a worker {who}, or remove it: dbjobs schedules remove {task.name}",
            )
    if not late:
        paused = [task.name for task in tasks if task.paused]
        told = f", paused: {', '.join(paused[:NAMED_JOBS])}" if paused else ""
        yield _fine("schedules", f"{counted(len(tasks), 'scheduled task')}{told}")


_CHECKS: tuple[Callable[[Examined], AsyncIterator[Finding]], ...] = (
    check_durability,
    check_history,
    check_nodes,
    check_queues,
    check_jobs,
    check_waiting_time,
    check_waiting_jobs,
    check_holders,
    check_commands,
    check_tasks,
)


def _queue_troubles(queue: QueueInfo, counts: dict[tuple[str, str], int], alive: Sequence[NodeInfo]) -> list[Finding]:
    ready = counts.get((queue.queue, "queued"), 0)
    if not ready:
        return []
    jobs = counted(ready, "ready job")
    if queue.paused:
        advice = f"resume it when you are done: dbjobs resume {queue.queue}"
        return [_wrong("queues", f"queue {queue.queue!r} is paused and has {jobs}", advice)]
    served = [node.info.get("queues") for node in alive]
    if served and not any(names is None or queue.queue in names for names in served):
        advice = f"start a worker with --queue {queue.queue}, or one without --queue"
        return [_wrong("queues", f"queue {queue.queue!r} has {jobs}, and no node serves it", advice)]
    return []


def _verb(count: int) -> str:
    return "needs" if count == 1 else "need"


def _named(node: NodeInfo) -> str:
    return f"{node.id} ({node.name})"


def _month(month: str) -> str:
    return f"{month[:4]}-{month[4:]}"


def _fine(check: str, message: str) -> Finding:
    return Finding(check=check, ok=True, message=message)


def _wrong(check: str, message: str, advice: str) -> Finding:
    return Finding(check=check, ok=False, message=message, advice=advice)
