"""Any sequence of operations leaves the database as a model in plain Python says."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from dbjobs.store.database import make_database
from dbjobs.store.transactions.migrate import migrate
from tests.conformance.machine_troubles import TroubledMachine
from tests.conformance.raw import Raw
from tests.faults.database import FaultyDatabase
from tests.faults.plan import Plan

pytestmark = pytest.mark.about_us

# More for a night: 100 take MySQL three minutes.
EXAMPLES = int(os.environ.get("DBJOBS_TEST_EXAMPLES", "25"))
STEPS = 40


@pytest.mark.slow
def test_any_sequence_of_operations_leaves_what_the_model_says(url: str, raw: Raw) -> None:
    loop = asyncio.new_event_loop()
    plan = Plan()
    db = FaultyDatabase(make_database(url), plan)
    loop.run_until_complete(db.open())
    try:
        loop.run_until_complete(migrate(db))
        machine = type("Machine", (TroubledMachine,), {"db": db, "raw": raw, "loop": loop, "plan": plan})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                # Shrinking may take minutes; add Phase.shrink to have a failure made smaller.
                phases=[Phase.generate],
            ),
        )
    finally:
        loop.run_until_complete(db.close())
        loop.close()
