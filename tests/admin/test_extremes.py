"""What nobody means and somebody sends: numbers that no database has, broken text, hosts, forms; pages of nothing."""

from __future__ import annotations

import msgspec
import pytest

from dbjobs import InvalidOption, Jobs
from dbjobs.admin.settings import make_settings
from tests.admin.asking import OPERATIONS, PATHS, ROOT, TOKENS, VIEW, Markup, admin, asking, path_of

NUMBERS = (2**63 - 1, 2**63, 10**30, 0, -1, -(2**63) - 1)
# The largest of 19 digits, which is more than any database has.
LARGE = 9_999_999_999_999_999_999
# Parameters of pages that are read as numbers.
PLACES = ("job", "id", "before", "offset", "size", "limit", "undo", "request")
# Valid in Windows-1252, cut off, and never valid: none is UTF-8.
BYTES = ("%e4%80%c3", "%ff%fe%ed%a0%80%f4%90%80%80")


async def test_a_number_that_no_database_has_is_answered(jobs: Jobs) -> None:
    """As "there is none", or with what is wrong: no database is asked for it, or none stumbles."""
    async with jobs, asking(admin(jobs, tokens=TOKENS, explore=["x"]).application) as client:
        jobs.declare("send")
        await jobs.enqueue("send", 1)
        for operation in OPERATIONS:
            for field in msgspec.structs.fields(operation.takes):
                if "int" not in str(field.type) and "float" not in str(field.type):
                    continue
                for number in NUMBERS:
                    if operation.method == "GET":
                        given = {field.name: str(number), "q": "state:live", "action": "cancel", "name": "x"}
                        answer = await client.get(path_of(operation), params=given, headers=ROOT)
                    else:
                        value = [number] if "list" in str(field.type) or "tuple" in str(field.type) else number
                        answer = await client.post(path_of(operation), json={field.name: value}, headers=ROOT)
                    assert answer.status_code < 500, (operation.name, field.name, number, answer.text)
        for path in PATHS:
            for name in PLACES:
                answer = await client.get(path, params={name: str(LARGE)}, headers=ROOT)
                assert answer.status_code < 500, (path, name, answer.text)
        for key in ("id", "parent", "node", "priority", "attempts", "run", "timeout", "progress", "retries"):
            for number in (LARGE, -LARGE):
                asked = {"q": f"{key}:{number} {key}:>{number}"}
                answer = await client.get("/api/jobs", params=asked, headers=ROOT)
                assert answer.status_code in (200, 422), (asked, answer.text)


@pytest.mark.once
async def test_text_that_is_no_utf_8_is_answered(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for text in BYTES:
            for path in PATHS:
                for names in (
                    ("q", "job", text),
                    ("name", "command", "user", "path", "actor"),
                    ("expression", "period"),
                ):
                    query = "&".join(f"{name}={text}" for name in names)
                    answer = await client.get(f"{path}?{query}", headers=ROOT)
                    assert answer.status_code < 500, (path, query, answer.text)
            for operation in OPERATIONS:
                if operation.method == "GET" and "live" not in operation.path:
                    fields = "&".join(f"{one.name}={text}" for one in msgspec.structs.fields(operation.takes))
                    answer = await client.get(f"{path_of(operation)}?{fields}", headers=ROOT)
                    assert answer.status_code < 500, (operation.name, text, answer.text)
            form = {**ROOT, "content-type": "application/x-www-form-urlencoded"}
            answer = await client.post("/act/pause_queue", content=f"queue={text}&next={text}", headers=form)
            assert answer.status_code in (303, 422), (text, answer.text)


KINDS = (
    "application/json", "text/plain", "text/xml", "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/form-data; boundary=x; charset=nothing", "application/x-www-form-urlencoded; charset=utf-16", "", "/",
    ";", "application/json; charset=utf-16", "application/octet-stream",
)  # fmt: skip


@pytest.mark.once
async def test_a_body_of_any_type_is_answered(jobs: Jobs) -> None:
    body = b'--x\r\ncontent-disposition: form-data; name="queue"\r\n\r\nmail\r\n--x--\r\n'
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        for kind in KINDS:
            for content in (b"", body, b"\xff\xfe{"):
                for path in ("/act/pause_queue", "/api/queues/pause", "/login", "/logout"):
                    for headers in (ROOT, {}):
                        answer = await client.post(path, content=content, headers={**headers, "content-type": kind})
                        assert answer.status_code < 500, (path, kind, content, answer.text)


HOSTS = (
    "", "[", "[::1", "a b", "localhost:99999", "localhost:x", "localhost@evil.example", "evil.example#localhost",
    "localhost/", "127.0.0.1.evil.example", "localhost.evil.example", "0x7f.1", "127.1", "localhost\\evil",
)  # fmt: skip


@pytest.mark.once
async def test_a_host_with_tricks_is_refused(jobs: Jobs) -> None:
    """By itself and beside a name that is let in; a page that is open to tokens still answers."""
    async with jobs:
        async with asking(admin(jobs).application) as client:
            for host in HOSTS:
                answer = await client.get("/queues", headers={"host": host})
                # A port is no part of the name.
                assert answer.status_code == (200 if host == "localhost:99999" else 401), (host, answer.text)
        async with asking(admin(jobs, allowed_hosts=["localhost"], tokens=TOKENS).application) as client:
            for host in HOSTS:
                answer = await client.get("/queues", headers={**VIEW, "host": host})
                assert answer.status_code == (200 if host == "localhost:99999" else 403), (host, answer.text)
        async with asking(admin(jobs, tokens=TOKENS).application) as client:
            for host in HOSTS:
                for path in ("/queues?a=b", "/api", "/access"):
                    for headers in (ROOT, {}):
                        answer = await client.get(path, headers={**headers, "host": host})
                        assert answer.status_code < 500, (host, path, answer.text)


@pytest.mark.once
async def test_what_came_of_an_action_fits_into_a_cookie(jobs: Jobs) -> None:
    """Browsers drop a cookie of 4,096 bytes, and the next page would say nothing."""
    name = "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 250
    async with jobs, asking(admin(jobs, tokens=TOKENS).application) as client:
        done = await client.post("/act/pause_queue", data={"queue": name, "next": "../queues"}, headers=ROOT)
        assert done.status_code == 303
        assert 0 < len(done.headers["set-cookie"]) < 4096
        assert "\N{CJK UNIFIED IDEOGRAPH-6F22}" in (await client.get("/audit", headers=ROOT)).text.partition("<main")[0]


async def test_every_page_shows_nothing_and_one_job(jobs: Jobs) -> None:
    async with jobs, asking(admin(jobs, tokens=TOKENS, explore=["x"]).application) as client:
        for one in (False, True):
            if one:
                jobs.declare("send")
                ref = await jobs.enqueue("send", 1)
                assert (await client.get(f"/job?id={ref.id}", headers=ROOT)).status_code == 200
            for path in PATHS:
                answer = await client.get(path, headers=ROOT)
                assert answer.status_code == 200, (path, answer.text)
                assert Markup(answer.text).scripts == []


@pytest.mark.once
@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../x", "/etc/passwd", "x" * 3000, "a\0b", ""])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(InvalidOption, match="there is no time zone"):
        make_settings({"time_zone": zone})
