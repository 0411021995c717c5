"""MySQL repeats a statement after a conflict, unless the work that it is part of is repeated: no try is multiplied."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from dbjobs import Jobs
from dbjobs.errors import LockTimeout, TransactionConflict
from dbjobs.store import repository, retrying
from dbjobs.store.database import Database, Row
from dbjobs.store.mysql.database import MysqlDatabase
from dbjobs.store.mysql.script import Run
from dbjobs.store.mysql.steps import Step
from dbjobs.store.records import Outcome
from dbjobs.store.retrying import CONFLICT_RETRIES
from dbjobs.store.transactions import settlement
from dbjobs.store.transactions.cancelling import cancel
from dbjobs.store.transactions.dependencies import Follower
from dbjobs.store.transactions.rescue import bury
from dbjobs.store.transactions.retrying import in_transaction
from dbjobs.store.transactions.settlement import Settling, settle
from tests.conformance.helpers import START
from tests.conformance.raw import Raw

pytestmark = [pytest.mark.dialect("mysql"), pytest.mark.once]

LEASE_SECONDS = 6.0
# The statement that meets a conflict each time, and the work that it is part of.
WORKS: dict[str, tuple[str, Callable[[Database], Awaitable[Any]]]] = {
    "a statement": ("set_queue", lambda db: repository.set_queue(db, "q", paused=True)),
    "a transaction": (
        "set_queue",
        lambda db: in_transaction(db, lambda session: repository.set_queue(session, "q", paused=True)),
    ),
    "a rescue": ("bury_node", lambda db: bury(db, 1)),
    "a cancel": ("cancel_jobs", lambda db: cancel(db, [1], "cancelled", "by the test")),
    "children": ("resolve_children", lambda db: Follower(db, children=[1]).run()),
    "outcomes": ("finish_jobs", lambda db: settle(db, 1, [Outcome(id=1, attempt=1, kind="completed")])),
}


@pytest.fixture
async def db(url: str) -> AsyncIterator[MysqlDatabase]:
    async with Jobs(url):  # makes the tables
        pass
    opened = MysqlDatabase(url).for_engine(LEASE_SECONDS)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.mark.parametrize("name", WORKS)
async def test_no_try_is_multiplied(db: MysqlDatabase, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    statement, work = WORKS[name]
    busy = db.scripts.steps(statement)
    tries = 0
    real = Run.steps

    async def steps(run: Run, steps: Sequence[Step], *, alone: bool) -> list[Row]:
        nonlocal tries
        if steps is not busy:
            return await real(run, steps, alone=alone)
        tries += 1
        raise TransactionConflict("somebody else is at it")

    monkeypatch.setattr(retrying, "_FIRST_DELAY_SECONDS", 0.0)
    monkeypatch.setattr(settlement, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(Run, "steps", steps)
    with pytest.raises(TransactionConflict):
        await work(db)
    assert tries == CONFLICT_RETRIES + 1


async def test_outcomes_wait_for_a_locked_row_once(
    db: MysqlDatabase, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as one connection of the engine waits for a lock, and not until all tries of a statement are over."""
    jobs = Jobs(url)
    jobs.declare("work")
    async with jobs, Raw("mysql", url).connection() as own:
        ref = await jobs.enqueue("work")
        node = await repository.register_node(db, "node", 3600, "{}")
        [job] = await repository.claim_jobs(db, node, [("default", 1, *START)], 1, ["work"])
        await own.begin()
        await own.execute(f"UPDATE dbjobs_background_job SET tag = 'mine' WHERE id = {ref.id}")
        settling = Settling(node, node, [Outcome(id=ref.id, attempt=job.attempt, kind="completed")])
        waits = count_lock_waits(monkeypatch)
        with pytest.raises(LockTimeout):
            await settling.run(db)
        assert waits() == 1
        with pytest.raises(LockTimeout):
            await settling.run(db)
        assert waits() == 1, "known to be locked, it is waited for again"
        await own.rollback()
        await settling.run(db)
    assert settling.left() == []


def count_lock_waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How often a connection has given up a lock."""
    count = 0
    real = Run.steps

    async def steps(run: Run, steps: Sequence[Step], *, alone: bool) -> list[Row]:
        nonlocal count
        try:
            return await real(run, steps, alone=alone)
        except LockTimeout:
            count += 1
            raise

    monkeypatch.setattr(Run, "steps", steps)
    return lambda: count
