"""Why is it not running? Answered from what the database and the nodes say about a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from dbjobs.commands.registry import BUILT_IN_QUEUE
from dbjobs.inspect.reasons import Explanation, Reason, ReasonCode
from dbjobs.models import FINAL_STATES, Job, JobState, NodeInfo, QueueInfo
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.repository.explaining import Surroundings
from dbjobs.wording import counted

# We count jobs ahead of this one up to here: the cost of an answer must not grow with the backlog.
BOUND = 10_000
# How many parents an answer names.
_NAMED = 5


async def explain(db: Database, job: Job) -> Explanation:
    """Look around a job.

    Args:
        job: as it was a moment ago.
    """
    if job.state in FINAL_STATES:
        return _told(job, None, [_ended(job)])
    around = await repository.explain_job(
        db, id=job.id, queue=job.queue, priority=job.priority, worker=job.worker, bound=BOUND
    )
    nodes = await repository.list_nodes(db)
    if job.node_id is not None:
        return _told(job, around.now, [*_running(job, nodes, around)])
    ids = job.depends_on if job.state is JobState.WAITING else ()
    if around.blocked_by not in (None, job.id):
        ids = (*ids, around.blocked_by)
    others: dict[int, Job] = {}
    for start in range(0, len(ids), 1000):
        others |= await repository.get_jobs(db, ids[start : start + 1000])
    settings = {setting.queue: setting for setting in await repository.list_queue_settings(db)}
    view = _View(job, around, nodes, settings.get(job.queue), others)
    return _told(job, around.now, [*view.reasons()])


def _told(job: Job, at: datetime | None, reasons: Sequence[Reason]) -> Explanation:
    return Explanation(job_id=job.id, command=job.command, state=job.state, at=at, reasons=tuple(reasons))


def _ended(job: Job) -> Reason:
    facts: dict[str, Any] = {"completed_at": job.completed_at, "attempt": job.attempt, "duration_ms": job.duration_ms}
    when = _moment(job.completed_at)
    if job.state is JobState.COMPLETED:
        return Reason(code=ReasonCode.COMPLETED, text=f"It completed at {when}, in attempt {job.attempt}.", facts=facts)
    facts |= {"error_code": job.error_code, "error": job.error}
    if job.state is JobState.FAILED:
        text = f"It failed at {when}, after {counted(job.attempt, 'attempt')}: {job.error}."
        return Reason(code=ReasonCode.FAILED, text=text, facts=facts)
    return Reason(code=ReasonCode.CANCELLED, text=f"It was cancelled at {when}: {job.error}.", facts=facts)


def _running(job: Job, nodes: Sequence[NodeInfo], around: Surroundings) -> Iterator[Reason]:
    """A node holds it."""
    node = next((node for node in nodes if node.id == job.node_id), None)
    name = f"node {job.node_id}" + (f" ({node.name})" if node is not None else "")
    facts = {"node_id": job.node_id, "started_at": job.started_at, "attempt": job.attempt}
    if node is None or not node.alive or node.buried:
        seen = None if node is None else node.last_seen_at
        yield Reason(
            code=ReasonCode.NODE_LOST,
            text=f"{name.capitalize()}, which holds it, has not been heard of"
            + ("" if seen is None else f" since {_moment(seen)}")
            + "; another node will take it over.",
            facts=facts | {"last_seen_at": seen},
        )
    if job.cancel_requested_at is not None:
        yield Reason(
            code=ReasonCode.CANCEL_ASKED,
            text=f"Its cancellation was asked for at {_moment(job.cancel_requested_at)}; {name} has to stop it.",
            facts=facts | {"cancel_requested_at": job.cancel_requested_at},
        )
    if job.worker is not None and around.lane_node == job.node_id and around.lane_job not in (None, job.id):
        # Claimed together with the jobs ahead of it in the lane.
        yield _lane_held(job, around)
    since = f"{name} since {_moment(job.started_at)}, in attempt {job.attempt}"
    if job.state is JobState.EXECUTED:
        yield Reason(code=ReasonCode.CALLBACK, text=f"Its body is done; its callback is with {since}.", facts=facts)
    else:
        yield Reason(code=ReasonCode.RUNNING, text=f"It is with {since}.", facts=facts)


def _lane_held(job: Job, around: Surroundings) -> Reason:
    text = f"Worker {job.worker!r} is held by node {around.lane_node}"
    if around.lane_job is not None:
        text += f", which works on job {around.lane_job} since {_moment(around.lane_since)}"
    facts: dict[str, Any] = {"worker": job.worker, "node_id": around.lane_node}
    facts |= {"job_id": around.lane_job, "since": around.lane_since}
    return Reason(code=ReasonCode.LANE_HELD, text=text + ".", facts=facts)


class _View:
    """A job that no node holds, and its surroundings."""

    def __init__(
        self,
        job: Job,
        around: Surroundings,
        nodes: Sequence[NodeInfo],
        setting: QueueInfo | None,
        others: dict[int, Job],
    ) -> None:
        self._job = job
        self._around = around
        self._setting = setting
        self._others = others
        self._alive = [node for node in nodes if node.alive and not node.buried]
        self._serving = [node for node in self._alive if _serves(node, job.queue)]
        self._knowing = [node for node in self._serving if _kind(node, job.command) is not None]
        self._claiming = [node for node in self._knowing if not node.info.get("draining")]

    def reasons(self) -> Iterator[Reason]:
        """What must change, in that order; at least one reason."""
        job, now = self._job, self._around.now
        if job.cancel_requested_at is not None:
            text = f"Its cancellation was asked for at {_moment(job.cancel_requested_at)}."
            facts = {"cancel_requested_at": job.cancel_requested_at}
            yield Reason(code=ReasonCode.CANCEL_ASKED, text=text, facts=facts)
        if job.expires_at is not None and job.attempt == 0 and job.expires_at <= now:
            text = f"It expired at {_moment(job.expires_at)}, before it had started; it is about to be cancelled."
            yield Reason(code=ReasonCode.EXPIRED, text=text, facts={"expires_at": job.expires_at})
            return
        if job.state is JobState.WAITING:
            yield self._parents()
            yield from self._nobody()
            return
        if job.state is JobState.EXECUTED:
            yield Reason(
                code=ReasonCode.CALLBACK,
                text=f"Its body is done; its callback {job.callback!r} is still to run.",
                facts={"callback": job.callback},
            )
        scheduled = job.state is JobState.SCHEDULED or (job.state is JobState.EXECUTED and job.run_after is not None)
        if scheduled and job.run_after is not None and job.run_after > now:
            yield self._later(job.run_after)
            yield from self._nobody()
            return
        if job.state is JobState.SCHEDULED:
            text = f"It was due at {_moment(job.run_after)}; a node is about to queue it."
            yield Reason(code=ReasonCode.DUE_NOW, text=text, facts={"run_after": job.run_after})
            yield from self._nobody()
            return
        found = False
        for look in (self._nobody, self._lane, self._full):
            for reason in look():
                found = True
                yield reason
        if not found:
            yield Reason(code=ReasonCode.READY, text="Nothing is in its way: a node is about to take it.")

    def _later(self, due: datetime) -> Reason:
        facts: dict[str, Any] = {"run_after": due}
        if self._job.error_code is None or self._job.attempt == 0:
            return Reason(code=ReasonCode.NOT_DUE, text=f"It is due at {_moment(due)}.", facts=facts)
        text = f"Attempt {self._job.attempt} failed ({self._job.error}); it is tried again at {_moment(due)}."
        return Reason(code=ReasonCode.BACKING_OFF, text=text, facts=facts | {"error_code": self._job.error_code})

    def _parents(self) -> Reason:
        unfinished = [id for id in self._job.depends_on if id in self._others and not self._others[id].finished]
        if not unfinished:
            text = "The jobs that it waits for have ended; a node is about to look at it."
            return Reason(code=ReasonCode.WAITS_FOR_JOBS, text=text, facts={"jobs": []})
        named = ", ".join(f"{id} ({self._others[id].state})" for id in unfinished[:_NAMED])
        rest = len(unfinished) - _NAMED
        text = f"It waits for {'job' if len(unfinished) == 1 else 'jobs'} {named}"
        text += f" and {rest} more." if rest > 0 else "."
        return Reason(code=ReasonCode.WAITS_FOR_JOBS, text=text, facts={"jobs": unfinished})

    def _nobody(self) -> Iterator[Reason]:
        """No node would claim it, whatever else is true."""
        queue, command = self._job.queue, self._job.command
        if self._setting is not None and self._setting.paused:
            yield Reason(code=ReasonCode.QUEUE_PAUSED, text=f"Queue {queue!r} is paused.", facts={"queue": queue})
        if not self._alive:
            yield Reason(code=ReasonCode.NO_NODE, text="No node is alive: nothing runs any job.")
        elif not self._serving:
            text = f"No living node ({len(self._alive)} in all) serves queue {queue!r}."
            yield Reason(code=ReasonCode.QUEUE_UNSERVED, text=text, facts={"queue": queue})
        elif not self._knowing:
            text = f"No node that serves queue {queue!r} knows the command {command!r}."
            yield Reason(code=ReasonCode.COMMAND_UNKNOWN, text=text, facts={"command": command})
        elif not self._claiming:
            ids = [node.id for node in self._knowing]
            text = "The only node that could take it is drained: it claims nothing more."
            if len(ids) > 1:
                text = f"{counted(len(ids), 'node')} could take it, and all are drained: they claim nothing more."
            yield Reason(code=ReasonCode.NODES_DRAINED, text=text, facts={"nodes": ids})

    def _lane(self) -> Iterator[Reason]:
        """Its lane is taken, or other jobs come first in it."""
        worker, around = self._job.worker, self._around
        if worker is None:
            return
        facts: dict[str, Any] = {"worker": worker}
        if around.blocked_by not in (None, self._job.id):
            blocker = self._others.get(around.blocked_by or 0)
            until = None if blocker is None else blocker.run_after
            text = f"Worker {worker!r} waits for the retry of job {around.blocked_by}"
            text += "." if until is None else f" at {_moment(until)}."
            facts |= {"job_id": around.blocked_by, "until": until}
            yield Reason(code=ReasonCode.LANE_BLOCKED, text=text, facts=facts)
        elif around.lane_node is not None:
            yield _lane_held(self._job, around)
        if around.lane_ahead:
            text = f"{_come_first(around.lane_ahead, f'worker {worker!r}')}; the next is job {around.lane_head}."
            facts = {"worker": worker, "job_id": around.lane_head, "ahead": around.lane_ahead}
            yield Reason(code=ReasonCode.LANE_BEHIND, text=text, facts=facts)

    def _full(self) -> Iterator[Reason]:
        """All nodes that could claim it are busy."""
        if not self._claiming or (self._setting is not None and self._setting.paused):
            return
        limits = {node.id: self._limit(node) for node in self._claiming}
        held = self._around.held_of_queue
        at_limit = [id for id, limit in limits.items() if limit is not None and held[id] >= limit]
        busy = [node.id for node in self._claiming if self._is_busy(node)]
        if len({*at_limit, *busy}) < len(self._claiming):
            if self._around.queue_ahead and self._job.worker is None:
                text = f"{_come_first(self._around.queue_ahead, f'queue {self._job.queue!r}')}."
                yield Reason(code=ReasonCode.BEHIND, text=text, facts={"ahead": self._around.queue_ahead})
            return
        facts: dict[str, Any] = {"ahead": self._around.queue_ahead}
        if at_limit:
            text = f"Queue {self._job.queue!r} is at its limit of {limits[at_limit[0]]} on "
            text += f"{counted(len(at_limit), 'node')}."
            yield Reason(code=ReasonCode.QUEUE_AT_LIMIT, text=text, facts=facts | {"nodes": at_limit})
        full = [id for id in busy if id not in at_limit]
        if full:
            text = f"All slots of {counted(len(full), 'node')} are busy."
            yield Reason(code=ReasonCode.SLOTS_BUSY, text=text, facts=facts | {"nodes": full})

    def _limit(self, node: NodeInfo) -> int | None:
        own = (node.info.get("limits") or {}).get(self._job.queue)
        limits = [own, None if self._setting is None else self._setting.concurrency]
        return min((limit for limit in limits if limit is not None), default=None)

    def _is_busy(self, node: NodeInfo) -> bool:
        concurrency = node.info.get("concurrency")
        if isinstance(concurrency, int) and self._around.held[node.id] >= concurrency:
            return True
        # Threads and processes, as the node said at its last heartbeat.
        places = (node.info.get("places") or {}).get(_kind(node, self._job.command))
        return places is not None and places[0] >= places[1] and self._around.held[node.id] >= places[1]


def _serves(node: NodeInfo, queue: str) -> bool:
    queues = node.info.get("queues")
    return queues is None or queue in queues or queue == BUILT_IN_QUEUE


def _kind(node: NodeInfo, command: str) -> str | None:
    """What a command's handler runs in on a node; None if the node does not know it."""
    commands = node.info.get("commands")
    if commands is None:  # nodes of earlier releases do not say
        return "loop"
    return next((kind for kind, names in commands.items() if command in names), None)


def _moment(value: datetime | None) -> str:
    return "an unknown time" if value is None else f"{value:%Y-%m-%d %H:%M:%S}Z"


def _come_first(count: int, of: str) -> str:
    if count == 1:
        return f"1 job of {of} comes first"
    return f"{'At least ' if count >= BOUND else ''}{counted(count, 'job')} of {of} come first"
