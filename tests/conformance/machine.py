"""What clients and nodes do to the store, as rules of a state machine, and what must hold after each of them."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from msgspec.structs import replace

from dbjobs.commands.registry import base_row
from dbjobs.errors import DatabaseUnavailable
from dbjobs.store import repository
from dbjobs.store.counters import client_counter
from dbjobs.store.database import Database
from dbjobs.store.records import Claimed, NewJob, Outcome, OutcomeKind
from dbjobs.store.transactions.cancelling import cancel
from dbjobs.store.transactions.dependencies import Follower, cancel_waiting
from dbjobs.store.transactions.enqueueing import Inserted, insert_one, insert_plain, is_plain
from dbjobs.store.transactions.rescue import rescue_one
from dbjobs.store.transactions.retrying import in_transaction
from dbjobs.store.transactions.settlement import Settling, settle
from tests.conformance.helpers import START
from tests.conformance.model import LIVE, Model, ModelJob
from tests.conformance.raw import Raw

T = TypeVar("T")

# A step that takes longer waits for somebody, and nobody may: not for an open transaction, nor for another node.
LONGEST_STEP_SECONDS = 20.0
KINDS: list[OutcomeKind] = ["completed", "failed", "cancelled", "retry", "executed", "hand_back"]
MOST_LIVE = 8  # more would only stand and wait
FAR_SECONDS = 36_000.0
BASE = replace(base_row(retry_limit=0, timeout_seconds=0), command="work")

Token = tuple[int, Claimed]  # the node that claimed it, and what it got

# Ids differ from run to run of the same example, so an example says only which in the list (modulo its length).
WHICH = st.integers(0, 11)


class New(NamedTuple):
    """What is drawn for a new job; ``ref`` is the number of a key."""

    lane: str | None
    priority: int
    retry_limit: int
    later: bool
    batch: bool
    any_end: bool
    expires: bool
    ref: int | None


NEW_JOB = st.builds(
    New,
    lane=st.sampled_from([None, None, "a", "b"]),
    priority=st.integers(0, 2),
    retry_limit=st.integers(0, 2),
    later=st.sampled_from([False, False, False, True]),
    batch=st.sampled_from([True, True, False]),
    any_end=st.booleans(),
    expires=st.booleans(),
    ref=st.sampled_from([None, None, None, 0, 1, 2, 3]),
)


def pick(several: Sequence[T], which: int) -> T:
    return several[which % len(several)]


class StoreMachine(RuleBasedStateMachine):
    """Rules are what clients and nodes do to the store; the invariant compares it with the model."""

    db: Database
    raw: Raw
    loop: asyncio.AbstractEventLoop
    example = itertools.count(1)

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        # Examples share a database: each has queues, lanes and batches of its own.
        self.name = f"e{next(self.example)}"
        self.model = Model()
        self.nodes: list[int] = []
        self.dead: list[int] = []
        self.buried: list[int] = []
        self.refs: dict[str, int] = {}
        self.answer_was_lost = False
        self.held: list[Token] = []
        self.stale: list[Token] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(work, LONGEST_STEP_SECONDS))

    def persist(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run something as a loop does: again if its answer was lost, and then the sweep finds what was left."""
        self.answer_was_lost = False
        try:
            return self.run(work())
        except DatabaseUnavailable:
            self.answer_was_lost = True
            result = self.run(work())
            self.run(sweep(self.db))
            return result

    def busy_refs(self) -> set[str]:
        """Keys about which an open transaction has not decided."""
        return set()

    # --- clients --------------------------------------------------------------------------------

    @initialize(target=jobs, several=st.lists(NEW_JOB, min_size=3, max_size=6))
    def begin(self, several: list[New]) -> Any:
        for _ in range(2):
            self.node_starts()
        return multiple(*[self.enqueue_one(new, []) for new in several])

    @precondition(lambda self: self.live() < MOST_LIVE)
    @rule(target=jobs, new=NEW_JOB, parents=st.lists(jobs, max_size=3, unique=True))
    def enqueue(self, new: New, parents: list[int]) -> int:
        return self.enqueue_one(new, parents)

    @precondition(lambda self: self.live() < MOST_LIVE)
    @rule(target=jobs, several=st.lists(NEW_JOB, min_size=2, max_size=5))
    def enqueue_several(self, several: list[New]) -> Any:
        return multiple(*[self.enqueue_one(new, []) for new in several])

    def live(self) -> int:
        return sum(job.state in LIVE for job in self.model.jobs.values())

    def row(self, new: New, parents: list[int]) -> NewJob:
        ref_id = None if new.ref is None else f"{self.name} {new.ref}"
        return replace(
            BASE,
            ref_id=None if ref_id in self.busy_refs() else ref_id,
            queue=self.name,
            worker=new.lane and f"{self.name} {new.lane}",
            priority=new.priority,
            retry_limit=new.retry_limit,
            delay_seconds=FAR_SECONDS if new.later else None,
            expires_seconds=FAR_SECONDS if new.expires else None,
            batch_id=self.name if new.batch else None,
            depends_on="[]" if parents else None,
            depends_on_policy="finished" if new.any_end else "completed",
        )

    def enqueue_one(self, new: New, parents: list[int]) -> int:
        job = self.row(new, parents)
        if is_plain(job):
            (ref,) = self.run(in_transaction(self.db, lambda session: insert_plain(session, [job], ())))
            self.add(ref.id, job, parents, parents)
            return ref.id

        async def work() -> Inserted:
            return await in_transaction(
                self.db, lambda session: insert_one(session, None, job, parents, (), refuse_existing=False)
            )

        # Without a key it must not be asked for again.
        inserted = self.persist(work) if job.ref_id is not None else self.run(work())
        id, created, lost = inserted.ref.id, inserted.ref.created, self.answer_was_lost
        if inserted.is_unresolved:
            self.persist(lambda: Follower(self.db, children=[id]).run())
        if job.ref_id in self.refs:
            assert (id, created) == (self.refs[job.ref_id], False)
        else:
            assert created or lost
            self.add(id, job, parents, parents)
        return id

    def add(self, id: int, job: NewJob, parents: list[int], edges: list[int]) -> None:
        """It is there, for everybody to see."""
        model_job = ModelJob(
            id, job.worker, job.priority, job.retry_limit, job.depends_on_policy == "finished", job.batch_id,
            due=job.delay_seconds is None, waits_for=set(), expires=job.expires_seconds is not None,
        )  # fmt: skip
        if job.ref_id is not None:
            self.refs[job.ref_id] = id
        self.model.add(model_job, parents, edges)

    @rule(which=WHICH, action=st.sampled_from(["cancel", "requeue", "time comes", "expires"]))
    def client_intervenes(self, which: int, action: str) -> None:
        """Mostly where it has an effect: a cancel of anything, a requeue of what has ended badly."""
        jobs = list(self.model.jobs.values())
        if action == "cancel":
            self.cancel(pick(jobs, which).id)
        elif action == "requeue":
            self.requeue(pick([job for job in jobs if job.state in ("failed", "cancelled")] or jobs, which).id)
        elif action == "expires":
            if mortal := [job for job in jobs if job.expires and job.state in LIVE]:
                self.expires(pick(mortal, which))
        elif later := [job for job in jobs if job.state in ("scheduled", "waiting")]:
            self.time_comes(pick(later, which).id)

    def cancel(self, id: int) -> None:
        self.persist(lambda: cancel(self.db, [id], "cancelled", "by the test"))
        self.model.cancel(self.model.jobs[id])

    def requeue(self, id: int) -> None:
        job = self.model.jobs[id]
        ready, waiting = self.persist(lambda: repository.requeue_jobs(self.db, [id], client_counter()))
        lost = self.answer_was_lost
        self.persist(lambda: Follower(self.db, children=waiting).run())
        comes = job.state in ("failed", "cancelled")
        assert lost or len(ready) + len(waiting) == comes
        if comes:
            self.model.requeue(job)

    def time_comes(self, id: int) -> None:
        self.run(self.raw.rows(f"UPDATE dbjobs.background_job SET run_after = created_at WHERE id = {id}"))
        self.persist(lambda: repository.promote_jobs(self.db, 1000))
        self.model.promote(self.model.jobs[id])

    def expires(self, job: ModelJob) -> None:
        async def work() -> None:
            ids = await repository.find_expired(self.db, 1000)
            await Follower(self.db, parents=await cancel_waiting(self.db, ids, "expired", "by the test")).run()

        self.run(self.raw.rows(f"UPDATE dbjobs.background_job SET expires_at = created_at WHERE id = {job.id}"))
        self.persist(work)
        self.model.expire(job)

    # --- nodes ----------------------------------------------------------------------------------

    @precondition(lambda self: len(self.nodes) < 3)
    @rule()
    def node_starts(self) -> None:
        self.nodes.append(self.run(repository.register_node(self.db, "test", 3600, "{}")))

    @rule(which=WHICH, slots=st.integers(1, 4), lanes=st.integers(1, 2), run_length=st.integers(1, 3))
    def node_looks_for_work(self, which: int, slots: int, lanes: int, run_length: int) -> None:
        node = pick(self.nodes * 3 + self.dead + self.buried, which)
        self.claim(node, slots)
        self.claim_lanes(node, lanes, run_length)

    def claim(self, node: int, slots: int) -> None:
        expected = self.model.ready()[:slots] if node in self.nodes else []
        try:
            claimed = self.run(repository.claim_jobs(self.db, node, [(self.name, slots, *START)], slots, ["work"]))
        except DatabaseUnavailable:
            self.reconcile(node, expected)
            return
        assert sorted(job.id for job in claimed) == sorted(job.id for job in expected)
        self.hold(node, claimed)

    def claim_lanes(self, node: int, lanes: int, run_length: int) -> None:
        ready = dict(list(self.model.ready_lanes().items())[:lanes]) if node in self.nodes else {}
        expected = [job for lane in ready.values() for job in lane[:run_length]]
        try:
            claimed, empty = self.run(
                repository.claim_lanes(
                    self.db, node, after_worker=f"{self.name} ", lanes=lanes, run_length=run_length, scan_limit=1000,
                    queues=[self.name], commands=["work"],
                )
            )[:2]  # fmt: skip
        except DatabaseUnavailable:
            self.reconcile(node, expected)
            return
        assert empty == []
        assert sorted(job.id for job in claimed) == sorted(job.id for job in expected)
        for lane in ready:
            self.model.lanes[lane] = ("node", node)
        self.hold(node, sorted(claimed, key=lambda job: (job.priority, job.id)))

    def reconcile(self, node: int, claimed: Sequence[ModelJob]) -> None:
        """The answer to a claim was lost: what the database says is this node's and it does not know is given back."""
        known = {job.id for owner, job in self.held if owner == node}
        held = self.persist(lambda: repository.find_held(self.db, node, 1000))
        strays = [job for job in held if job.id not in known]
        assert sorted(job.id for job in strays) == sorted(job.id for job in claimed)
        outcomes = [Outcome(id=job.id, attempt=job.attempt, kind="hand_back") for job in strays]
        self.persist(lambda: repository.hand_back_jobs(self.db, node, outcomes))
        ours = {lane for lane, holder in self.model.lanes.items() if holder == ("node", node)}
        lanes = [lane for lane in self.run(repository.find_held_workers(self.db, node)) if lane not in ours]
        self.run(repository.release_workers(self.db, node, lanes))
        for job in claimed:
            self.model.claim(job, node)
            self.model.hand_back(job)

    def hold(self, node: int, claimed: list[Claimed]) -> None:
        for job in claimed:
            model_job = self.model.jobs[job.id]
            self.model.claim(model_job, node)
            assert job.attempt == model_job.attempt
            self.held.append((node, job))

    @precondition(lambda self: self.held)
    @rule(
        several=st.lists(
            st.tuples(WHICH, st.sampled_from(["completed", *KINDS]), st.booleans()), min_size=1, max_size=4
        )
    )
    def attempts_end(self, several: list[tuple[int, OutcomeKind, bool]]) -> None:
        for which, kind, later in several:
            if self.held:
                self.finish(which, kind, later)

    def finish(self, which: int, kind: OutcomeKind, later: bool) -> None:
        """One attempt ends, as a runner would end it: the first of its lane, the rest given back if it must."""
        node, job = pick(self.first_of_lanes(), which)
        rest = [token for token in self.held if job.worker and token[1].worker == job.worker and token[1] is not job]
        outcomes = []
        if kind in ("retry", "hand_back"):
            outcomes += [Outcome(id=other.id, attempt=other.attempt, kind="hand_back") for _, other in rest]
        last = job.worker is not None and kind != "executed" and (bool(outcomes) or not rest)
        block = kind == "retry" and job.worker is not None
        outcomes.append(
            Outcome(
                id=job.id,
                attempt=job.attempt,
                kind=kind,
                delay_seconds=FAR_SECONDS if later else 0.0,
                release_worker=last and not block,
                block_worker=block,
            )
        )
        settling = Settling(node, node, outcomes)
        settlement = self.persist(lambda: settling.run(self.db))
        assert settlement.lost == frozenset() or (self.answer_was_lost and kind in ("retry", "hand_back", "executed"))
        self.persist(lambda: Follower(self.db, parents=settlement.parents).run())
        if kind == "executed":
            self.model.execute(self.model.jobs[job.id])
            return
        handed_back = rest if len(outcomes) > 1 else []
        for token in handed_back:
            self.held.remove(token)
            self.model.hand_back(self.model.jobs[token[1].id])
            self.stale.append(token)
        self.held.remove((node, job))
        self.settle_model(job, kind, later)
        self.stale.append((node, job))
        if last:
            lane = job.worker or ""
            del self.model.lanes[lane]
            if kind == "retry" and self.model.jobs[job.id].state == "scheduled":
                self.model.lanes[lane] = ("job", job.id)

    def settle_model(self, job: Claimed, kind: str, later: bool) -> None:
        model_job = self.model.jobs[job.id]
        if kind == "retry":
            self.model.again(model_job, due=not later)
        elif kind == "hand_back":
            self.model.hand_back(model_job)
        else:
            self.model.end(model_job, kind)

    def first_of_lanes(self) -> list[Token]:
        seen: set[str | None] = set()
        firsts: list[Token] = []
        for token in sorted(self.held, key=lambda token: (token[1].priority, token[1].id)):
            if token[1].worker is None or token[1].worker not in seen:
                firsts.append(token)
                seen.add(token[1].worker)
        return firsts

    @precondition(lambda self: self.stale)
    @rule(kind=st.sampled_from(KINDS))
    def attempts_end_too_late(self, kind: OutcomeKind) -> None:
        for node, job in self.stale:
            self.finish_too_late(node, job, kind)

    def finish_too_late(self, node: int, job: Claimed, kind: OutcomeKind) -> None:
        outcome = Outcome(
            id=job.id, attempt=job.attempt, kind=kind,
            release_worker=job.worker is not None, block_worker=kind == "retry" and job.worker is not None,
        )  # fmt: skip
        settling = Settling(node, node, [outcome])
        lost = self.persist(lambda: settling.run(self.db)).lost
        # In doubt, what is in history as this attempt would have it is taken for its own doing.
        assert lost == {job.id} or self.answer_was_lost

    @precondition(lambda self: self.held and len(self.nodes) > 1)
    @rule(which=WHICH)
    def node_dies(self, which: int) -> None:
        node = pick(self.nodes, which)
        assert self.persist(lambda: repository.heartbeat(self.db, node, -1.0, "{}"))
        self.nodes.remove(node)
        self.dead.append(node)

    @precondition(lambda self: self.dead or self.buried)
    @rule()
    def rescue(self) -> None:
        """One node at a time is rescued, unless an answer gets lost: then the next call may find another one."""
        self.persist(lambda: rescue_one(self.db))
        there = {node.id for node in self.run(repository.list_nodes(self.db))}
        gone = [node for node in sorted(self.dead + self.buried) if node not in there]
        assert len(gone) == 1 or (self.answer_was_lost and gone)
        for node in gone:
            self.forget(node)

    def forget(self, node: int) -> None:
        for several in (self.dead, self.buried):
            if node in several:
                several.remove(node)
        self.model.bury(node)
        self.stale += [token for token in self.held if token[0] == node]
        self.held = [token for token in self.held if token[0] != node]
        assert not self.persist(lambda: repository.heartbeat(self.db, node, 3600, "{}")), "a buried node came back"

    # --- what must always hold ------------------------------------------------------------------

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        model = self.model.jobs
        if not model:
            return
        rows = self.run(self.db.fetch("get_jobs", ids=list(model)))
        assert Counter(row["id"] for row in rows) == Counter(model.keys()), "a job is lost, or in two places"
        for row in rows:
            job = model[row["id"]]
            assert (row["state"], row["attempt"]) == (job.shown, job.attempt), row["id"]
            if job.state in LIVE:
                assert row["node_id"] == job.node

    @invariant()
    def lanes_are_held_as_the_model_says(self) -> None:
        for node in self.nodes + self.dead + self.buried:
            lanes = {lane for lane, holder in self.model.lanes.items() if holder == ("node", node)}
            assert set(self.run(repository.find_held_workers(self.db, node))) == lanes
        running = Counter({(job.lane, job.node) for job in self.model.jobs.values() if job.lane and job.node})
        assert all(count == 1 for count in Counter(lane for lane, _ in running).values()), "a lane overlaps itself"

    @invariant()
    def batches_are_counted_as_the_model_says(self) -> None:
        for batch, counts in self.model.batches.items():
            found = self.run(repository.get_batch(self.db, batch))
            assert found is not None
            assert {name: getattr(found, name) for name in ("total", "completed", "failed", "cancelled")} == {
                name: counts[name] for name in ("total", "completed", "failed", "cancelled")
            }

    def teardown(self) -> None:
        for node in {node for node, _ in self.held}:
            mine = [job for owner, job in self.held if owner == node]
            outcomes = [Outcome(id=job.id, attempt=job.attempt, kind="cancelled") for job in mine]
            self.run(settle(self.db, node, outcomes))
        for node in [*self.nodes, *self.dead, *self.buried]:
            assert self.run(repository.remove_node(self.db, node))


async def sweep(db: Database) -> None:
    """What every node does now and then: children that were not told of their parents are told."""
    while True:
        parents, children = await repository.find_dependency_work(db, 1000)
        if not await Follower(db, parents=parents, children=children).run():
            return
