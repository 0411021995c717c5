"""A queue in a few lines of plain Python: what the database must agree with, whatever is done to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LIVE = frozenset({"scheduled", "waiting", "queued", "started", "executed"})
NOT_STARTED = frozenset({"scheduled", "waiting", "queued"})


@dataclass
class ModelJob:
    """One job.

    Attributes:
        state: as stored; ``shown`` is what readers see.
        tries_before: attempts that do not count (before a requeue, of the body, or given back).
        due: its time has come (or it has none).
        waits_for: parents that have not ended yet.
        parents: all of them.
        expires: it has a time by which it must have started.
    """

    id: int
    lane: str | None
    priority: int
    retry_limit: int
    any_end: bool
    batch: str | None
    due: bool
    waits_for: set[int]
    state: str = "queued"
    attempt: int = 0
    tries_before: int = 0
    node: int | None = None
    executed: bool = False
    cancel_requested: bool = False
    parents: tuple[int, ...] = ()
    expires: bool = False

    @property
    def shown(self) -> str:
        return "executed" if self.executed and self.state in LIVE else self.state

    @property
    def place(self) -> tuple[int, int]:
        return (self.priority, self.id)


@dataclass
class Model:
    """All jobs, who holds which lane, and the counts of batches."""

    jobs: dict[int, ModelJob] = field(default_factory=dict)
    lanes: dict[str, tuple[str, int]] = field(default_factory=dict)  # lane -> ("node" | "job", id)
    batches: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, job: ModelJob, parents: list[int], edges: list[int]) -> None:
        """A job is there; ``edges`` are those of its parents that had not ended well when it was enqueued."""
        self.jobs[job.id] = job
        job.parents = tuple(parents)
        if job.batch:
            self.batches.setdefault(job.batch, Counter())["total"] += 1
        ended = [self.jobs[parent].state for parent in edges if self.jobs[parent].state not in LIVE]
        job.waits_for = {parent for parent in edges if self.jobs[parent].state in LIVE}
        self._settle_start(job)
        if not job.any_end and any(state != "completed" for state in ended):
            self.end(job, "cancelled")

    def ready(self) -> list[ModelJob]:
        """Free jobs that may run, in the order of claims."""
        return sorted((j for j in self.jobs.values() if j.state == "queued" and not j.lane), key=lambda j: j.place)

    def ready_lanes(self) -> dict[str, list[ModelJob]]:
        """Jobs that may run of every lane that is free, in order."""
        lanes: dict[str, list[ModelJob]] = {}
        for job in sorted(self.jobs.values(), key=lambda j: j.place):
            if job.state == "queued" and job.lane and job.lane not in self.lanes:
                lanes.setdefault(job.lane, []).append(job)
        return dict(sorted(lanes.items()))

    def claim(self, job: ModelJob, node: int) -> None:
        job.state, job.node = "started", node
        job.attempt += 1

    def end(self, job: ModelJob, state: str) -> None:
        """The job is over; its children are released or cancelled."""
        job.state, job.node, job.waits_for = state, None, set()
        if job.batch:
            self.batches[job.batch][state] += 1
        self._unblock(job)
        for child in list(self.jobs.values()):
            if job.id in child.waits_for and child.state == "waiting":
                if state != "completed" and not child.any_end:
                    self.end(child, "cancelled")
                else:
                    child.waits_for.discard(job.id)
                    self._settle_start(child)

    def again(self, job: ModelJob, *, due: bool) -> None:
        """A failed attempt that will be tried again."""
        if job.cancel_requested:
            self.end(job, "cancelled")
            return
        job.node, job.due = None, due
        job.state = "queued" if due else "scheduled"

    def hand_back(self, job: ModelJob) -> None:
        """An attempt given back without a charge."""
        if job.cancel_requested:
            self.end(job, "cancelled")
            return
        job.state, job.node = "queued", None
        job.tries_before += 1

    def execute(self, job: ModelJob) -> None:
        """The body is done; the callback has tries of its own."""
        job.state, job.executed, job.tries_before = "executed", True, job.attempt - 1

    def cancel(self, job: ModelJob) -> None:
        if job.state in NOT_STARTED:
            self.end(job, "cancelled")
        elif job.state in LIVE:
            job.cancel_requested = True

    def requeue(self, job: ModelJob) -> None:
        if job.batch:
            self.batches[job.batch][job.state] -= 1
        job.due, job.cancel_requested, job.tries_before, job.expires = True, False, job.attempt, False
        if not job.executed:
            job.waits_for = {parent for parent in job.parents if self.jobs[parent].state in LIVE}
        self._settle_start(job)

    def promote(self, job: ModelJob) -> None:
        """Its time has come."""
        job.due = True
        if job.state == "scheduled":
            job.state = "queued"
            self._unblock(job)

    def expire(self, job: ModelJob) -> None:
        """Its last moment to start is over: one that has started once stays."""
        if job.state in NOT_STARTED and job.attempt == 0:
            self.end(job, "cancelled")

    def bury(self, node: int) -> None:
        """A dead node's attempts are tried again or are over; its lanes are free."""
        for job in list(self.jobs.values()):
            if job.node == node:
                if job.cancel_requested:
                    self.end(job, "cancelled")
                elif job.attempt - job.tries_before <= job.retry_limit:
                    self.again(job, due=True)
                else:
                    self.end(job, "failed")
        for lane in [lane for lane, holder in self.lanes.items() if holder == ("node", node)]:
            del self.lanes[lane]

    def _settle_start(self, job: ModelJob) -> None:
        job.state = "waiting" if job.waits_for else "queued" if job.due else "scheduled"

    def _unblock(self, job: ModelJob) -> None:
        if job.lane and self.lanes.get(job.lane) == ("job", job.id):
            del self.lanes[job.lane]
