"""Operations on jobs, on every database: find, count, complete, export, look, cancel, requeue, replay, edit."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from dbjobs import Backoff, DatabaseError, JobContext, JobRef, Jobs, JobState
from dbjobs.admin.api import job_editing, job_family
from dbjobs.store import repository

TOKEN = "a-token-for-the-tests"
HEADERS = {"authorization": f"Bearer {TOKEN}"}
FORMULA = '=cmd|"/c calc"!A1'


@contextlib.asynccontextmanager
async def calling(jobs: Jobs, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API that may do everything but reveal."""
    options = {"tokens": {TOKEN: ["view", "act", "admin"]}, **options}
    transport = httpx.ASGITransport(jobs.admin(**options), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=HEADERS) as client:
        yield client


async def got(client: httpx.AsyncClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(f"/api{path}", params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


async def posted(client: httpx.AsyncClient, path: str, status: int = 200, **body: Any) -> Any:
    answer = await client.post(f"/api{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def ids(page: Mapping[str, Any]) -> list[int]:
    return [job["id"] for job in page["jobs"]]


async def filled(jobs: Jobs) -> list[JobRef]:
    """Five that completed, three that failed, one for later, one that waits for it, and one that nobody runs."""

    @jobs.command
    async def send_mail(request: dict[str, Any], job: JobContext) -> str:
        job.log(f"to {request['to']}")
        job.log("slow", level="warning")
        return "250 OK"

    @jobs.command(retry_limit=0)
    async def import_rows(request: dict[str, int]) -> None:
        raise ValueError(FORMULA)

    jobs.declare("elsewhere")
    refs: list[JobRef[Any]] = [
        await jobs.enqueue(send_mail, {"to": f"a{n}", "secret": "s"}, tag="news", priority=n) for n in range(5)
    ]
    refs += [
        await jobs.enqueue(import_rows, {"n": n}, args={"tenant": "7"}, batch_id="b", user_id=FORMULA) for n in range(3)
    ]
    async with jobs.start():
        for ref in refs:
            await jobs.wait(ref, timeout=60)
    later = await jobs.enqueue(send_mail, {"to": "later"}, run_after=timedelta(hours=1), ref_id="the later")
    waits = await jobs.enqueue("elsewhere", depends_on=later)
    return [*refs, later, waits, await jobs.enqueue("elsewhere", queue="träge/.?#%", worker="lane")]


async def test_jobs_are_found_sorted_paged_counted_and_exported(jobs: Jobs) -> None:
    async with jobs, calling(jobs) as client:
        refs = [ref.id for ref in await filled(jobs)]
        newest = refs[::-1]
        page = await got(client, "/jobs", limit=4)
        assert ids(page) == newest[:4]
        assert page["jobs"][0]["id_text"] == str(newest[0])
        assert page["before_id_text"] == str(page["before_id"])
        assert ids(await got(client, "/jobs", limit=100, before_id=page["before_id"])) == newest[4:]
        assert ids(await got(client, "/jobs", q="state:failed args.tenant:7 error:CMD -command:send_*")) == refs[7:4:-1]
        assert ids(await got(client, "/jobs", state="live")) == newest[:3]
        assert ids(await got(client, "/jobs", q='queue:"träge/.?#%" worker:lane')) == newest[:1]
        assert ids(await got(client, "/jobs", month="2001-01")) == []
        by_priority = await got(client, "/jobs", q="command:send_mail state:completed", sort="-priority", limit=2)
        assert ids(by_priority) == [refs[4], refs[3]]
        assert (by_priority["sorted_jobs"], by_priority["offset"]) == (None, 2)
        on = await got(client, "/jobs", q="command:send_mail state:completed", sort="-priority", limit=2, offset=2)
        assert ids(on) == [refs[2], refs[1]]
        assert ids(await got(client, "/jobs", sort="state,-priority,id", limit=3)) == [refs[8], refs[9], refs[10]]
        (detailed,) = (await got(client, "/jobs", q=f"id:{refs[9]}", details="true"))["jobs"]
        assert detailed["details"]["depends_on"] == [refs[8]]

        wrong = await got(client, "/jobs", 422, q="state:faild")
        assert wrong["message"].startswith("at letter 7: a state is")
        assert "'colour' is not one of id" in (await got(client, "/jobs", 422, sort="colour"))["message"]
        assert "limit=0" in (await got(client, "/jobs", 422, limit=0))["message"]

        counts = await got(client, "/jobs/counts")
        assert {state: count for state, count in counts["states"].items() if count} == {
            "scheduled": 1, "waiting": 1, "queued": 1, "completed": 5, "failed": 3}  # fmt: skip
        assert (counts["months"][0]["total"], counts["months"][0]["failed"]) == (8, 3)

        found = await client.get("/api/jobs/export", params={"q": "command:import*", "format": "csv"})
        rows = list(csv.DictReader(io.StringIO(found.text)))
        assert [int(row["id"]) for row in rows] == refs[7:4:-1]
        assert {(row["error"], row["user_id"]) for row in rows} == {(f"ValueError: {FORMULA}", f"'{FORMULA}")}
        assert "attachment" in found.headers["content-disposition"]
        exported = await got(client, "/jobs/export", format="json", limit=3)
        assert [job["id"] for job in exported] == newest[:3]
        assert await got(client, "/jobs/export", format="json", q="id:999999") == []


async def test_the_box_proposes_what_is_known(jobs: Jobs) -> None:
    async with jobs, calling(jobs) as client:
        await filled(jobs)

        async def proposed(text: str, at: int | None = None) -> tuple[str, list[str]]:
            found = await got(client, "/jobs/complete", text=text, **({} if at is None else {"at": at}))
            return text[found["start"] : found["end"]], [one["text"] for one in found["proposals"]]

        assert await proposed("sta") == ("sta", ["state:", "status:", "started:"])
        assert await proposed("tag:x -qu", 9) == ("qu", ["queue:"])
        assert (await proposed("state:fa"))[1] == ["failed"]
        assert await proposed("command:se") == ("se", ["send_mail", "elsewhere"])
        assert (await proposed("queue:"))[1] == ["default", "träge/.?#%"]
        assert await proposed("tag:ne state:failed", 6) == ("ne", ["news"])
        assert (await proposed("code:"))[1] == ["ValueError"]
        assert (await proposed("nothing:x"))[1] == []
        assert await proposed("(tag:x or -(qu") == ("qu", ["queue:"])
        assert await proposed("tag:x o") == ("o", ["or"])
        assert await proposed("o") == ("o", [])
        assert await proposed("(state:fa)", 9) == ("fa", ["failed"])


async def test_alternatives_are_found_and_tell_nothing_that_is_hidden(jobs: Jobs) -> None:
    async with jobs, calling(jobs, redact=lambda name, value: "•" if name.endswith("secret") else value) as client:
        refs = await filled(jobs)
        either = f"id:{refs[0].id} or (state:failed -id:{refs[5].id})"
        found = await got(client, "/jobs", q=either)
        assert [job["id"] for job in found["jobs"]] == [refs[7].id, refs[6].id, refs[0].id]
        found = await got(client, "/jobs", q=either, state="completed")
        assert [job["id"] for job in found["jobs"]] == [refs[0].id]
        for q in ("request.secret:s", "tag:x or (tag:y request.secret:s)", "-(request.secret:s)"):
            assert "needs the verb reveal" in (await got(client, "/jobs", 403, q=q))["message"], q
        page = (await client.get("/jobs", params={"q": "tag:a or tag:b", "state": "failed"})).text
        assert "/bulk?q=%28tag%3Aa+or+tag%3Ab%29+state%3Afailed" in page
        assert 'id="tab-completed" href="?state=completed&amp;q=tag%3Aa+or+tag%3Ab"' in page
        wrong = (await client.get("/jobs", params={"q": "tag:a or (state:faild"})).text
        assert "<mark>(state:faild</mark>" in wrong


async def test_a_job_is_looked_at_and_its_log_followed(jobs: Jobs) -> None:
    async with jobs, calling(jobs, redact=lambda name, value: "•" if name.endswith("secret") else value) as client:
        refs = await filled(jobs)
        done = await got(client, "/job", id=refs[0].id)
        assert (done["state"], done["request"], done["response"]) == (
            "completed",
            {"to": "a0", "secret": "•"},
            "250 OK",
        )
        assert done["hidden"]
        failed = await got(client, "/job", id=refs[5].id)
        assert failed["errors"][0]["code"] == "ValueError"
        assert "import_rows" in failed["errors"][0]["traceback"]
        assert (await got(client, "/job", ref_id="the later"))["id"] == refs[8].id
        assert "there is no job 999" in (await got(client, "/job", 404, id=999))["message"]
        assert "no job" in (await got(client, "/job", 404, id=2**70))["message"]
        assert "by its id or its ref_id" in (await got(client, "/job", 422))["message"]

        first = await got(client, "/job/progress", id=refs[0].id, limit=1)
        assert ([line["message"] for line in first["logs"]], first["more"], first["finished"]) == (
            ["to a0"],
            True,
            False,
        )
        rest = await got(client, "/job/progress", id=refs[0].id, after_id=first["last_id"])
        assert [(line["level"].lower(), line["message"]) for line in rest["logs"]] == [("warning", "slow")]
        assert rest["finished"]

        why = await got(client, "/job/explain", id=refs[9].id)
        assert why["reasons"][0]["code"] == "waits_for_jobs"
        family = await got(client, "/job/family", id=refs[8].id)
        assert [(one["id"], one["step"]) for one in family["graph"]] == [(refs[9].id, 1)]
        family = await got(client, "/job/family", id=refs[9].id)
        assert [(one["id"], one["step"]) for one in family["graph"]] == [(refs[8].id, -1)]
        assert (await got(client, "/job/family", id=refs[5].id))["batch"]["failed"] == 3

        hidden = await got(client, "/jobs", 403, q="request.secret:s")
        assert "may be hidden" in hidden["message"]
        assert (await got(client, "/jobs", 403, q="request:s"))["error"] == "refused"
        assert ids(await got(client, "/jobs", q="request.to:a1")) == [refs[1].id]
        assert (await posted(client, "/job/reveal", 403, id=refs[0].id))["error"] == "refused"
    async with jobs, calling(jobs, tokens={TOKEN: ["view", "reveal"]}, redact=lambda name, value: None) as client:
        assert (await posted(client, "/job/reveal", id=refs[0].id))["request"]["secret"] == "s"
        assert (await posted(client, "/jobs/cancel", 403, ids=[refs[8].id]))["error"] == "refused"


async def test_jobs_are_cancelled_requeued_and_replayed_with_results_by_id(jobs: Jobs) -> None:
    async with jobs, calling(jobs) as client:
        refs = await filled(jobs)
        some = [refs[8].id, refs[0].id, 999]
        done = await posted(client, "/jobs/cancel", ids=some, ref_ids=["the later", "nobody's"])
        assert done["results"] == [refs[8].id]
        assert done["errors"] == {
            str(refs[0].id): "it has ended before (completed)", "999": "there is no such job",
            "nobody's": "there is no such job"}  # fmt: skip
        assert (await jobs.wait(refs[9], timeout=30)).state == "cancelled"
        assert (await posted(client, "/jobs/cancel", state="queued", worker="lane"))["count"] == 1
        assert "not both" in (await posted(client, "/jobs/cancel", 422, ids=[1], worker="lane"))["message"]
        assert "no job is named" in (await posted(client, "/jobs/cancel", 422))["message"]

        back = await posted(client, "/jobs/requeue", ids=[refs[5].id, refs[0].id, refs[10].id])
        assert (back["results"], back["count"]) == (sorted([refs[5].id, refs[10].id]), 2)
        assert list(back["errors"]) == [str(refs[0].id)]
        again = await posted(client, "/job/replay", id=refs[0].id)
        new = await got(client, "/job", id=again["id"])
        assert (new["state"], new["parent_id"], new["request"]["to"]) == ("queued", refs[0].id, "a0")
        assert "only a job that has ended" in (await posted(client, "/job/replay", 422, id=again["id"]))["message"]


async def test_an_edit_is_shown_first_and_keeps_the_original(jobs: Jobs) -> None:
    async with jobs, calling(jobs) as client:
        refs = await filled(jobs)
        failed, later = refs[5].id, refs[8].id
        preview = await posted(client, "/job/edit/preview", id=failed, request='{"n": 5}', queue="other", priority=0)
        assert preview["changes"] == [{"name": "queue", "before": "default", "after": "other"}]
        assert [line["text"] for line in preview["request"] if line["kind"] != "same"] == ['  "n": 0', '  "n": 5']
        assert not preview["cancels"]
        assert any("retry rule" in lost for lost in preview["lost"])
        before = len(ids(await got(client, "/jobs", limit=100)))
        edited = await posted(client, "/job/edit", id=failed, request='{"n": 5}', queue="other")
        new = await got(client, "/job", id=edited["id"])
        assert (new["request"], new["queue"], new["parent_id"], new["meta"]) == (
            {"n": 5}, "other", failed, {"replay_of": failed})  # fmt: skip
        assert (await got(client, "/job", id=failed))["state"] == "failed"
        assert len(ids(await got(client, "/jobs", limit=100))) == before + 1

        assert "is not JSON" in (await posted(client, "/job/edit", 422, id=failed, request="{"))["message"]
        assert "priority" in (await posted(client, "/job/edit", 422, id=failed, priority=2**40))["message"]
        assert "waits for job" in (await posted(client, "/job/edit", 422, id=later, request='{"to": "b"}'))["message"]
        await posted(client, "/jobs/cancel", ids=[refs[9].id])
        assert (await posted(client, "/job/edit/preview", id=later))["cancels"]
        moved = await posted(client, "/job/edit", id=later, request='{"to": "b"}')
        old, new = [await got(client, "/job", id=id) for id in (later, moved["id"])]
        assert (old["state"], old["error"]) == ("cancelled", "replaced by an edited job")
        assert (new["state"], new["run_after"], new["request"]) == (JobState.SCHEDULED, old["run_after"], {"to": "b"})


@pytest.mark.parametrize("knows_notifier", [True, False])
async def test_an_edit_takes_the_delivery_along_and_keeps_the_rules(jobs: Jobs, url: str, knows_notifier: bool) -> None:
    told: list[tuple[int, str, str]] = []
    jobs.notifier("chat", lambda job, target: told.append((job.id, job.request, target.text)))

    @jobs.command(retry_limit=4)
    async def send(to: str) -> str:
        return to

    async with jobs, contextlib.AsyncExitStack() as stack:
        parent = await jobs.enqueue(send, "first", run_after=timedelta(hours=1))
        ref = await jobs.enqueue(
            send, "a", depends_on=parent, depends_on_policy="finished", reply_to="chat:ops", expires_after=900,
            retry=Backoff(first_seconds=7, jitter=0), worker="lane", on_failure="skip",
        )  # fmt: skip
        editing = jobs if knows_notifier else await stack.enter_async_context(Jobs(url))
        async with calling(editing) as client:
            assert not (await posted(client, "/job/edit/preview", id=ref.id, request='"b"'))["lost"]
            edited = await posted(client, "/job/edit", id=ref.id, request='"b"')
        old, new = await jobs.get(ref), await jobs.get(edited["id"])
        before = await jobs.get_by_ref_id(f"notify:{ref.id}")
        after = await jobs.get_by_ref_id(f"notify:{edited['id']}")
        assert old is not None
        assert new is not None
        assert before is not None
        assert after is not None
        assert (old.state, before.state, new.state, after.state) == ("cancelled", "cancelled", "waiting", "waiting")
        assert after.depends_on == (new.id,)
        assert old.expires_at is not None
        assert new.expires_at is not None
        assert abs(new.expires_at - old.expires_at) < timedelta(seconds=30)
        rules = await repository.get_rules(jobs._client.db, new.id)
        assert rules is not None
        assert rules.retry is not None
        assert (rules.depends_on_policy, rules.on_failure) == ("finished", "skip")
        assert msgspec.json.decode(rules.retry)["first_seconds"] == 7
        async with jobs.start():
            await jobs.cancel(parent)  # the policy still lets the new job run
            assert (await jobs.wait(new.id, timeout=30)).response == "b"
            await jobs.wait(after.id, timeout=30)
        assert told == [(new.id, "b", "chat:ops")]


@pytest.mark.parametrize("statement", ["insert_jobs", "cancel_jobs"])
async def test_an_edit_that_breaks_in_the_middle_leaves_the_job_as_it_was(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    jobs.declare("send")
    whole, calls = getattr(repository, statement), []

    async def breaks(*arguments: Any, **named: Any) -> None:
        calls.append(await whole(*arguments, **named))
        raise DatabaseError("cut off behind the statement")

    async with jobs, calling(jobs) as client:
        ref = await jobs.enqueue("send", {"to": "a"})
        with monkeypatch.context() as patched:
            patched.setattr(repository, statement, breaks)
            answer = await client.post("/api/job/edit", json={"id": ref.id, "request": '{"to": "b"}'})
        assert (answer.status_code, len(calls)) == (503, 1), answer.text
        [job] = (await jobs.find()).jobs
        assert (job.id, job.state) == (ref.id, JobState.QUEUED)
        edited = await posted(client, "/job/edit", id=ref.id, request='{"to": "b"}')
        new, old = await jobs.get(edited["id"]), await jobs.get(ref)
        assert new is not None
        assert old is not None
        assert (new.request, new.parent_id, old.request, old.state) == ({"to": "b"}, ref.id, {"to": "a"}, "cancelled")


async def test_a_job_that_starts_before_its_edit_goes_on_and_is_not_replaced(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    @jobs.command
    async def send(to: str) -> str:
        began.set()
        await may_end.wait()
        return to

    async with jobs.start(), calling(jobs) as client:
        family_of = job_family.family_of
        await jobs.queues.pause("default")
        ref = await jobs.enqueue(send, "a")

        async def starts_now(*given: Any) -> Any:  # between the look at the job and its replacement
            await jobs.queues.resume("default")
            await asyncio.wait_for(began.wait(), 20)
            return await family_of(*given)

        monkeypatch.setattr(job_editing, "family_of", starts_now)
        refused = await posted(client, "/job/edit", 422, id=ref.id, request='"b"')
        assert refused["message"] == (
            f"job {ref.id} has started meanwhile: nothing was changed; cancel it first, then edit it"
        )
        may_end.set()
        assert (await jobs.wait(ref, timeout=20)).response == "a"
        assert [job.id for job in (await jobs.find()).jobs] == [ref.id]


@pytest.mark.once
async def test_pages_of_jobs_work_without_scripts_and_remember_what_was_chosen(jobs: Jobs) -> None:
    async with jobs, calling(jobs) as client:
        refs = await filled(jobs)
        await client.get("/jobs", params={"size": 2, "cols": ["state", "request"], "sort": "-priority"})
        again = (await client.get("/jobs")).text
        assert again.count('<tr id="job-') == 2
        assert f'<tr id="job-{refs[4].id}"' in again
        assert "&quot;to&quot;:&quot;a4&quot;" in again
        tabs = (await client.get("/jobs", params={"q": "state:failed tag:news"})).text
        assert 'id="tab-completed" href="?state=completed&amp;q=tag%3Anews"' in tabs
        wrong = (await client.get("/jobs", params={"q": "state:faild"})).text
        assert "<code>state:<mark>faild</mark></code><br>a state is" in wrong
        for path in (
            f"/jobs?job={refs[5].id}",
            f"/job?id={refs[8].id}",
            f"/queues?job={refs[0].id}",
            "/job?id=ref:the later",
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert "Log" in answer.text
        assert (await client.get("/job?id=x")).status_code == 404
        assert 'name="id"' in (await client.get("/job")).text
