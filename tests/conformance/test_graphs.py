"""Jobs that depend on each other are stored together or not at all; a batch has one callback when all have ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

import pytest

from dbjobs import (
    Cancel,
    GraphJob,
    InvalidOption,
    JobContext,
    Jobs,
    JobState,
    NotRunning,
    RefIdExists,
    UnknownCommand,
    UnknownJob,
    joints,
)
from tests.conformance.callers import CALLERS
from tests.conformance.helpers import Gate, eventually, nodes, stop_heartbeat, wait_all
from tests.conformance.raw import Raw

pytestmark = pytest.mark.about_us


async def work(request: str, job: JobContext) -> str:
    if request == "fail":
        raise ValueError("no")
    if request == "cancel":
        raise Cancel("no")
    return "".join([request, *(parent.response or "" for parent in await job.parents())])


def register(jobs: Jobs) -> None:
    jobs.command(retry_limit=0)(work)


async def test_a_graph_runs_in_the_order_of_its_dependencies(jobs: Jobs) -> None:
    register(jobs)
    async with jobs.start():
        before = await jobs.enqueue(work, "0")
        async with jobs.graph() as graph:
            a, b = graph.add(work, "a"), graph.add(work, "b", depends_on=before)
            c = graph.add(work, "c", after=[a, b], worker="lane")
            d = graph.add(work, "d", after=[c, a], ref_id="d")
            late = graph.add(work, "e")
            a.after(late)
            with pytest.raises(NotRunning, match="work#1 of a graph is stored when the block"):
                _ = a.ref
        assert [job.ref.ref_id for job in graph.jobs] == [None, None, None, "d", None]
        done = await wait_all(jobs, [a.ref, b.ref, c.ref, d.ref])
        assert [job.response for job in done] == ["ae", "b0", "caeb0", "dcaeb0ae"]
        assert done[3].depends_on == (c.ref.id, a.ref.id)
        # Stored once more, a job with a ref_id is the one that is there, and those behind it depend on that.
        async with jobs.graph() as again:
            first = again.add(work, "other", ref_id="d")
            behind = again.add(work, "f", after=[first])
        assert (first.ref.id, first.ref.created) == (d.ref.id, False)
        assert (await jobs.wait(behind.ref, timeout=20)).response == "fdcaeb0ae"


async def test_a_failure_cancels_what_depends_on_it_and_nothing_else(jobs: Jobs) -> None:
    register(jobs)
    async with jobs.start():
        async with jobs.graph() as graph:
            fails = graph.add(work, "fail")
            child = graph.add(work, "child", after=[fails])
            grandchild = graph.add(work, "grandchild", after=[child])
            anyway = graph.add(work, "anyway", after=[fails, grandchild], depends_on_policy="finished")
            apart = graph.add(work, "apart")
        done = await wait_all(jobs, [job.ref for job in (fails, child, grandchild, anyway, apart)])
    assert [job.state for job in done] == [
        JobState.FAILED, JobState.CANCELLED, JobState.CANCELLED, JobState.COMPLETED, JobState.COMPLETED,
    ]  # fmt: skip


async def test_nothing_of_a_graph_is_stored_that_cannot_be_stored_whole(jobs: Jobs) -> None:
    register(jobs)
    async with jobs:
        graph = jobs.graph()
        await graph.__aenter__()
        a = graph.add(work, "a")
        b = graph.add(work, "b", after=[a])
        a.after(graph.add(work, "c", after=[b]))
        with pytest.raises(InvalidOption, match="in a circle: work#1 after work#3 after work#2 after work#1"):
            await graph.__aexit__(None, None, None)
        graph = jobs.graph()
        await graph.__aenter__()
        own = graph.add(work, "a")
        own.after(own)
        with pytest.raises(InvalidOption, match="in a circle: work#1 after work#1"):
            await graph.__aexit__(None, None, None)
        with pytest.raises(UnknownJob):
            async with jobs.graph() as graph:
                graph.add(work, "b", after=[graph.add(work, "a")], depends_on=987_654_321)
        with pytest.raises(UnknownJob, match="nowhere"):
            async with jobs.graph() as graph:
                graph.add(work, "b", after=[graph.add(work, "a")], depends_on="nowhere", ref_id="r")
        with contextlib.suppress(KeyError):
            async with jobs.graph() as graph:
                graph.add(work, "a")
                raise KeyError
        async with jobs.graph():
            pass
        assert await jobs.list() == []


async def test_each_wrong_use_of_a_graph_has_one_clear_error(jobs: Jobs) -> None:
    register(jobs)
    with pytest.raises(NotRunning):
        async with jobs.graph():
            pass
    async with jobs:
        graph = jobs.graph()
        with pytest.raises(InvalidOption, match=r"graph\.add: jobs are added inside the block: async with jobs\.graph"):
            graph.add(work, "a")
        async with graph, jobs.graph() as other:
            a: GraphJob[Any] = graph.add(work, "a")
            with pytest.raises(InvalidOption, match="belongs to another graph"):
                other.add(work, "b", after=[a])
            with pytest.raises(InvalidOption, match=r"after=work#1 must be a list"):
                graph.add(work, "b", after=a)  # type: ignore[call-overload]
            with pytest.raises(InvalidOption, match=r"not 5; jobs that are stored go into depends_on"):
                graph.add(work, "b", after=[5])  # type: ignore[list-item]
            with pytest.raises(InvalidOption, match=r"graph\.add: unknown option 'afterwards'"):
                graph.add(work, "b", afterwards=[a])  # type: ignore[call-overload]
            for stored in (a, [a]):
                with pytest.raises(
                    InvalidOption, match=r"depends_on takes jobs that are stored; work#1 goes into after="
                ):
                    graph.add(work, "b", depends_on=stored)  # type: ignore[arg-type]
            with pytest.raises(UnknownCommand):
                graph.add("nobody")
        with pytest.raises(InvalidOption, match=r"work#1: after\(\) comes too late: the block of its graph has ended"):
            a.after(a)
        with pytest.raises(InvalidOption, match="one block"):
            async with graph:
                pass
        assert len(await jobs.list()) == 1


async def test_a_graph_in_the_caller_s_transaction_is_there_if_it_commits(jobs: Jobs, raw: Raw) -> None:
    register(jobs)
    kind = next(iter(CALLERS[raw.dialect].values()))
    async with jobs.start(), kind(raw) as caller:
        for commits in (False, True):
            await caller.begin()
            async with jobs.graph(connection=caller.given) as graph:
                a = graph.add(work, "a")
                b = graph.add(work, "b", after=[a])
            await (caller.commit() if commits else caller.rollback())
            if commits:
                assert (await jobs.wait(b.ref, timeout=20)).response == "ba"
            else:
                assert await jobs.list() == []


async def test_a_batch_in_the_caller_s_transaction_is_there_with_what_follows_if_it_commits(
    jobs: Jobs, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joints, "MOST_PARENTS", 3)
    monkeypatch.setattr(joints, "PARTS", 2)
    register(jobs)
    told: list[str] = []

    @jobs.command
    async def follow(batch_id: str, job: JobContext) -> None:
        told.append(str(job.ref_id))

    kind = next(iter(CALLERS[raw.dialect].values()))
    async with jobs.start(), kind(raw) as caller:
        for commits in (False, True):
            await caller.begin()
            async with jobs.batch("b", callback=follow, on_failed=follow, connection=caller.given) as batch:
                batch.add_many(work, ["ok"] * 4)
                batch.add(work, "fail", reply_to="inbox")
            await (caller.commit() if commits else caller.rollback())
            if not commits:
                assert await jobs.list() == []
                assert await batch is None
        assert batch.callback_ref is not None
        assert batch.check_ref is not None
        await jobs.wait(batch.callback_ref, timeout=30)
        assert (await jobs.wait(batch.check_ref, timeout=30)).response == 1

        async def both() -> bool:
            return sorted(told) == ["batch-failed:b", "batch:b"]

        await eventually(both, "callback and on_failed have run, once each")
        progress = await batch
    assert progress is not None
    assert (progress.total, progress.completed, progress.failed) == (5, 4, 1)


# --- batches ----------------------------------------------------------------------------------------


async def test_a_batch_has_one_callback_when_all_have_ended_over_several_nodes(url: str) -> None:
    told: list[Any] = []

    async def report(batch_id: str, job: JobContext) -> None:
        progress = await started[0].batch(batch_id)
        assert progress is not None
        told.append((batch_id, progress.total, progress.completed, progress.failed, progress.cancelled))

    def register_all(jobs: Jobs) -> None:
        register(jobs)
        jobs.command(report)

    async with nodes(url, 2, register_all) as started:
        jobs = started[0]
        batches = []
        for number in range(6):
            async with jobs.batch(f"b{number}", callback=report) as batch:
                members = batch.add_many(work, ["ok"] * 20)
                batch.add(work, "fail", after=members[:1])
                batch.add(work, "cancel")
                batch.add(work, "doomed", after=[batch.add(work, "fail")])
            batches.append(batch)
        refs = [batch.callback_ref for batch in batches]
        for ref in refs:
            assert ref is not None
            assert (await jobs.wait(ref, timeout=60)).state is JobState.COMPLETED
        progress = await batches[0]
        assert progress is not None
        assert progress.finished
    assert Counter(told) == {(f"b{number}", 24, 20, 2, 2): 1 for number in range(6)}


async def test_the_callback_of_a_batch_runs_when_a_node_has_died_on_the_way(url: str) -> None:
    gate = Gate()
    told: list[str] = []

    async def member(request: int) -> None:
        if request == 0:
            await gate()

    async def report(batch_id: str) -> None:
        told.append(batch_id)

    def register_all(jobs: Jobs) -> None:
        jobs.command(member)
        jobs.command(report)

    async with nodes(url, 1, register_all, lease_seconds=1, grace_seconds=0) as (dying,):
        async with dying.batch("b", callback=report) as batch:
            batch.add_many(member, range(10))
        await gate.wait_entered()
        assert dying._client.engine is not None
        stop_heartbeat(dying._client.engine)
        assert told == []
        async with nodes(url, 1, register_all, lease_seconds=1) as (other,):
            gate.open()
            assert batch.callback_ref is not None
            assert (await other.wait(batch.callback_ref, timeout=30)).state is JobState.COMPLETED
    assert told == ["b"]


async def test_a_batch_is_cancelled_and_requeued_as_one(jobs: Jobs) -> None:
    register(jobs)
    told: list[None] = []

    @jobs.command
    async def done() -> None:
        told.append(None)

    async with jobs:
        async with jobs.batch("b", callback=done) as batch:
            batch.add_many(work, ["ok"] * 5)
        other = await jobs.enqueue(work, "ok")
        assert await batch.cancel(reason="no more") == 5
        async with jobs.start():
            assert batch.callback_ref is not None
            await jobs.wait(batch.callback_ref, timeout=20)
            assert (await jobs.wait(other, timeout=20)).state is JobState.COMPLETED
            assert await jobs.batch("b").requeue() == 5
            done_again = await wait_all(jobs, [member.ref for member in batch.jobs])
            assert {job.state for job in done_again} == {JobState.COMPLETED}

            async def all_counted() -> bool:
                progress = await batch.progress()
                return progress is not None and progress.completed == 5

            await eventually(all_counted, "they are counted as completed")
    assert told == [None]


async def test_each_wrong_use_of_a_batch_has_one_clear_error(jobs: Jobs) -> None:
    register(jobs)

    @jobs.command
    async def done() -> None: ...

    async with jobs:
        with pytest.raises(UnknownCommand, match="'nobody'"):
            jobs.batch("b", callback="nobody")
        for wrong in ("", 7, None, "x" * 300, "\0"):
            with pytest.raises(InvalidOption, match="batch: batch_id="):
                jobs.batch(wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidOption, match=r"batch\.add: jobs are added inside the block: async with jobs\.batch"):
            jobs.batch("b").add(work, "a")
        with pytest.raises(InvalidOption, match="has a callback and no jobs"):
            async with jobs.batch("b", callback=done):
                pass
        with pytest.raises(InvalidOption, match="leave it out"):
            async with jobs.batch("b") as batch:
                batch.add(work, "a", batch_id="c")
        with pytest.raises(UnknownCommand, match="'nobody'"):
            jobs.batch("b", on_failed="nobody")
        with pytest.raises(InvalidOption, match="has on_failed and no jobs"):
            async with jobs.batch("b", on_failed=done):
                pass
        assert await jobs.list() == []
        async with jobs.batch("b", callback=done) as batch:
            batch.add(work, "a")
        with pytest.raises(RefIdExists, match="batch:b"):
            async with jobs.batch("b", callback=done) as batch:
                batch.add(work, "b")
        assert len(await jobs.list()) == 2
        async with jobs.batch("c", on_failed=done) as batch:
            batch.add(work, "a")
        with pytest.raises(RefIdExists, match="batch-check:c"):
            async with jobs.batch("c", on_failed=done) as batch:
                batch.add(work, "b")
        assert len(await jobs.list()) == 4
    with pytest.raises(InvalidOption, match=r"'dbjobs\.joint' is one of dbjobs itself"):
        jobs.declare("dbjobs.joint")


# --- children of the job that is running --------------------------------------------------------------


@pytest.mark.parametrize("succeeds", [True, False])
async def test_children_that_depend_on_the_running_job_start_if_it_completes(jobs: Jobs, succeeds: bool) -> None:
    gate = Gate()
    started: list[int] = []

    @jobs.command
    async def child(request: int, job: JobContext) -> None:
        started.append(request)

    @jobs.command(retry_limit=0)
    async def parent(request: None, job: JobContext) -> None:
        for number in range(3):
            await job.enqueue(child, number, depends_on=job.ref, batch_id="children")
        async with jobs.graph() as graph:
            graph.add(child, 3, after=[graph.add(child, 4, depends_on=job.ref)])
        await gate()
        if not succeeds:
            raise ValueError("no")

    async with jobs.start():
        ref = await jobs.enqueue(parent)
        await gate.wait_entered()
        rows = [row for row in await jobs.list() if row.command == "child"]
        assert {row.state for row in rows} == {JobState.WAITING}
        assert started == []
        gate.open()
        await jobs.wait(ref, timeout=20)
        done = await asyncio.gather(*(jobs.wait(row.id, timeout=20) for row in rows))
    assert {job.parent_id for job in done} == {ref.id}
    if succeeds:
        assert {job.state for job in done} == {JobState.COMPLETED}
        assert sorted(started) == [0, 1, 2, 3, 4]
    else:
        assert {job.state for job in done} == {JobState.CANCELLED}
        assert started == []
