"""Searches find what fits and nothing else, in looks of any size; cancel and requeue mean the same jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import Cancel, InvalidOption, Job, JobRef, Jobs, JobSearch, JobState, UnknownJob, Where
from dbjobs.inspect import finding
from dbjobs.inspect.meaning import search_of
from tests.conformance.helpers import whole_list

pytestmark = pytest.mark.about_us

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
# A search, and what it means of a job, said once more in Python.
SEARCHES: list[tuple[JobSearch, Callable[[Job], bool]]] = [
    ({}, lambda job: True),
    ({"state": "failed"}, lambda job: job.state == "failed"),
    ({"state": ["failed", "queued"]}, lambda job: job.state in ("failed", "queued")),
    ({"state": Where.other("completed")}, lambda job: job.state != "completed"),
    ({"command": "broken"}, lambda job: job.command == "broken"),
    ({"command": Where.starts("br")}, lambda job: job.command.startswith("br")),
    ({"command": Where.ends("ome")}, lambda job: job.command.endswith("ome")),
    ({"command": ["broken", "unwanted"], "state": "cancelled"}, lambda job: job.command == "unwanted"),
    ({"queue": "narrow"}, lambda job: job.queue == "narrow"),
    ({"worker": Where.given()}, lambda job: job.worker is not None),
    ({"worker": Where.empty(), "state": "queued"}, lambda job: job.worker is None and job.state == "queued"),
    ({"tag": "ü"}, lambda job: job.tag == "ü"),
    ({"tag": "ü", "state": "completed"}, lambda job: job.tag == "ü" and job.state == "completed"),
    ({"tag": Where.other("ü")}, lambda job: job.tag != "ü"),
    ({"batch_id": "b1", "command": "broken"}, lambda job: job.batch_id == "b1" and job.command == "broken"),
    ({"ref_id": "ref 3"}, lambda job: job.ref_id == "ref 3"),
    ({"ref_id": Where.contains("REF")}, lambda job: job.ref_id is not None),
    ({"user_id": "7", "priority": Where.above(1)}, lambda job: job.user_id == "7" and job.priority > 1),
    ({"priority": Where.between(1, 2)}, lambda job: 1 <= job.priority <= 2),
    ({"attempt": Where.at_least(1)}, lambda job: job.attempt >= 1),
    ({"attempt": 0}, lambda job: job.attempt == 0),
    ({"duration_ms": Where.below(60_000)}, lambda job: job.duration_ms is not None),
    ({"error": Where.contains("NO WAY")}, lambda job: "no way" in (job.error or "")),
    ({"error": Where.contains("100%_'")}, lambda job: "100%_'" in (job.error or "")),
    ({"error_code": "ValueError"}, lambda job: job.error_code == "ValueError"),
    ({"request": "Grüße"}, lambda job: "grüße" in str(job.request).lower()),
    ({"request": "\u0130n"}, lambda job: (job.request or {}).get("number") == 6),
    ({"request": "\u212aelvin"}, lambda job: (job.request or {}).get("number") == 6),
    ({"request": "kelvin"}, lambda job: False),
    ({"request": {"number": 3}}, lambda job: (job.request or {}).get("number") == 3),
    ({"request": {"number": True}}, lambda job: False),  # there is a 1
    ({"request": {"to": {"name": "n4"}}}, lambda job: (job.request or {}).get("to") == {"name": "n4", "x": [4]}),
    ({"response": "done 5"}, lambda job: job.response == "done 5"),
    ({"args": {"customer": "c1"}}, lambda job: job.args.get("customer") == "c1"),
    ({"meta": Where.contains("deep")}, lambda job: "deep" in str(job.meta)),
    ({"meta": Where.empty(), "state": "queued"}, lambda job: not job.meta and job.state == "queued"),
    ({"created_by": "me", "timeout_seconds": Where.above(0)}, lambda job: job.created_by == "me"),
    ({"run_after": Where.above(timedelta(0))}, lambda job: job.state == "scheduled"),
    ({"created_at": Where.at_least(timedelta(hours=2))}, lambda job: True),
    ({"created_at": Where.below(LONG_AGO)}, lambda job: False),
    (
        {"created_at": Where.between(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))},
        lambda job: True,
    ),
    ({"completed_at": Where.at_most(datetime.max.replace(tzinfo=UTC))}, lambda job: job.finished),
    ({"completed_at": Where.given(), "queue": "narrow"}, lambda job: job.finished and job.queue == "narrow"),
    ({"queue": "a\0b"}, lambda job: False),
    ({"id": [1, 2**70]}, lambda job: job.id == 1),
    ({"tag": Where.unless(Where.starts("ü"))}, lambda job: job.tag != "ü"),
    ({"request": Where.unless({"number": 3})}, lambda job: (job.request or {}).get("number") != 3),
    (
        {"request": Where.either({"number": 3}, Where.contains("Grüße"))},
        lambda job: (job.request or {}).get("number") in {3, *range(0, 24, 5)},
    ),
    (
        {"command": Where.both(Where.starts("b"), "broken", Where.unless("welcome"))},
        lambda job: job.command == "broken",
    ),
    ({"error": Where.both(Where.contains("no"), Where.contains("way"))}, lambda job: "no way" in (job.error or "")),
    ({"text": "BROK"}, lambda job: job.command == "broken"),
    ({"text": Where.unless("narrow")}, lambda job: job.queue != "narrow"),
    ({"text": "7"}, lambda job: "7" in (job.ref_id or "") or job.user_id == "7" or job.id == 7),
    (
        {"any_of": [{"tag": "ü"}, {"command": "broken", "state": "failed"}]},
        lambda job: job.tag == "ü" or (job.command == "broken" and job.state == "failed"),
    ),
    (
        search_of("(request.number:3 or batch:b1) -(command:broken or state:queued)"),
        lambda job: (
            ((job.request or {}).get("number") == 3 or job.batch_id == "b1")
            and job.command != "broken"
            and job.state != "queued"
        ),
    ),
    (search_of("state:failed command:br* error:WAY attempts:>=1"), lambda job: job.error_code == "ValueError"),
    (
        search_of("-command:broken -state:queued,scheduled"),
        lambda job: job.command != "broken" and job.state not in ("queued", "scheduled"),
    ),
    (search_of("request.to.name:n4 since:1h run:<10m"), lambda job: job.finished and job.request["number"] == 4),
    (search_of("args.customer:c1 -has:worker"), lambda job: job.args.get("customer") == "c1" and job.worker is None),
]


async def filled(jobs: Jobs) -> list[Job]:
    """Jobs in every state and place, as they are."""

    @jobs.command(timeout=30)
    async def welcome(request: dict[str, Any]) -> str:
        return f"done {request['number']}"

    @jobs.command(retry_limit=0)
    async def broken(request: dict[str, Any]) -> None:
        raise ValueError("no way: 100%_'")

    @jobs.command
    async def unwanted(request: dict[str, Any]) -> None:
        raise Cancel("not wanted")

    jobs.declare("elsewhere")
    refs: list[JobRef] = []
    for n in range(24):
        request = {"number": n, "to": {"name": f"n{n}", "x": [n]}, "text": "Grüße" if n % 5 == 0 else "hello"}
        if n == 6:
            request["text"] = "\u0130N \u212aELVIN"  # capitals that Python makes an i and a k of
        refs.append(
            await jobs.enqueue(
                ("welcome", "broken", "unwanted", "elsewhere")[n % 4], request,
                queue="narrow" if n % 3 == 0 else "default", worker=f"w{n % 2}" if n % 6 == 0 else None,
                tag="ü" if n % 4 in (0, 1) else None, batch_id="b1" if n % 2 else None, priority=n % 4,
                ref_id=f"ref {n}" if n % 7 == 3 else None, user_id="7" if n % 2 else "8",
                created_by="me" if n == 9 else None, args={"customer": f"c{n % 3}"},
                meta={"a": ["deep"]} if n == 8 else {},
                run_after=timedelta(hours=1) if n in (12, 13) else None,
            )
        )  # fmt: skip
    waiting = await jobs.enqueue("elsewhere", depends_on=refs[3])
    async with jobs.start():
        for n, ref in enumerate(refs):
            if n % 4 != 3 and n not in (12, 13):
                await jobs.wait(ref, timeout=30)
    everything = [await jobs.get(ref) for ref in (*refs, waiting)]
    return [job for job in everything if job is not None]


async def ids_found(jobs: Jobs, search: JobSearch, **how: Any) -> list[int]:
    """All that a search finds, look after look."""
    found: list[int] = []
    before: int | None = None
    while True:
        one = await jobs.find(**search, before_id=before, **how)
        found += [job.id for job in one.jobs]
        if one.complete:
            return found
        assert before is None or one.before_id is None or one.before_id < before
        assert one.reached_at is not None
        before = one.before_id


async def test_a_search_finds_what_fits_in_looks_of_any_size(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    async with jobs:
        everything = await filled(jobs)
        assert len(everything) == 25
        for number, (search, means) in enumerate(SEARCHES):
            expected = sorted((job.id for job in everything if means(job)), reverse=True)
            assert await ids_found(jobs, search) == expected, search
            if number % 4:
                continue
            monkeypatch.setattr(finding, "FIRST_SLICE", 4)
            assert await ids_found(jobs, search, limit=3, seconds=0) == expected, search
            monkeypatch.undo()


async def test_all_jobs_that_are_named_are_reached(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are, and in whatever order."""
    monkeypatch.setattr(finding, "_PAGE", 5)
    monkeypatch.setattr(finding, "_WHOLE", 3)
    jobs.declare("elsewhere")
    async with jobs:
        ids = [ref.id for ref in await jobs.enqueue_many("elsewhere", [None] * 10)]
        keyed = [await jobs.enqueue("elsewhere", ref_id=f"key {n}") for n in range(7)]
        mixed = [*ids[4:], *ids[:4], ids[0]]
        newest = ids[::-1]
        assert await ids_found(jobs, {"id": mixed}) == newest
        assert await ids_found(jobs, {"id": mixed}, limit=4, seconds=0) == newest
        assert (await jobs.find(id=ids, limit=10)).complete
        assert await jobs.cancel_many(id=mixed, preview=True) == 10
        assert await jobs.cancel_many(id=mixed, at_most=4) == 4
        assert await jobs.cancel_many(id=mixed) == 6
        assert await jobs.cancel_many(ref_id=[f"key {n}" for n in range(9)]) == 7
        assert await jobs.requeue_many(id=[*ids, *(ref.id for ref in keyed)], preview=True) == 17
        assert await jobs.requeue_many(id=[*ids, *(ref.id for ref in keyed)]) == 17


async def test_what_is_previewed_is_cancelled_and_requeued(jobs: Jobs) -> None:
    async with jobs:
        everything = await filled(jobs)
        search: JobSearch = {"command": Where.starts("un"), "args": {"customer": "c2"}}
        fitting = [job.id for job in everything if job.command == "unwanted" and job.args["customer"] == "c2"]
        assert await jobs.requeue_many(**search, preview=True) == len(fitting) == 2
        assert await jobs.requeue_many(**search, preview=True, at_most=1) == 1
        assert await jobs.requeue_many(**search_of("-state:cancelled"), preview=True) == sum(
            job.state == "failed" for job in everything
        )
        assert await jobs.requeue_many(**search, at_most=1) == 1
        assert await jobs.requeue_many(**search) == 1
        assert await jobs.requeue_many(**search) == 0
        assert await jobs.cancel_many(**search, preview=True) == 2
        assert await jobs.cancel_many(**search, at_most=1) == 1
        found = (await jobs.find(**search, seconds=10)).jobs
        assert [job.state for job in sorted(found, key=lambda job: job.state)] == [JobState.CANCELLED, JobState.QUEUED]
        assert await jobs.cancel_many(**search) == 1
        assert await jobs.cancel_many(**search) == 0
        assert await jobs.cancel_many(worker=Where.given(), state=["queued", "scheduled"]) == 1
        counted = [row.id for row in await whole_list(jobs)]
        assert sorted(counted) == sorted({*counted})


async def test_a_job_is_run_once_more_as_a_new_one(jobs: Jobs) -> None:
    async with jobs:
        everything = await filled(jobs)
        by_command = {job.command: job for job in everything if job.finished}
        first, failed = by_command["welcome"], by_command["broken"]
        async with jobs.start():
            again = await jobs.wait(await jobs.replay(first.id), timeout=30)
            changed = await jobs.wait(await jobs.replay(first.id, {"number": 99}, tag="changed"), timeout=30)
            repeated = await jobs.wait(await jobs.replay(failed.id), timeout=30)
        assert (again.request, again.response, again.state) == (first.request, first.response, JobState.COMPLETED)
        for name in ("queue", "worker", "priority", "tag", "user_id", "args", "retry_limit", "timeout_seconds"):
            assert getattr(again, name) == getattr(first, name), name
        assert (again.parent_id, again.meta) == (first.id, {**first.meta, "replay_of": first.id})
        assert (changed.response, changed.tag) == ("done 99", "changed")
        assert repeated.state is JobState.FAILED
        assert await jobs.get(first.id) == first
        without: list[dict[str, Any]] = [{"meta": None}, {"meta": {}}, {"tag": None, "args": None}]
        for left_out in without:
            plain = await jobs.get(await jobs.replay(first.id, **left_out))
            assert plain is not None
            assert plain.meta == {"replay_of": first.id}
            assert plain.parent_id == first.id
            assert await jobs.cancel(plain.id)
        with pytest.raises(InvalidOption, match="option meta=5: must be a mapping"):
            await jobs.replay(first.id, meta=5)  # type: ignore[arg-type]
        assert await ids_found(jobs, {"state": Where.other("cancelled"), "meta": {"replay_of": first.id}}) == [
            changed.id,
            again.id,
        ]
        queued = next(job for job in everything if job.command == "elsewhere")
        with pytest.raises(InvalidOption, match=f"replay: job {queued.id} is queued; only a job that has ended"):
            await jobs.replay(queued.id)
        with pytest.raises(UnknownJob, match="there is no job 999999"):
            await jobs.replay(999_999)
