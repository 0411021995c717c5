"""A finished job is in history exactly once and nowhere else, in the month in which it was created."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dbjobs import Cancel, JobContext, Jobs, JobState
from dbjobs.store import repository
from dbjobs.store.transactions import partitions
from tests.conformance.helpers import (
    Gate,
    assert_each_once,
    eventually,
    nodes,
    stop_heartbeat,
    wait_all,
    whole_list,
)
from tests.conformance.raw import Raw

LONG_AGO = datetime(2022, 3, 15, 12, 30, tzinfo=UTC)


async def work(request: str, job: JobContext) -> str:
    job.log("working")
    if request == "fail":
        raise ValueError("no")
    if request == "cancel":
        raise Cancel("no")
    return request


def register(jobs: Jobs) -> None:
    jobs.command(retry_limit=0)(work)


async def live_ids(raw: Raw) -> list[int]:
    return [row[0] for row in await raw.rows("SELECT id FROM dbjobs.background_job ORDER BY id")]


async def test_every_kind_of_end_moves_the_row_once(jobs: Jobs, raw: Raw) -> None:
    register(jobs)
    async with jobs.start():
        refs = await jobs.enqueue_many(work, ["ok", "fail", "cancel"] * 50)
        await wait_all(jobs, refs)
        rows = await whole_list(jobs)
        assert sorted(row.id for row in rows) == [ref.id for ref in refs]
        assert await live_ids(raw) == []


async def test_three_nodes_and_one_queue_leave_each_job_once(url: str) -> None:
    runs: list[str] = []

    def register_noting(jobs: Jobs) -> None:
        @jobs.command
        async def note(request: str) -> None:
            runs.append(request)

    async with nodes(url, 3, register_noting, concurrency=20) as (jobs, *_):
        refs = await jobs.enqueue_many("note", [str(number) for number in range(3000)])
        await wait_all(jobs, refs)
        await assert_each_once(jobs, refs)
    assert sorted(map(int, runs)) == list(range(3000))


async def test_partitions_for_this_month_and_the_next_two_are_made_ahead(jobs: Jobs) -> None:
    async with jobs:
        months = await repository.list_partitions(jobs._client.db)
        this = await repository.current_month(jobs._client.db)
    assert months == [partitions.month_after(this, ahead) for ahead in range(3)]


@pytest.mark.parametrize("end", ["ok", "fail", "cancel"])
@pytest.mark.parametrize("options", [{}, {"batch_id": "b"}, {"worker": "w"}], ids=["plain", "batch", "lane"])
async def test_an_old_job_that_ends_goes_to_its_own_month(
    jobs: Jobs, raw: Raw, end: str, options: dict[str, Any]
) -> None:
    register(jobs)
    async with jobs:
        ref = await jobs.enqueue(work, end, **options)
        await raw.set_created_at(ref.id, LONG_AGO)
        async with jobs.start(retention_months=None):
            done = await jobs.wait(ref, timeout=10)
            assert "202203" in await repository.list_partitions(jobs._client.db)
            assert [line.message for line in await jobs.logs(ref)] == ["working"]
        assert [row.id for row in await whole_list(jobs)] == [ref.id]
        assert await live_ids(raw) == []
    assert done.created_at == LONG_AGO
    assert done.state == {"ok": "completed", "fail": "failed", "cancel": "cancelled"}[end]


async def test_an_old_job_can_be_cancelled(jobs: Jobs, raw: Raw) -> None:
    register(jobs)
    async with jobs:
        ref = await jobs.enqueue(work, "ok", run_after=60)
        child = await jobs.enqueue(work, "ok", depends_on=ref)
        await raw.set_created_at(ref.id, LONG_AGO)
        await raw.set_created_at(child.id, datetime(2022, 4, 1, tzinfo=UTC))
        assert await jobs.cancel(ref)
        assert {row.state for row in await whole_list(jobs)} == {JobState.CANCELLED}
        assert await jobs.requeue(ref)


async def test_an_old_job_expires(jobs: Jobs, raw: Raw) -> None:
    register(jobs)
    async with jobs:
        ref = await jobs.enqueue(work, "ok", run_after=60, expires_after=0.1)
        await raw.set_created_at(ref.id, LONG_AGO)
        async with jobs.start(retention_months=None):
            assert (await jobs.wait(ref, timeout=10)).error_code == "expired"


async def test_an_old_job_out_of_tries_is_failed_when_its_node_dies(url: str, raw: Raw) -> None:
    gate = Gate()

    def register_gate(jobs: Jobs) -> None:
        jobs.command(name="slow", retry_limit=0)(gate)

    async with nodes(url, 1, register_gate, lease_seconds=1, grace_seconds=0) as (dying,):
        ref = await dying.enqueue("slow")
        other_ref = await dying.enqueue("slow", retry_limit=1)
        await eventually(lambda: gate.inside == 2, "both run")
        await raw.set_created_at(ref.id, LONG_AGO)
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        gate.entered.clear()
        async with nodes(url, 1, register_gate, lease_seconds=1, retention_months=None) as (other,):
            done = await other.wait(ref, timeout=10)
            gate.open()
            assert (await other.wait(other_ref, timeout=10)).state is JobState.COMPLETED
    assert (done.state, done.error_code) == (JobState.FAILED, "node_lost")


async def test_an_old_job_is_completed_by_its_handler_s_own_transaction(jobs: Jobs, raw: Raw) -> None:
    @jobs.command
    async def own(job: JobContext) -> str:
        async with job.transaction():
            job.respond("done")
        return "ignored"

    async with jobs:
        ref = await jobs.enqueue(own)
        await raw.set_created_at(ref.id, LONG_AGO)
        async with jobs.start(retention_months=None):
            done = await jobs.wait(ref, timeout=15)
    assert (done.state, done.response) == (JobState.COMPLETED, "done")


async def test_retention_drops_whole_months_and_no_live_job(jobs: Jobs, raw: Raw) -> None:
    register(jobs)
    async with jobs:
        db = jobs._client.db
        old, recent = await jobs.enqueue(work, "ok"), await jobs.enqueue(work, "ok")
        await raw.set_created_at(old.id, LONG_AGO)
        async with jobs.start(retention_months=None):
            await wait_all(jobs, [old, recent])
        live = await jobs.enqueue(work, "ok", run_after=60)
        await raw.set_created_at(live.id, LONG_AGO)
        await ended_long_ago(raw)
        assert await partitions.drop_old(db, 1000) == []
        assert await partitions.drop_old(db, 12) == ["202203"]
        assert "202203" not in await repository.list_partitions(db)
        assert {row.id for row in await whole_list(jobs)} == {recent.id, live.id}
        assert await jobs.get(old) is None
        assert await jobs.logs(old) == []
        # The month can come back, for the old job that is still to run.
        assert await jobs.cancel(live)
        assert "202203" in await repository.list_partitions(db)


@pytest.mark.parametrize("end", ["ok", "fail", "cancel", "not started"])
async def test_what_has_ended_lately_stays_however_old_it_is(jobs: Jobs, raw: Raw, end: str) -> None:
    """A job that waited for longer than history is kept has its result, its ref_id and its requeue for that long."""
    register(jobs)
    async with jobs:
        db = jobs._client.db
        gone = await jobs.enqueue(work, "ok", ref_id="gone")
        await raw.set_created_at(gone.id, datetime(2022, 2, 1, tzinfo=UTC))
        await raw.rows("UPDATE dbjobs.job_ref SET month = '202202' WHERE ref_id = 'gone'")
        async with jobs.start(retention_months=None):
            await jobs.wait(gone, timeout=10)
        await ended_long_ago(raw)
        ref = await jobs.enqueue(work, end, ref_id="mine", run_after=60 if end == "not started" else None)
        await raw.set_created_at(ref.id, LONG_AGO)
        await raw.rows("UPDATE dbjobs.job_ref SET month = '202203' WHERE ref_id = 'mine'")
        async with jobs.start(retention_months=None):
            if end == "not started":
                assert await jobs.cancel(ref)
            state = (await jobs.wait(ref, timeout=10)).state
        for _ in range(2):
            await partitions.drop_old(db, 12)
        assert await jobs.get(gone) is None
        assert await jobs.get_by_ref_id("gone") is None
        kept = await jobs.get_by_ref_id("mine")
        assert kept is not None
        assert kept.state is state
        assert "202203" in await repository.list_partitions(db)
        await ended_long_ago(raw)
        assert await partitions.drop_old(db, 12) == ["202203"]
        assert await jobs.get_by_ref_id("mine") is None


async def ended_long_ago(raw: Raw) -> None:
    """From here on the jobs of old months that have ended did so long ago."""
    await eventually(lambda: raw.rows("SELECT created_month FROM dbjobs.late_end"), "the late end is noted")
    await raw.rows("DELETE FROM dbjobs.late_end")


async def test_a_node_drops_old_history_by_itself(jobs: Jobs, raw: Raw) -> None:
    register(jobs)
    async with jobs:
        ref = await jobs.enqueue(work, "ok")
        await raw.set_created_at(ref.id, LONG_AGO)
        async with jobs.start(retention_months=None):
            await jobs.wait(ref, timeout=10)
        await ended_long_ago(raw)
        async with jobs.start(retention_months=12):

            async def dropped() -> bool:
                return await jobs.get(ref) is None

            await eventually(dropped, "the old month is dropped")
