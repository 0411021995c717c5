"""What an attacker would try: changes asked for by other sites, stored scripts, paths, sizes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from dbjobs import JobContext, Jobs, Schedule
from dbjobs.admin import inputs
from dbjobs.admin.visitor import ALL_VERBS
from dbjobs.store import repository
from tests.admin.asking import OPERATIONS, PATHS, ROOT, TOKENS, VIEW, Markup, admin, asking, path_of
from tests.admin.test_requests_page import put as put_requests
from tests.admin.test_requests_page import seen

pytestmark = pytest.mark.once
PAYLOAD = "\"'><img src=x onerror=alert(1)><script>alert(1)</script>{{7*7}}<!--"


def token_of(page: str) -> str:
    return page.partition('name="dbjobs-token" content="')[2].partition('"')[0]


ORIGINS: list[tuple[dict[str, str], int]] = [
    ({}, 303),
    ({"origin": "http://localhost:8000"}, 303),
    ({"sec-fetch-site": "same-origin", "origin": "http://localhost:8000"}, 303),
    ({"sec-fetch-site": "same-origin", "origin": "https://public.example"}, 303),  # a proxy has changed Host
    ({"origin": "https://trusted.example", "sec-fetch-site": "cross-site"}, 303),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "http://localhost:8001"}, 403),
    ({"origin": "http://localhost:8000.evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": ""}, 403),
    ({"origin": "http://["}, 403),
    ({"origin": "localhost:8000"}, 403),
    ({"origin": "file://localhost:8000"}, 403),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
    ({"sec-fetch-site": "SAME-ORIGIN, cross-site"}, 403),
]


async def test_a_change_is_asked_for_by_our_own_page(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, origins=["https://trusted.example"]).application) as client:
        token = token_of((await client.get("/queues")).text)
        for headers, status in ORIGINS:
            before = await repository.list_audit(jobs._client.db, 2**62, 100)
            form = await client.post("/act/pause_queue", data={"queue": "mail", "token": token}, headers=headers)
            assert form.status_code == status, headers
            both = {**headers, "x-dbjobs-token": token}
            api = await client.post("/api/queues/pause", json={"queue": "mail"}, headers=both)
            assert api.status_code == (200 if status == 303 else 403), headers
            after = await repository.list_audit(jobs._client.db, 2**62, 100)
            assert len(after) - len(before) == (2 if status == 303 else 0), headers


async def test_a_change_needs_the_token_of_its_browser(jobs: Jobs) -> None:
    app = admin(jobs).application
    async with jobs, asking(app) as client, asking(app) as other, asking(admin(jobs).application) as process:
        token = token_of((await client.get("/queues")).text)
        others = token_of((await other.get("/queues")).text)
        for wrong in ("", "x", others, token[:-1], token.upper(), token + "="):
            form = await client.post("/act/pause_queue", data={"queue": "mail", "token": wrong})
            assert form.status_code == 403, wrong
            api = await client.post("/api/queues/pause", json={"queue": "mail"}, headers={"x-dbjobs-token": wrong})
            assert api.status_code == 403, wrong
        # A form of another site's kind: no JSON type, a body that reads as JSON.
        plain = await client.post(
            "/api/queues/pause", content='{"queue": "mail"}', headers={"content-type": "text/plain"}
        )
        assert plain.status_code == 422
        # Another process of the application takes the token that this one has given.
        process.cookies = client.cookies
        taken = await process.post("/act/pause_queue", data={"queue": "mail", "token": token})
        assert taken.status_code == 303


async def test_a_link_from_another_site_does_not_name_the_browser_anew(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs).application) as client:
        first = await client.get("/queues")
        assert "samesite=lax" in first.headers["set-cookie"].lower()
        again = await client.get("/queues", headers={"sec-fetch-site": "cross-site"})
        assert "set-cookie" not in again.headers


@pytest.mark.parametrize(
    "where", ["//evil.example", "https://evil.example", "../\\evil", "..//evil", "../\r\nx: y", "ü"]
)
async def test_a_form_leads_to_nowhere_else(jobs: Jobs, where: str) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        done = await client.post("/act/pause_queue", data={"queue": "mail", "next": where}, headers=ROOT)
        assert done.headers["location"] == "../"


async def test_every_answer_has_its_headers(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for path in [*PATHS, "/api/queues", "/api/openapi.json", "/nowhere", "/static/admin.css"]:
            for headers in (ROOT, None):
                answer = await client.get(path, headers=headers)
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["x-frame-options"] == "DENY"
                assert answer.headers["referrer-policy"] == "same-origin"
                if not path.startswith("/static"):
                    assert answer.headers["cache-control"] == "no-store"


async def hostile(jobs: Jobs) -> list[int]:
    """Jobs with a script in every field that somebody can fill."""

    async def run(request: Any, job: JobContext) -> None:
        job.log(PAYLOAD)
        job.progress(0.5, PAYLOAD)
        raise type(PAYLOAD, (RuntimeError,), {})(PAYLOAD)

    jobs.command(name=PAYLOAD, retry_limit=0)(run)
    given: dict[str, Any] = {
        "queue": PAYLOAD, "tag": PAYLOAD, "batch_id": PAYLOAD, "created_by": PAYLOAD, "user_id": PAYLOAD,
        "args": {PAYLOAD: PAYLOAD}, "meta": {PAYLOAD: PAYLOAD},
    }  # fmt: skip
    refs = [await jobs.enqueue(PAYLOAD, {PAYLOAD: [PAYLOAD]}, **given, ref_id=PAYLOAD)]
    refs.append(await jobs.enqueue(PAYLOAD, PAYLOAD, worker=PAYLOAD, run_after=3600))
    await jobs.queues.pause(PAYLOAD)
    await jobs.schedules.put(PAYLOAD, Schedule.every(3600), PAYLOAD, PAYLOAD)
    await jobs.bulk.start("cancel", name=PAYLOAD, words=PAYLOAD, reason=PAYLOAD, started_by=PAYLOAD, tag="nothing")
    moment = datetime.now(UTC)
    await put_requests(
        jobs,
        (
            moment,
            seen(
                f"/{PAYLOAD}", 500, user=PAYLOAD, ip=PAYLOAD, api_key=PAYLOAD, session=PAYLOAD, trace_id=PAYLOAD,
                query=PAYLOAD, error=PAYLOAD, traceback=PAYLOAD, user_agent=PAYLOAD, request_body=PAYLOAD,
                response_body=PAYLOAD, request_headers=[(PAYLOAD, PAYLOAD)], response_headers=[(PAYLOAD, PAYLOAD)],
                referer=f"javascript:{PAYLOAD}", host=PAYLOAD, meta={PAYLOAD: PAYLOAD},
            ),
        ),
    )  # fmt: skip
    view = {"name": PAYLOAD, "q": PAYLOAD, "shared": True, "by": PAYLOAD}
    await repository.put_setting(jobs._client.db, "view:shared:0", msgspec.json.encode(view).decode())
    await repository.insert_audit(
        jobs._client.db, actor=PAYLOAD, action=PAYLOAD, target=PAYLOAD, outcome="done", details={PAYLOAD: PAYLOAD}
    )
    return [ref.id for ref in refs]


async def test_what_is_stored_is_shown_as_text(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: PAYLOAD)
    app = admin(
        jobs, title=PAYLOAD, environment=PAYLOAD, authorize=lambda request: ALL_VERBS, explore=[PAYLOAD]
    ).application
    async with jobs:
        ids = await hostile(jobs)
    async with jobs.start(), asking(app) as client:
        await jobs.queues.resume(PAYLOAD)
        await jobs.wait(ids[0], timeout=20)
        (logged,) = (await client.get("/api/requests")).json()["requests"]
        shown = 0
        for path in PATHS:
            for query in (
                "",
                f"?job={ids[0]}",
                f"?job={ids[1]}",
                f"?q={quote(PAYLOAD)}&job={quote(PAYLOAD)}",
                f"?request={logged['id']}",
            ):
                answer = await client.get(path + query)
                assert answer.status_code < 500, (path, query, answer.text)
                assert Markup(answer.text).scripts == [], (path, query)
                assert answer.status_code != 200 or "{{7*7}}" in answer.text
                shown += "onerror" in answer.text
            for name in ("queue", "command", "worker", "name", "tag", "state", "sort", "before", "page", "period"):
                answer = await client.get(path, params={name: PAYLOAD})
                assert answer.status_code < 500, (path, name, answer.text)
                assert Markup(answer.text).scripts == [], (path, name)
        assert shown > len(PATHS)
        for operation in OPERATIONS:
            if operation.method == "GET":
                answer = await client.get(path_of(operation))
                assert "html" not in answer.headers.get("content-type", ""), operation.path


PLACES = [
        "/static/../application.py", "/static/..%2fapplication.py", "/static/%2e%2e%2fapplication.py",
        "/static/..%5capplication.py", "/static/....//application.py", "/static//etc/passwd", "/static/.hidden",
        "/static/__init__.py", "/static/admin.css%00.js", "/static/", "//evil.example/", "/%2e%2e/", "/queues/../../",
        "/api/../static/x", "/api/jobs/1%2f..%2f..", "/act/", "/act/__class__", "/api/jobs/99999999999999999999",
        "/api/jobs/-1", "/api/jobs/%00", "/queues%00", "/%ff%fe", "/queues?job=99999999999999999999", "/queues?job=%00",
        "/queues?job=1&job=2", "/live?job=x&job=-1&job=99999999999999999999", "/queues?%ff=%fe", "/queues?=",
]  # fmt: skip


async def test_paths_lead_to_nothing_else(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for path in PLACES:
            # A stream that is let in does not end here.
            answer = await client.get(path, headers=None if path.startswith("/live") else VIEW)
            assert answer.status_code < 500, (path, answer.text)
            assert "make_application" not in answer.text
            assert "root:" not in answer.text


async def test_oversized_bodies_are_refused(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        large = "x" * (inputs.MOST_BYTES + 1)
        assert (await client.post("/api/queues/pause", json={"queue": large}, headers=ROOT)).status_code == 413
        assert (await client.post("/act/pause_queue", data={"queue": large}, headers=ROOT)).status_code == 413
        assert (await client.post("/login", data={"given": large})).status_code == 413
        fields = {f"f{n}": "x" for n in range(3000)}
        assert (await client.post("/act/pause_queue", data=fields, headers=ROOT)).status_code in (400, 413)
        files = {"queue": ("a.txt", b"x")}
        assert (await client.post("/act/pause_queue", files=files, headers=ROOT)).status_code == 400
        headers = {**ROOT, "content-type": "application/json"}
        for body in (b"[" * 100_000, b'{"a":' * 50_000, b"[]", b"1", b"{", b"\xff", b'{"queue": 1e999}'):
            answer = await client.post("/api/queues/pause", content=body, headers=headers)
            assert answer.status_code == 422, (body[:20], answer.text)
        broken = {**ROOT, "content-type": "multipart/form-data; boundary=x"}
        assert (await client.post("/act/pause_queue", content=b"--y", headers=broken)).status_code < 500


LONG = ("(" * 3900, "x" * 3900, "-" * 3900, "%_" * 1900, "* " * 1900, "0-59/1," * 500, '"', "\x00")


async def test_oversized_questions_are_refused(jobs: Jobs) -> None:
    """Every text that an operation takes: as long as may be, and longer; nested, negated, with all that LIKE knows."""
    async with jobs, asking(admin(jobs, tokens=TOKENS, explore=["x"]).application) as client:
        assert (await client.get("/queues", params={"q": "x" * 5000}, headers=VIEW)).status_code == 422
        many = "&".join(["x=y"] * 300)
        assert (await client.get(f"/queues?{many}", headers=VIEW)).status_code == 422
        for operation in OPERATIONS:
            texts = [field.name for field in msgspec.structs.fields(operation.takes) if "str" in str(field.type)]
            for name in texts:
                for text in (
                    "(" * 3900,
                    "x" * 3900,
                    "-" * 3900,
                    "%_" * 1900,
                    "* " * 1900,
                    "0-59/1," * 500,
                    '"',
                    "\x00",
                ):
                    if operation.method == "GET":
                        answer = await client.get(path_of(operation), params={name: text}, headers=ROOT)
                    else:
                        answer = await client.post(path_of(operation), json={name: text}, headers=ROOT)
                    assert answer.status_code < 500, (operation.name, name, text[:9], answer.text[:500])
        for path in PATHS:
            for text in ("(" * 3900, "\x00"):
                answer = await client.get(path, params={"q": text}, headers=ROOT)
                assert answer.status_code < 500, (path, text[:9])


async def test_pages_refer_to_nothing_of_other_hosts(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, authorize=lambda request: True).application) as client:
        for path in PATHS:
            markup = Markup((await client.get(path)).text)
            assert not [where for where in markup.links | markup.forms if re.match(r"(\w+:|//)", where)], path
            assert not [where for where in markup.links | markup.forms if where.startswith("/")], path
