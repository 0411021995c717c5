"""What follows the last end in a batch: on_failed, once and only if a member has not completed; and large batches."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dbjobs import Backoff, Cancel, Job, JobContext, Jobs, JobState, bulk_run
from dbjobs import joints as joints_module
from dbjobs.client.client import Client
from dbjobs.store import repository
from tests.conformance.helpers import Gate, eventually, nodes, stop_heartbeat, wait_all

pytestmark = pytest.mark.about_us


async def work(request: str) -> None:
    if request == "fail":
        raise ValueError("no")
    if request == "cancel":
        raise Cancel("no")


class Ends:
    """Callback and on_failed of batches, and what each saw of its batch."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.looks_at: Jobs | None = None

    def register(self, jobs: Jobs) -> None:
        self.looks_at = self.looks_at or jobs
        jobs.command(retry_limit=0)(work)
        jobs.command(self.done)
        jobs.command(self.clean_up)

    async def done(self, batch_id: str) -> None:
        self.told.append(("done", batch_id, *await self.counts(batch_id)))

    async def clean_up(self, batch_id: str, job: JobContext) -> None:
        assert job.ref_id == f"batch-failed:{batch_id}"
        self.told.append(("clean_up", batch_id, *await self.counts(batch_id)))

    async def counts(self, batch_id: str) -> tuple[int, int, int, int]:
        assert self.looks_at is not None
        progress = await self.looks_at.batch(batch_id)
        assert progress is not None
        return progress.total, progress.completed, progress.failed, progress.cancelled


async def on_failed_job(jobs: Jobs, batch_id: str) -> Job[Any]:
    found = await jobs.get_by_ref_id(jobs.batch(batch_id).on_failed_ref_id)
    assert found is not None
    return await jobs.wait(found.id, timeout=30)


async def test_on_failed_runs_once_if_a_member_has_not_completed_and_not_else(url: str) -> None:
    ends = Ends()
    members = {"good": ["ok"] * 9, "failed": ["ok", "fail", "fail"], "cancelled": ["ok", "cancel"], "alone": ["fail"]}
    async with nodes(url, 2, ends.register) as (jobs, _):
        checks = []
        for batch_id, requests in members.items():
            callback = ends.done if batch_id != "alone" else None
            async with jobs.batch(batch_id, callback=callback, on_failed=ends.clean_up) as batch:
                batch.add_many(work, requests)
            assert len(batch.jobs) == len(requests)
            assert (batch.callback_ref is None) == (callback is None)
            assert batch.check_ref is not None
            checks.append(batch.check_ref)
            if batch.callback_ref is not None:
                await jobs.wait(batch.callback_ref, timeout=30)
        missed = [job.response for job in await wait_all(jobs, checks)]
        assert missed == [0, 2, 1, 1]
        for batch_id in ("failed", "cancelled", "alone"):
            assert (await on_failed_job(jobs, batch_id)).state is JobState.COMPLETED
        assert await jobs.get_by_ref_id(jobs.batch("good").on_failed_ref_id) is None
        # What runs again afterwards changes nothing about it.
        assert await jobs.batch("failed").requeue() == 2

        async def again() -> bool:
            return await ends.counts("failed") == (3, 1, 2, 0) and len(await jobs.list(state="queued")) == 0

        await eventually(again, "they have failed again")
    assert Counter(ends.told) == {
        ("done", "good", 9, 9, 0, 0): 1,
        ("done", "failed", 3, 1, 2, 0): 1,
        ("clean_up", "failed", 3, 1, 2, 0): 1,
        ("done", "cancelled", 2, 1, 0, 1): 1,
        ("clean_up", "cancelled", 2, 1, 0, 1): 1,
        ("clean_up", "alone", 1, 0, 1, 0): 1,
    }


async def test_a_batch_that_is_cancelled_before_it_starts_has_failed(jobs: Jobs) -> None:
    ends = Ends()
    ends.register(jobs)
    async with jobs:
        async with jobs.batch("b", callback=ends.done, on_failed=ends.clean_up) as batch:
            batch.add_many(work, ["ok"] * 3)
        assert await batch.cancel() == 3
        async with jobs.start():
            assert batch.check_ref is not None
            assert (await jobs.wait(batch.check_ref, timeout=30)).response == 3
            await on_failed_job(jobs, "b")
            assert batch.callback_ref is not None
            await jobs.wait(batch.callback_ref, timeout=30)
    assert sorted(ends.told) == [("clean_up", "b", 3, 0, 0, 3), ("done", "b", 3, 0, 0, 3)]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_large_batch_waits_in_parts(url: str, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """12 members make 6 parts, and these 3, which the callback and the check wait for."""
    monkeypatch.setattr(joints_module, "MOST_PARENTS", 3)
    monkeypatch.setattr(joints_module, "PARTS", 2)
    ends = Ends()
    async with nodes(url, 2, ends.register) as (jobs, _):
        async with jobs.batch("b", callback=ends.done, on_failed=ends.clean_up) as batch:
            batch.add_many(work, ["ok"] * 11)
            batch.add(work, "fail" if fails else "ok")
        assert batch.callback_ref is not None
        assert batch.check_ref is not None
        done, check = await wait_all(jobs, [batch.callback_ref, batch.check_ref])
        assert (done.state, check.state, check.response) == (JobState.COMPLETED, JobState.COMPLETED, int(fails))
        assert done.depends_on == check.depends_on
        assert len(done.depends_on) == 3
        parts = [job for job in await jobs.list(limit=100) if job.command == joints_module.JOINT]
        assert len(parts) == 6 + 3 + 1
        assert {part.state for part in parts} == {JobState.COMPLETED}
        if fails:
            await on_failed_job(jobs, "b")
    counts = (12, 11, 1, 0) if fails else (12, 12, 0, 0)
    assert sorted(ends.told) == [("clean_up", "b", *counts)] * fails + [("done", "b", *counts)]


async def test_on_failed_is_there_once_whatever_dies_on_the_way(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node that has enqueued it dies before it can write that its check is done; another node checks again."""
    stored = Gate()
    real = Client.enqueue
    checks: list[int] = []

    async def enqueue(self: Client, job: Any, *arguments: Any, **more: Any) -> Any:
        ref = await real(self, job, *arguments, **more)
        if job.command == "clean_up":
            checks.append(ref.id)
            if len(checks) == 1:
                await stored()
        return ref

    monkeypatch.setattr(Client, "enqueue", enqueue)
    ends = Ends()
    async with nodes(url, 1, ends.register, lease_seconds=1, grace_seconds=0) as (dying,):
        async with dying.batch("b", on_failed=ends.clean_up) as batch:
            batch.add_many(work, ["ok", "fail"])
        await stored.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        async with nodes(url, 1, ends.register, lease_seconds=1) as (other,):
            assert batch.check_ref is not None
            ended = await other.wait(batch.check_ref, timeout=30)
            assert (ended.state, ended.response) == (JobState.COMPLETED, 1)
            assert ended.attempt > 1
            await on_failed_job(other, "b")
        stored.open()
    assert len(set(checks)) == 1
    assert [told[0] for told in ends.told] == ["clean_up"]


async def test_a_check_that_fails_is_tried_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joints_module, "RETRY", Backoff(first_seconds=0.01, jitter=0))
    real = joints_module._missed
    looks: list[int] = []

    async def missed(client: Client, ids: Any, *, of_joints: bool) -> int:
        looks.append(len(ids))
        if len(looks) < 3:
            raise ConnectionError("no database")
        return await real(client, ids, of_joints=of_joints)

    monkeypatch.setattr(joints_module, "_missed", missed)
    ends = Ends()
    jobs = Jobs(url, retry_limit=0)
    ends.register(jobs)
    async with jobs.start():
        async with jobs.batch("b", on_failed=ends.clean_up) as batch:
            batch.add(work, "fail")
        assert batch.check_ref is not None
        assert (await jobs.wait(batch.check_ref, timeout=30)).state is JobState.COMPLETED
        await on_failed_job(jobs, "b")
    assert looks == [1, 1, 1]
    assert [told[0] for told in ends.told] == ["clean_up"]


@pytest.mark.once
async def test_a_member_that_a_look_passes_by_is_looked_for_again(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on SQL Server, where a look does not wait for a row that somebody has locked."""
    ends = Ends()
    ends.register(jobs)
    real = repository.find_ends
    looked: list[list[int]] = []

    async def find_ends(db: Any, ids: Any) -> dict[int, JobState]:
        looked.append(list(ids))
        found = await real(db, ids)
        return {id: state for id, state in found.items() if id != ids[-1] or len(looked) > 2}

    async with jobs.start():
        async with jobs.batch("b", on_failed=ends.clean_up) as batch:
            batch.add_many(work, ["ok"] * 3)
            monkeypatch.setattr(repository, "find_ends", find_ends)
        assert batch.check_ref is not None

        async def is_checked() -> bool:
            check = await jobs.get(batch.check_ref) if batch.check_ref else None
            return check is not None and check.finished

        await eventually(is_checked, "the batch is checked")
        check = await jobs.get(batch.check_ref)
        assert check is not None
        assert check.response == 0
    ids = [member.ref.id for member in batch.jobs]
    assert looked == [ids, ids[-1:], ids[-1:]]
    assert ends.told == []


@pytest.mark.once
async def test_a_node_of_plain_handlers_claims_no_other_kind_for_it(jobs: Jobs) -> None:
    told: list[str] = []

    @jobs.command(retry_limit=0)
    def plain() -> None:
        raise ValueError("no")

    @jobs.command
    def clean_up(batch_id: str) -> None:
        told.append(batch_id)

    async with jobs.start():
        assert jobs.commands == ["plain", "clean_up"]
        assert jobs.stored_commands == ["plain", "clean_up"]
        (node,) = await jobs.nodes()
        # What every node has is claimed apart from these kinds.
        assert node.info["commands"] == {
            "thread": ["plain", "clean_up", joints_module.JOINT],
            "loop": [bulk_run.COMMAND],
        }
        async with jobs.batch("b", on_failed=clean_up) as batch:
            batch.add(plain)
        assert batch.check_ref is not None
        assert (await jobs.wait(batch.check_ref, timeout=30)).response == 1
        await on_failed_job(jobs, "b")
    assert told == ["b"]
