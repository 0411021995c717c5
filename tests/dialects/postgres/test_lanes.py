"""PostgreSQL: a lane is claimed by the places of its rows, which others may change meanwhile."""

from __future__ import annotations

import asyncpg
import pytest

from dbjobs import Jobs
from tests.conformance.helpers import eventually

pytestmark = pytest.mark.dialect("postgres")
GATE = 4711
# Between the look for the lane's head and its lock: the claim waits where it takes the lane.
CLOSE_GATE = f"""
CREATE FUNCTION dbjobs.wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_lock({GATE}), pg_advisory_unlock({GATE}); RETURN NEW; END $$;
CREATE TRIGGER gate BEFORE INSERT ON dbjobs.job_worker FOR EACH ROW EXECUTE FUNCTION dbjobs.wait_at_gate();
"""
WAITING = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {GATE} AND NOT granted"


@pytest.mark.parametrize("changed", [0, 1])
async def test_a_job_that_changes_while_its_lane_is_claimed_runs_in_its_order(url: str, changed: int) -> None:
    jobs = Jobs(url)
    ran: list[int] = []

    @jobs.command
    async def work(number: int) -> None:
        ran.append(number)

    async with jobs:
        refs = await jobs.enqueue_many(work, range(3), worker="lane")
        other = await asyncpg.connect(url)
        try:
            await other.execute(CLOSE_GATE)
            await other.execute(f"SELECT pg_advisory_lock({GATE})")
            async with jobs.start():

                async def waits() -> bool:
                    return bool(await other.fetchval(WAITING))

                await eventually(waits, "the claim has looked for the lane")
                await other.execute("UPDATE dbjobs.background_job SET tag = 'new' WHERE id = $1", refs[changed].id)
                await other.execute(f"SELECT pg_advisory_unlock({GATE})")
                await eventually(lambda: len(ran) == 3, "all jobs have run")
                for ref in refs:
                    await jobs.wait(ref, timeout=20)
        finally:
            await other.close()
        assert ran == [0, 1, 2]
        job = await jobs.get(refs[changed])
        assert job is not None
        assert job.tag == "new"
