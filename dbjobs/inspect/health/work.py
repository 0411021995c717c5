"""Checks of nodes, queues, lanes and jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from dbjobs.inspect.health.finding import Examined, Finding, fine, wrong
from dbjobs.models import NodeInfo, QueueInfo
from dbjobs.store import repository
from dbjobs.wording import counted, lasting

BOUND_QUEUES = 100
# If a scheduled task is later than this, nobody fires it.
LATE_SECONDS = 60.0
# How many stranded jobs to name.
NAMED_JOBS = 10
# How many lanes to look at, and for how many of them to read the job they wait for.
BOUND_LANES = 2_000
NAMED_LANES = 20


async def check_nodes(examined: Examined) -> AsyncIterator[Finding]:
    """A node runs jobs, and none is dead."""
    nodes = await repository.list_nodes(examined.db)
    alive = [node for node in nodes if node.alive]
    live_jobs = sum((await repository.count_live(examined.db, examined.bound)).values())
    if alive:
        yield fine("nodes", f"{counted(len(alive), 'node')} alive: {', '.join(_named(node) for node in alive)}")
    elif live_jobs:
        yield wrong("nodes", "no node is alive, so no job is run", "start one: dbjobs worker MODULE:NAME")
    else:
        yield fine("nodes", "no node is alive, and there is nothing to run")
    for node in nodes:
        if not node.alive:
            yield wrong(
                "nodes",
                f"node {_named(node)} is dead, last seen at {node.last_seen_at:%Y-%m-%d %H:%M:%S} UTC",
                "any node that is alive takes over its jobs within seconds; start one if there is none",
            )


async def check_queues(examined: Examined) -> AsyncIterator[Finding]:
    """No queue with jobs is paused, and some node serves each."""
    counts = await repository.count_live(examined.db, examined.bound)
    queues = await repository.list_queues(examined.db)
    nodes = [node for node in await repository.list_nodes(examined.db) if node.alive]
    troubles = [trouble for queue in queues for trouble in _queue_troubles(queue, counts, nodes)]
    for trouble in troubles:
        yield trouble
    if not troubles:
        paused = [queue.queue for queue in queues if queue.paused]
        yield fine(
            "queues",
            counted(len(queues), "queue") + (f", paused and empty: {', '.join(paused)}" if paused else ", none paused"),
        )


async def check_jobs(examined: Examined) -> AsyncIterator[Finding]:
    """How many live jobs there are, by state."""
    states: dict[str, int] = {}
    for (_, state), count in (await repository.count_live(examined.db, examined.bound)).items():
        states[state] = states.get(state, 0) + count
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    full = sum(states.values()) >= examined.bound
    yield fine("jobs", (f"{told}" + (f" (counted up to {examined.bound})" if full else "")) or "none live")


async def check_waiting_time(examined: Examined) -> AsyncIterator[Finding]:
    """No ready job waits for long."""
    oldest = await repository.oldest_queued(examined.db, examined.bound)
    if oldest is None:
        yield fine("oldest", "no job waits for a free place")
        return
    where = f"queue {oldest.queue!r}" + (f", worker {oldest.worker!r}" if oldest.worker else "")
    message = f"job {oldest.id} ({oldest.command}; {where}) has been ready for {lasting(oldest.age_seconds)}"
    if oldest.age_seconds > examined.longest_wait_seconds:
        yield wrong(
            "oldest",
            message,
            "run more workers, raise --concurrency, or see the other lines for why it waits",
            f"id:{oldest.id}",
        )
    else:
        yield fine("oldest", message)


async def check_lanes(examined: Examined) -> AsyncIterator[Finding]:
    """No lane with waiting jobs is stuck: held by a node that is gone, or waiting long for one job's retry."""
    every = await repository.list_workers(examined.db, BOUND_LANES)
    lanes = {name: lane for name, lane in every.items() if lane.queued}
    alive = {node.id for node in await repository.list_nodes(examined.db) if node.alive}
    now = await repository.database_time(examined.db)
    blocking = [lane.blocked_by for lane in lanes.values() if lane.blocked_by is not None][:NAMED_LANES]
    jobs = await repository.get_jobs(examined.db, blocking) if blocking else {}
    stuck = 0
    for name, lane in lanes.items():
        search = f"worker:{_quoted(name)}"
        waiting = counted(lane.queued, "job")
        if lane.node_id is not None and lane.node_id not in alive:
            stuck += 1
            yield wrong(
                "lanes",
                f"worker {name!r} is held by node {lane.node_id}, which is gone, and {waiting} {_wait(lane.queued)}",
                "any node that is alive frees it within seconds; start one if there is none",
                search,
            )
        job = jobs.get(lane.blocked_by) if lane.blocked_by is not None else None
        if job is None or job.started_at is None:
            continue
        since = (now - job.started_at).total_seconds()
        if since > examined.longest_wait_seconds:
            stuck += 1
            yield wrong(
                "lanes",
                f"worker {name!r} waits for a retry of job {job.id}, last tried {lasting(since)} ago, "
                f"and {waiting} {_wait(lane.queued)}",
                "fix what makes it fail, cancel it, or give its command on_failure='skip'",
                search,
            )
    if not stuck:
        yield fine("lanes", f"{counted(len(lanes), 'lane')} with waiting jobs; none stands still")


async def check_waiting_jobs(examined: Examined) -> AsyncIterator[Finding]:
    """Every waiting job has a live parent; there should be no exception."""
    stranded = await repository.find_stranded(examined.db, NAMED_JOBS)
    if stranded:
        yield wrong(
            "waiting",
            f"jobs wait for parents that are no longer there: {', '.join(map(str, stranded))}",
            "cancel and requeue them, and report this: it should not happen",
        )
    else:
        yield fine("waiting", "every waiting job has a live parent")


async def check_holders(examined: Examined) -> AsyncIterator[Finding]:
    """Every running job belongs to a node that exists; there should be no exception."""
    orphans = await repository.find_orphans(examined.db)
    if orphans:
        yield wrong(
            "holders",
            f"jobs are held by nodes that are not registered: {', '.join(map(str, orphans))}",
            "a running node takes them over; start one if there is none, and report this: it should not happen",
        )
    else:
        yield fine("holders", "every running job belongs to a registered node")


async def check_commands(examined: Examined) -> AsyncIterator[Finding]:
    """The application knows the commands of the jobs that are ready."""
    if examined.commands is None:
        return
    queues = await repository.find_ready_queues(examined.db, "", BOUND_QUEUES)
    unknown = await repository.find_unknown(examined.db, queues, examined.commands, examined.bound_commands)
    for command, count in sorted(unknown.items()):
        yield wrong(
            "commands",
            f"the application has no command {command!r}, which {counted(count, 'ready job')} {_verb(count)}",
            "deploy a worker that has it, or cancel these jobs (dbjobs jobs --command NAME lists them)",
            f"state:queued command:{_quoted(command)}",
        )
    if not unknown:
        yield fine("commands", f"{counted(len(examined.commands), 'command')} of the application; none is missing")


async def check_tasks(examined: Examined) -> AsyncIterator[Finding]:
    """No scheduled task is late: a node fires it."""
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
            yield wrong(
                "schedules",
                f"task {task.name!r} was to run {lasting(behind)} ago",
                f"start a worker {who}, or remove it: dbjobs schedules remove {task.name}",
            )
    if not late:
        paused = [task.name for task in tasks if task.paused]
        told = f", paused: {', '.join(paused[:NAMED_JOBS])}" if paused else ""
        yield fine("schedules", f"{counted(len(tasks), 'scheduled task')}{told}")


def _queue_troubles(queue: QueueInfo, counts: dict[tuple[str, str], int], alive: Sequence[NodeInfo]) -> list[Finding]:
    ready = counts.get((queue.queue, "queued"), 0)
    if not ready:
        return []
    jobs = counted(ready, "ready job")
    search = f"state:queued queue:{_quoted(queue.queue)}"
    if queue.paused:
        advice = f"resume it when you are done: dbjobs resume {queue.queue}"
        return [wrong("queues", f"queue {queue.queue!r} is paused and has {jobs}", advice, search)]
    served = [node.info.get("queues") for node in alive]
    if served and not any(names is None or queue.queue in names for names in served):
        advice = f"start a worker with --queue {queue.queue}, or one without --queue"
        return [wrong("queues", f"queue {queue.queue!r} has {jobs}, and no node serves it", advice, search)]
    return []


def _verb(count: int) -> str:
    return "needs" if count == 1 else "need"


def _named(node: NodeInfo) -> str:
    return f"{node.id} ({node.name})"


def _wait(count: int) -> str:
    return "waits" if count == 1 else "wait"


def _quoted(name: str) -> str:
    """Quoted as in a search."""
    return msgspec.json.encode(name).decode()
