"""What makes a queue's life hard, as rules: open transactions, nodes that come back, and answers that get lost."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import invariant, multiple, precondition, rule

from dbjobs.errors import TransactionConflict
from dbjobs.store import repository
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.enqueueing import Inserted, insert_one, insert_plain, is_plain
from dbjobs.store.transactions.rescue import bury
from tests.conformance.isolation import LEVELS, begin_at
from tests.conformance.machine import MOST_LIVE, NEW_JOB, WHICH, New, StoreMachine, pick
from tests.conformance.model import LIVE
from tests.conformance.raw import CallersConnection
from tests.faults.plan import ANY, Fault, Plan, Point

MOST_OPEN = 2
# Each of these can be asked for again, or is found by a sweep, when its answer is lost.
LOSABLE = [
    "bury_node", "cancel_jobs", "claim_jobs", "claim_lanes", "execute_jobs", "find_dependency_work", "find_held",
    "finish_jobs", "hand_back_jobs", "heartbeat", "promote_jobs", "release_children", "remove_node", "requeue_jobs",
    "resolve_children", "retry_jobs",
]  # fmt: skip


class Pending(NamedTuple):
    """A job that only its transaction can see; ``edges`` as in ``Model.add``."""

    id: int
    job: NewJob
    parents: list[int]
    edges: list[int]
    is_unresolved: bool


class OpenCaller:
    """A caller's transaction, and the jobs that were enqueued in it."""

    def __init__(self, stack: AsyncExitStack, own: CallersConnection, level: str | None) -> None:
        self.stack = stack
        self.own = own
        self.level = level
        self.jobs: list[Pending] = []


class TroubledMachine(StoreMachine):
    """The state machine, with callers, nodes and a network that are not as they should be."""

    plan: Plan
    jobs = StoreMachine.jobs

    def __init__(self) -> None:
        super().__init__()
        self.open: list[OpenCaller] = []
        self.never: list[int] = []

    # --- callers --------------------------------------------------------------------------------

    def busy_refs(self) -> set[str]:
        return {pending.job.ref_id for caller in self.open for pending in caller.jobs if pending.job.ref_id}

    @precondition(lambda self: self.live() < MOST_LIVE)
    @rule(
        which=WHICH,
        new=NEW_JOB,
        parents=st.lists(jobs, max_size=3, unique=True),
        level=st.integers(0, 3),
        another=st.booleans(),
    )
    def caller_enqueues(self, which: int, new: New, parents: list[int], level: int, another: bool) -> None:
        """In a new transaction, or in one whose snapshot may be old. It stays open, except on a file."""
        if not self.open or (another and len(self.open) < MOST_OPEN):
            levels = LEVELS[self.raw.dialect]
            self.open.append(self.run(self.begin_caller(pick(levels, level) if levels else None)))
            caller = self.open[-1]
        else:
            caller = pick(self.open, which)
        job = self.row(new, parents)
        try:
            inserted = self.run(self.insert(caller, job, parents))
        except TransactionConflict:
            assert caller.level == "SERIALIZABLE", "only there may two that have read the same collide"
            self.end_caller(caller, commits=False)
            return
        id = inserted.ref.id
        if job.ref_id in self.refs:
            assert (id, inserted.ref.created) == (self.refs[job.ref_id], False)
        else:
            assert inserted.ref.created
            suits = {"completed"} if job.depends_on_policy == "completed" else {"completed", "failed", "cancelled"}
            edges = [parent for parent in parents if self.model.jobs[parent].state not in suits]
            caller.jobs.append(Pending(id, job, parents, edges, inserted.is_unresolved))
        if self.db.one_writer:
            self.end_caller(caller, commits=another)  # while it is open, nobody else can write to the file

    async def begin_caller(self, level: str | None) -> OpenCaller:
        stack = AsyncExitStack()
        own = await stack.enter_async_context(self.raw.connection())
        await begin_at(self.raw.dialect, own, level)
        return OpenCaller(stack, own, level)

    async def insert(self, caller: OpenCaller, job: NewJob, parents: list[int]) -> Inserted:
        session = await self.db.adopt(caller.own.driver)
        if is_plain(job):
            return Inserted((await insert_plain(session, [job], ()))[0])
        return await insert_one(session, self.db, job, parents, (), refuse_existing=False)

    @precondition(lambda self: self.open)
    @rule(target=jobs, which=WHICH, commits=st.sampled_from([True, True, False]))
    def caller_ends(self, which: int, commits: bool) -> Any:
        return multiple(*self.end_caller(pick(self.open, which), commits=commits))

    def end_caller(self, caller: OpenCaller, *, commits: bool) -> list[int]:
        """Commit or roll back; the ids that are there now."""
        self.open.remove(caller)

        async def end() -> bool:
            committed = commits
            async with caller.stack:
                try:
                    await (caller.own.commit() if commits else caller.own.rollback())
                except Exception:
                    if caller.level != "SERIALIZABLE":
                        raise
                    committed = False
            return committed

        if not self.run(end()):
            self.never += [pending.id for pending in caller.jobs]
            return []
        for pending in caller.jobs:
            if pending.is_unresolved:
                child = pending.id
                self.persist(lambda child=child: Follower(self.db, children=[child]).run())  # type: ignore[misc]
            self.add(pending.id, pending.job, pending.parents, pending.edges)
        return [pending.id for pending in caller.jobs]

    @invariant()
    def what_was_rolled_back_was_never_there(self) -> None:
        pending = [pending.id for caller in self.open for pending in caller.jobs]
        hidden = [id for id in self.never + pending if id not in self.model.jobs]  # a file may give an id once more
        assert not hidden or not self.run(self.db.fetch("get_jobs", ids=hidden))

    # --- nodes ----------------------------------------------------------------------------------

    @precondition(lambda self: self.dead)
    @rule(which=WHICH)
    def node_comes_back(self, which: int) -> None:
        """Its lease is over, but nobody has taken it: it goes on with what it holds."""
        node = pick(self.dead, which)
        assert self.persist(lambda: repository.heartbeat(self.db, node, 3600, "{}"))
        self.dead.remove(node)
        self.nodes.append(node)

    @precondition(lambda self: self.dead)
    @rule(which=WHICH)
    def node_is_buried(self, which: int) -> None:
        """The rescuer dies at once: what is held stays where it is until another one comes."""
        node = pick(self.dead, which)
        buried = self.persist(lambda: bury(self.db, node))
        assert buried or self.answer_was_lost
        assert not self.persist(lambda: repository.heartbeat(self.db, node, 3600, "{}")), "a buried node came back"
        self.dead.remove(node)
        self.buried.append(node)

    # --- the network ----------------------------------------------------------------------------

    @rule(what=st.sampled_from(LOSABLE))
    def an_answer_will_be_lost(self, what: str) -> None:
        """The next round trip of this kind is done, but nobody hears of it."""
        self.plan.arm(Point(ANY, what), Fault.LOST)

    # --- the end --------------------------------------------------------------------------------

    def teardown(self) -> None:
        self.plan.disarm()
        for caller in list(self.open):
            self.end_caller(caller, commits=False)
        assert all(job.state in LIVE or not job.waits_for for job in self.model.jobs.values())
        super().teardown()
