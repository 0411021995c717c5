"""Several jobs that depend on each other, appended in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from dbjobs.models import JobRef
from dbjobs.store import repository
from dbjobs.store.database import Session
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.enqueueing import ROWS_PER_INSERT, Inserted, Parent, find_parents, insert_one

EDGES_PER_INSERT = 5000


class Planned(msgspec.Struct, frozen=True):
    """One job of a graph.

    Attributes:
        row: its row.
        after: places in the graph of the jobs that it depends on; they stand before it.
        parents: other jobs that it depends on.
        refuse_existing: raise RefIdExists if its ref_id is taken.
    """

    row: NewJob
    after: tuple[int, ...] = ()
    parents: tuple[Parent, ...] = ()
    refuse_existing: bool = False


async def insert_graph(session: Session, db: repository.Fetcher | None, jobs: Sequence[Planned]) -> list[Inserted]:
    """Insert jobs in the order given, level by level: those of a level in as few statements as possible.

    Parents that this transaction inserted are not looked up: nobody else can have seen them, so they are alive.

    Args:
        session: the transaction, ours or the caller's.
        db: where to look first, if the transaction is the caller's (see ``insert_one``).
        jobs: parents first.

    Raises:
        UnknownJob: ``parents`` names a job that does not exist. RefIdExists. RefIdBusy.
    """
    done: list[Inserted | None] = [None] * len(jobs)
    edges: list[tuple[int, int]] = []
    batches: Counter[str] = Counter()
    for level in _levels(jobs):
        plain: list[tuple[int, NewJob, list[int]]] = []
        for place in level:
            job = jobs[place]
            ours = [_inserted(done, parent) for parent in job.after]
            new = [one.ref.id for one in ours if one.ref.created]
            others = (*job.parents, *(one.ref.id for one in ours if not one.ref.created))
            if job.row.ref_id is not None:
                parents = (*(one.ref.id for one in ours), *job.parents)
                done[place] = await insert_one(
                    session, db, job.row, parents, (), refuse_existing=job.refuse_existing, alive=frozenset(new)
                )
                continue
            ids, waits_for = list(new), list(new)
            if others:
                found, living = await find_parents(session, db, others, job.row.depends_on_policy)
                ids += found
                waits_for += living
            row = job.row
            if ids:
                row = replace(row, pending=len(waits_for), depends_on=msgspec.json.encode(ids).decode())
            plain.append((place, row, waits_for))
        for start in range(0, len(plain), ROWS_PER_INSERT):
            some = plain[start : start + ROWS_PER_INSERT]
            rows = await repository.insert_jobs(session, [row for _, row, _ in some], ())
            for (place, row, waits_for), (id, _) in zip(some, rows, strict=True):
                done[place] = Inserted(JobRef(id), is_unresolved=bool(waits_for))
                edges += [(parent, id) for parent in waits_for]
                if row.batch_id is not None:
                    batches[row.batch_id] += 1
    for start in range(0, len(edges), EDGES_PER_INSERT):
        await repository.add_dependencies(session, edges[start : start + EDGES_PER_INSERT])
    if batches:
        await repository.add_to_batches(session, batches)
    return [_inserted(done, place) for place in range(len(jobs))]


def _inserted(done: Sequence[Inserted | None], place: int) -> Inserted:
    one = done[place]
    assert one is not None
    return one


def _levels(jobs: Sequence[Planned]) -> list[list[int]]:
    """Places by the length of the longest way to them."""
    depth: list[int] = []
    levels: list[list[int]] = []
    for place, job in enumerate(jobs):
        depth.append(1 + max((depth[parent] for parent in job.after), default=-1))
        if depth[place] == len(levels):
            levels.append([])
        levels[depth[place]].append(place)
    return levels
