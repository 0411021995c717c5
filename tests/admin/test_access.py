"""Who comes in, and what they may do there."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import httpx
import pytest
from starlette.exceptions import HTTPException

from dbjobs import Jobs
from dbjobs.admin import Visitor, application, ended, sessions, throttle
from dbjobs.store import repository
from tests.admin.asking import OPERATIONS, PATHS, ROOT, ROOT_TOKEN, TOKENS, VIEW, VIEW_TOKEN, admin, asking, path_of

pytestmark = pytest.mark.once


async def test_this_machine_comes_in(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs).application) as client:
        for host in ["localhost:8000", "localhost", "127.0.0.1:8000", "[::1]:8000", "127.5.5.5"]:
            assert (await client.get("/queues", headers={"host": host})).status_code == 200, host


TRICKS: dict[str, tuple[tuple[str, int] | None, list[tuple[str, str]]]] = {
    "another machine": (("192.0.2.7", 1), []),
    "another machine, IPv6": (("2001:db8::1", 1), []),
    "an IPv4 address in IPv6": (("::ffff:192.0.2.7", 1), []),
    "a unix socket": (None, []),
    "an empty peer": (("", 0), []),
    "DNS rebinding": (("127.0.0.1", 1), [("host", "evil.example:8000")]),
    "a name below localhost": (("127.0.0.1", 1), [("host", "localhost.evil.example")]),
    "a dot at the end": (("127.0.0.1", 1), [("host", "localhost.")]),
    "an address as a number": (("127.0.0.1", 1), [("host", "2130706433")]),
    "a name with a user": (("127.0.0.1", 1), [("host", "localhost@evil.example")]),
    "a name behind an address": (("127.0.0.1", 1), [("host", "[::1].evil.example")]),
    "no port": (("127.0.0.1", 1), [("host", "localhost:evil")]),
    "an address of all": (("127.0.0.1", 1), [("host", "0.0.0.0")]),
    "an empty host": (("127.0.0.1", 1), [("host", "")]),
    "two hosts": (("127.0.0.1", 1), [("host", "localhost"), ("host", "evil.example")]),
    **{
        f"a proxy that says {name}": (("127.0.0.1", 1), [("host", "localhost"), (name, "127.0.0.1")])
        for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Real-IP", "Via")
    },
    "a proxy that overwrites the path": (("127.0.0.1", 1), [("host", "localhost"), ("X-Original-URL", "/")]),
}


async def test_nobody_else_comes_in(jobs: Jobs) -> None:
    async with jobs:
        app = admin(jobs).application
        for trick, (peer, headers) in TRICKS.items():
            async with asking(app, client=peer) as client:
                for path in ("/queues", "/api/queues", "/live", "/act/pause_queue"):
                    method = "POST" if path.startswith("/act") else "GET"
                    answer = await client.request(method, path, headers=headers or None)
                    assert answer.status_code == 401, (trick, path, answer.text)


async def test_a_proxy_that_speaks_http_1_0_is_not_this_machine(jobs: Jobs) -> None:
    app = admin(jobs).application

    async def old(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "http_version": "1.0"}, receive, send)

    async with jobs, asking(old) as client:
        assert (await client.get("/queues")).status_code == 401


async def test_allowed_hosts(jobs: Jobs) -> None:
    app = admin(jobs, tokens=TOKENS, allowed_hosts=["Ops.example.com"]).application
    async with jobs, asking(app, base="https://ops.example.com:8443") as client:
        assert (await client.get("/queues", headers=VIEW)).status_code == 200
        assert (await client.get("/queues", headers={**VIEW, "host": "evil.example"})).status_code == 403
        login = await client.post("/login", data={"given": ROOT_TOKEN}, headers={"host": "evil.example"})
        assert login.status_code == 403


async def _asynchronous(request: Any) -> Any:
    await asyncio.sleep(0)
    return ["view"]


def _raises(error: Exception) -> Any:
    def authorize(request: Any) -> Any:
        raise error

    return authorize


ANSWERS: list[tuple[Any, int]] = [
    (lambda request: True, 200),
    (lambda request: ["view"], 200),
    (lambda request: Visitor("ada"), 200),
    (_asynchronous, 200),
    (lambda request: False, 401),
    (lambda request: None, 401),
    (lambda request: [], 401),
    (lambda request: ["act"], 403),
    (_raises(HTTPException(403)), 401),
    # What is no answer lets nobody in.
    (_raises(ValueError("broken")), 503),
    (_raises(HTTPException(500)), 503),
    (lambda request: "view", 503),
    (lambda request: {"view": True}, 503),
    (lambda request: ["view", "fly"], 503),
    (lambda request: 1, 503),
    (lambda request: object(), 503),
    (lambda request: Visitor(5), 503),  # type: ignore[arg-type]
]


async def test_authorize_decides(jobs: Jobs) -> None:
    async with jobs:
        for number, (authorize, status) in enumerate(ANSWERS):
            async with asking(admin(jobs, authorize=authorize).application) as client:
                answer = await client.get("/api/queues")
                assert answer.status_code == status, (number, answer.text)
                assert "broken" not in answer.text


@pytest.mark.parametrize("given", ["x" * 1000, "a\0b", "a\ud800b"])
async def test_a_name_that_no_database_takes_hinders_nothing(jobs: Jobs, given: str) -> None:
    """The action is done and written down, and what the visitor enqueues has it."""
    app = admin(jobs, authorize=lambda request: Visitor(given, frozenset({"view", "act", "admin"}))).application
    bearer = {"authorization": "Bearer of the application"}
    async with jobs, asking(app) as client:
        jobs.declare("work")
        await jobs.enqueue("work")
        name = (await client.get("/api/whoami")).json()["name"]
        assert name == given or len(name) == 200 or "\\" in name
        assert (await client.get("/queues")).status_code == 200
        assert (await client.post("/api/queues/pause", json={"queue": "mail"}, headers=bearer)).status_code == 200
        asked = {"action": "cancel", "q": "state:queued", "name": "all"}
        started = await client.post("/api/bulk/start", json=asked, headers=bearer)
        assert started.status_code == 200, started.text
        assert {entry.actor for entry in await repository.list_audit(jobs._client.db, 2**62, 10)} == {name}
        assert (await client.get("/api/bulk")).json()["actions"][0]["started_by"] == name


async def test_authorize_knows_the_hosts_own_user(jobs: Jobs) -> None:
    class User:
        display_name = "Ada"

    app = admin(jobs, authorize=lambda request: request.scope.get("user") is not None).application

    async def host(scope: Any, receive: Any, send: Any) -> None:
        user = User() if (b"cookie", b"host=1") in scope["headers"] else None
        await app({**scope, "user": user}, receive, send)

    async with jobs, asking(host, client=("192.0.2.7", 1)) as client:
        assert (await client.get("/api/whoami")).status_code == 401
        me = await client.get("/api/whoami", headers={"cookie": "host=1"})
        assert me.json() == {"name": "Ada", "verbs": ["act", "admin", "view"]}


async def test_a_bearer_token(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application, client=("192.0.2.7", 1)) as client:
        assert (await client.get("/api/whoami", headers=VIEW)).json()["verbs"] == ["view"]
        for wrong in (f"Bearer {VIEW_TOKEN}x", "Bearer ", f"Basic {VIEW_TOKEN}", "Bearer ü", VIEW_TOKEN):
            answer = await client.get("/api/whoami", headers=[(b"authorization", wrong.encode())])
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
    # With tokens, being on this machine is no way in.
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        assert (await client.get("/api/whoami")).status_code == 401


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    then = time.time() + seconds
    monkeypatch.setattr("dbjobs.admin.tokens.time.time", lambda: then)


async def login(client: httpx.AsyncClient, token: str, **data: str) -> httpx.Response:
    return await client.post("/login", data={"given": token, **data})


async def test_a_session(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    app = admin(jobs, tokens=TOKENS).application
    async with jobs, asking(app, base="https://ops.example.com") as client:
        form = await client.get("/queues?x=1")
        assert form.status_code == 401
        assert 'name="given"' in form.text
        assert "./queues?x=1" in form.text
        answer = await login(client, ROOT_TOKEN, next="./queues?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "./queues?x=1")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" in cookie
        assert (await client.get("/api/whoami")).json()["name"] == "token 1"
        page = await client.get("/queues")
        assert "Log out" in page.text

        # Another process knows it; one without the token does not.
        name, value = next((name, value) for name, value in client.cookies.items() if "session" in name)
        brought = {"cookie": f"{name}={value}"}
        async with asking(admin(jobs, tokens=TOKENS).application) as other:
            assert (await other.get("/api/whoami", headers=brought)).status_code == 200
        async with asking(admin(jobs, tokens={VIEW_TOKEN: ["view"]}).application) as other:
            assert (await other.get("/api/whoami", headers=brought)).status_code == 401
            for changed in (value[:-1], "x" + value, value.replace(".", "!", 1), "..", "9" + value, ""):
                assert (await other.get("/api/whoami", headers={"cookie": f"{name}={changed}"})).status_code == 401
        later(monkeypatch, sessions.SESSION_SECONDS + 5)
        assert (await client.get("/api/whoami")).status_code == 401
        monkeypatch.undo()

        token = page.text.partition('name="dbjobs-token" content="')[2].partition('"')[0]
        assert (await client.post("/logout")).status_code == 403
        assert (await client.post("/logout", data={"token": token})).status_code == 303
        assert (await client.get("/api/whoami")).status_code == 401


async def test_who_is_not_let_in_is_told_how_to_come_in(jobs: Jobs) -> None:
    async with jobs:
        for options, words in (
            ({}, "only a browser on the same machine"),
            ({"authorize": lambda request: None}, "The application does not let you in here."),
            ({"tokens": TOKENS}, "You need a token"),
        ):
            async with asking(admin(jobs, **options).application, client=("192.0.2.7", 1)) as client:
                answer = await client.get("/api/queues")
                assert answer.status_code == 401
                assert words in answer.json()["message"]
        # Who presses a button after the end of a session is asked to log in, and told that nothing was done.
        async with asking(admin(jobs, tokens=TOKENS).application) as client:
            answer = await client.post("/act/pause_queue", data={"queue": "mail"})
            assert answer.status_code == 401
            assert "nothing was done" in answer.text
            assert 'action="../login"' in answer.text
            assert await jobs.queues.list() == []


async def test_a_login_leads_to_nowhere_else(jobs: Jobs) -> None:
    elsewhere = [
        "//evil.example",
        "https://evil.example",
        "/etc",
        "./\\evil",
        ".//evil.example/",
        "./ü",
        "./\r\nx: y",
        "./../elsewhere",
        "./queues/../../elsewhere",
        "./%2e%2e/elsewhere",
        "./.%2E",
        "",
    ]
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for where in elsewhere:
            assert (await login(client, VIEW_TOKEN, next=where)).headers["location"] == "./", where


async def test_guessing_tokens_is_slow(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for number in range(throttle.MOST_OF_BEGINNING):
            assert (await login(client, f"{ROOT_TOKEN[:4]} {number}")).status_code == 401
        late = await login(client, ROOT_TOKEN)
        assert (late.status_code, late.headers["retry-after"]) == (429, "60")


async def test_somebody_who_guesses_behind_the_same_proxy_keeps_nobody_out_who_was_in(jobs: Jobs) -> None:
    """All come from one address. What a request says of the address behind it counts for nothing."""
    app = admin(jobs, tokens=TOKENS).application
    proxy = ("10.0.0.1", 1)
    async with jobs, asking(app, client=proxy) as known, asking(app, client=proxy) as attacker:
        assert (await login(known, ROOT_TOKEN)).status_code == 303
        # A few wrong tokens of somebody else, all alike, keep nobody out who has another.
        for _ in range(throttle.MOST_OF_BEGINNING):
            assert (await login(attacker, "mistyped")).status_code == 401
        assert (await login(attacker, "mistyped")).status_code == 429
        async with asking(app, client=proxy) as new:
            assert (await login(new, VIEW_TOKEN)).status_code == 303
        # Many of them do, but not a browser that has been let in before; another address does not help.
        answers = [
            (await attacker.post("/login", data={"given": f"{n:04}"}, headers={"x-forwarded-for": f"192.0.2.{n}"}))
            for n in range(throttle.MOST_OF_PEER)
        ]
        assert {answer.status_code for answer in answers} == {401, 429}
        async with asking(app, client=proxy) as new:
            assert (await login(new, VIEW_TOKEN)).status_code == 429
        async with asking(app, client=("10.0.0.2", 1)) as elsewhere:
            assert (await login(elsewhere, VIEW_TOKEN)).status_code == 303
        assert (await login(known, ROOT_TOKEN)).status_code == 303
        # It is counted, too, by itself; what it brings is worth nothing once its token is no more.
        for _ in range(throttle.MOST_OF_BROWSER):
            assert (await login(known, "mistyped")).status_code == 401
        assert (await login(known, ROOT_TOKEN)).status_code == 429


async def test_a_browser_whose_token_was_taken_out_is_known_no_more(jobs: Jobs) -> None:
    made = admin(jobs, tokens=TOKENS)
    async with jobs, asking(made.application) as client:
        assert (await login(client, ROOT_TOKEN)).status_code == 303
        cast(dict[str, Any], made.settings.tokens).pop(ROOT_TOKEN)
        for number in range(throttle.MOST_OF_PEER):
            await login(client, f"{number:04}")
        assert (await login(client, VIEW_TOKEN)).status_code == 429


def test_wrong_tokens_are_forgotten_after_a_minute_and_bounded_over_all_peers() -> None:
    now = 0.0
    one = throttle.Throttle(lambda: now)
    for number in range(throttle.MOST_OF_ALL):
        one.check(f"10.0.{number // 100}.{number % 100}", "a wrong one", None)
        one.count(f"10.0.{number // 100}.{number % 100}", "a wrong one", None)
    with pytest.raises(throttle.TooMany, match=r"1,000 wrong tokens in a minute: wait for one"):
        one.check("192.0.2.1", "another one", None)
    one.check("192.0.2.1", "another one", "a browser that is known")
    now = throttle.SECONDS
    one.check("192.0.2.1", "another one", None)


async def test_a_session_ends_with_log_out_also_for_a_copy_of_its_cookie(
    jobs: Jobs, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended, "BELIEVED_SECONDS", 0.0)
    app = admin(jobs, tokens=TOKENS).application
    async with jobs, Jobs(url) as other_jobs, asking(app) as client, asking(app) as second:
        await login(client, ROOT_TOKEN)
        await login(second, ROOT_TOKEN)
        copied = {"cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
        token = (await client.get("/queues")).text.partition('name="dbjobs-token" content="')[2].partition('"')[0]
        async with asking(admin(other_jobs, tokens=TOKENS).application) as other:
            assert (await other.get("/api/whoami", headers=copied)).status_code == 200
            assert (await client.post("/logout", data={"token": token})).status_code == 303
            assert (await other.get("/api/whoami", headers=copied)).status_code == 401
        async with asking(app) as same:
            assert (await same.get("/api/whoami", headers=copied)).status_code == 401
        assert (await second.get("/api/whoami")).status_code == 200


async def test_a_login_from_another_site_is_refused(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            answer = await client.post("/login", data={"given": ROOT_TOKEN}, headers=headers)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


async def test_a_viewer_and_nobody_call_everything(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application, client=("192.0.2.7", 1)) as client:
        refused = set()
        for operation in OPERATIONS:
            calls = [(operation.method, path_of(operation))]
            if operation.method == "POST":
                calls.append(("POST", f"/act/{operation.name}"))
            for method, path in calls:
                nobody = await client.request(method, path)
                assert nobody.status_code == 401, (method, path)
                viewer = await client.request(method, path, headers=VIEW)
                if operation.verb == "view":
                    assert viewer.status_code not in (401, 403, 500), (path, viewer.text)
                elif path.startswith("/act"):
                    assert "may%20not" in viewer.headers.get("set-cookie", ""), (path, viewer.text)
                else:
                    assert viewer.status_code == 403, (path, viewer.text)
                    refused.add(operation.name)
        for pages_path in PATHS:
            assert (await client.get(pages_path)).status_code == 401
        assert (await client.get("/live")).status_code == 401
        assert {"pause_queue", "make_link", "reveal"} <= refused
        entries = await repository.list_audit(jobs._client.db, 2**62, 10_000)
        audited = {operation.name for operation in OPERATIONS if operation.audited and operation.verb != "view"}
        assert {entry.action for entry in entries if entry.outcome == "refused"} >= audited


async def test_nothing_is_changed_by_get(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        read = {path_of(operation) for operation in OPERATIONS if operation.method == "GET"}
        for operation in OPERATIONS:
            if operation.method == "POST":
                for method in ("GET", "HEAD", "PUT", "DELETE"):
                    for path in {path_of(operation), f"/act/{operation.name}"} - read:
                        answer = await client.request(method, path, headers=ROOT)
                        assert answer.status_code in (404, 405, 422), (method, path)
        for path in ("/login", "/logout"):
            assert (await client.get(path, headers=ROOT)).status_code == 405
        assert await repository.list_audit(jobs._client.db, 2**62, 10) == []


async def test_a_link_opens_one_page_to_look_at(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    app = admin(jobs, tokens=TOKENS).application
    async with jobs, asking(app) as owner, asking(app, client=("192.0.2.7", 1)) as guest:
        made = await owner.post("/api/links", json={"path": "/queues?x=1", "name": "the auditors"}, headers=ROOT)
        assert made.status_code == 200, made.text
        url = "/" + made.json()["url"]
        first = await guest.get(url)
        assert (first.status_code, first.headers["location"]) == (303, "?x=1")
        assert "httponly" in first.headers["set-cookie"].lower()
        page = await guest.get("/queues?x=1")
        assert page.status_code == 200
        assert "link the auditors" in page.text
        for path in ("/", "/jobs", "/api/queues", "/queues?job=1", "/queues?job=1&job=2", "/audit"):
            assert (await guest.get(path)).status_code == 401, path
        token = page.text.partition('name="dbjobs-token" content="')[2].partition('"')[0]
        done = await guest.post("/act/pause_queue", data={"queue": "mail", "token": token})
        assert done.status_code == 401

        async with asking(app) as other:
            for changed in (url[:-1], url + "x", url.replace("link=", "link=9"), "/queues?link=", "/queues?link=.."):
                assert (await other.get(changed)).status_code == 401
        later(monkeypatch, 25 * 3600)
        assert (await guest.get("/queues?x=1")).status_code == 401
        monkeypatch.undo()

        for wrong in ({"hours": 0}, {"hours": 1e9}, {"path": "//evil"}, {"path": "queues"}, {"name": "a\nb"}):
            assert (await owner.post("/api/links", json=wrong, headers=ROOT)).status_code == 422


async def test_a_link_to_one_job_or_request_opens_no_other(jobs: Jobs) -> None:
    app = admin(jobs, tokens=TOKENS).application
    jobs.declare("work")
    request, another = "20260131T093000.123456-1f", "20260131T093000.123456-2f"
    async with jobs, asking(app) as owner:
        one, other = await jobs.enqueue("work", ref_id="one"), await jobs.enqueue("work", ref_id="other")
        for path, name, same, wrong in (
            ("/job", "id", str(one.id), [str(other.id), "ref:other", f"{one.id}&id={other.id}", ""]),
            ("/job", "id", "ref:one", ["ref:other", str(other.id), f"ref:one&job={other.id}"]),
            ("/queues", "job", str(one.id), [str(other.id), "ref:other"]),
            ("/requests", "request", request, [another, f"{request}&request={another}"]),
        ):
            made = await owner.post("/api/links", json={"path": f"{path}?{name}={same}"}, headers=ROOT)
            async with asking(app, client=("192.0.2.7", 1)) as guest:
                assert (await guest.get("/" + made.json()["url"])).status_code == 303
                assert (await guest.get(f"{path}?{name}={same}")).status_code == 200, path
                for value in wrong:
                    assert (await guest.get(f"{path}?{name}={value}")).status_code == 401, (path, value)
        several = {"path": f"/job?id={one.id}&id={other.id}"}
        assert (await owner.post("/api/links", json=several, headers=ROOT)).status_code == 422


async def test_a_link_to_every_page_may_not_act(jobs: Jobs) -> None:
    app = admin(jobs, tokens=TOKENS).application
    async with jobs, asking(app) as owner, asking(app, client=("192.0.2.7", 1)) as guest:
        made = await owner.post("/api/links", json={"hours": 1}, headers=ROOT)
        await guest.get("/" + made.json()["url"])
        page = await guest.get("/queues")
        assert page.status_code == 200
        assert (await guest.get("/api/queues")).status_code == 200
        assert (await guest.get("/audit")).status_code == 403
        token = page.text.partition('name="dbjobs-token" content="')[2].partition('"')[0]
        headers = {"x-dbjobs-token": token}
        assert (await guest.post("/api/queues/pause", json={"queue": "mail"}, headers=headers)).status_code == 403


async def test_what_is_redacted_is_revealed_to_few_and_written_down(jobs: Jobs) -> None:
    @jobs.command
    async def pay(request: dict[str, Any]) -> None:
        pass

    app = admin(jobs, tokens=TOKENS, redact=lambda name, value: "***" if "number" in name else value).application
    async with jobs, asking(app) as client:
        ref = await jobs.enqueue(pay, {"card": {"number": "4111", "a.b": [1, {"number": 7}]}})
        path = f"/api/jobs/{ref.id}/reveal"
        for page in PATHS:
            for query in ("", f"?job={ref.id}", f"?id={ref.id}"):
                assert "4111" not in (await client.get(page + query, headers=ROOT)).text, page
        shown = await client.post(path, json={"name": "request.card.number"}, headers=ROOT)
        assert shown.json()["value"] == "4111"
        deep = await client.post(path, json={"name": "request.card.a.b.1.number"}, headers=ROOT)
        assert deep.json()["value"] == 7
        for wrong in ("request.card.x", "id", "__class__", "request.card.number.x", "request..", "errors"):
            assert (await client.post(path, json={"name": wrong}, headers=ROOT)).status_code == 404, wrong
        assert (await client.post(path, json={"name": "request"}, headers=VIEW)).status_code == 403
        form = await client.post("/act/reveal", data={"id": ref.id, "name": "request.card.number"}, headers=ROOT)
        assert "4111" in form.text
        entry = (await repository.list_audit(jobs._client.db, 2**62, 1))[0]
        assert (entry.action, entry.target) == ("reveal", f"job {ref.id}: request.card.number")
        assert "4111" not in str(entry.details)


async def test_jobs_that_are_not_open_say_so(jobs: Jobs) -> None:
    async with asking(admin(jobs).application) as client:
        page = await client.get("/queues")
        assert page.status_code == 503
        assert "<h1>Not open</h1>" in page.text
        assert (await client.get("/api/queues")).json()["error"] == "not_running"
        assert (await client.get("/live")).status_code == 503


async def test_a_page_has_a_time_limit(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(application, "PAGE_SECONDS", 0.05)

    async def slow(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(60)

    async with jobs, asking(admin(jobs).application) as client:
        monkeypatch.setattr(jobs._client.db, "fetch", slow)
        answer = await client.get("/api/queues")
        assert (answer.status_code, answer.json()["error"]) == (503, "took_too_long")
        monkeypatch.undo()
