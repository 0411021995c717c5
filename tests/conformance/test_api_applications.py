"""Whole applications as jobs: the same status, body and effects as for a client. They depend on no database."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from dbjobs import Job, Jobs
from dbjobs.asgi import exchange
from tests.conformance.api_apps import SAMPLES, Call, effects

pytestmark = pytest.mark.once

# Each is in one place only: what the client and the server agree on for the way, and what we do not keep.
NOT_COMPARED = {"date", "server", "set-cookie", "content-length", "transfer-encoding", "content-encoding", "vary"}
KEPT_OF_A_FAILURE = 4000


async def as_client(app: Any, call: Call) -> tuple[int, bytes, dict[str, str]]:
    """What a client gets."""
    how = dict(call.how)
    renamed = {"form": "data", "body": "content", "query": "params"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.request(
            call.method, call.path, **{renamed.get(name, name): value for name, value in how.items()}
        )
    return answer.status_code, answer.content, dict(answer.headers.items())


def as_job(job: Job[Any]) -> tuple[int | None, bytes]:
    """What a job got: its response if it completed, else what its error list keeps."""
    if job.response is not None:
        return job.response.status, job.response.body
    return job.errors[-1].status, (job.errors[-1].body or "").encode()


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_job_gets_what_a_client_gets_and_has_the_same_effects(url: str, name: str) -> None:
    jobs = Jobs(url, retry_limit=0)
    sample = SAMPLES[name]()
    jobs.mount_api(sample.app)
    async with jobs.start():
        for call in sample.calls:
            effects.clear()
            status, body, headers = await as_client(sample.app, call)
            by_client = list(effects)
            effects.clear()
            job = await jobs.wait(await jobs.enqueue_api(call.method, call.path, **call.how), timeout=20)
            what = f"{call}: {job.error}"
            assert as_job(job) == (status, body if job.response is not None else body[:KEPT_OF_A_FAILURE]), what
            assert effects == by_client, what
            assert (job.state == "completed") == (status < 400), what
            if job.response is not None:
                got = dict(job.response.headers)
                wanted = {key: value for key, value in headers.items() if key not in NOT_COMPARED}
                assert {key: value for key, value in got.items() if key not in NOT_COMPARED} == wanted, what


def test_there_are_twenty_fastapi_routes() -> None:
    calls = SAMPLES["fastapi"]().calls
    assert len({(call.method, call.path) for call in calls}) >= 20


async def test_a_stream_over_the_limit_fails_the_job_and_one_that_is_not_kept_does_not(url: str) -> None:
    jobs = Jobs(url, max_payload_bytes=5000)
    app = FastAPI()
    jobs.mount_api(app)
    ended: list[str] = []

    @app.get("/stream/{name}")
    async def stream(name: str) -> StreamingResponse:
        async def chunks() -> Any:
            try:
                for _ in range(200):
                    yield b"x" * 100
                ended.append(f"{name} all")
            except BaseException:
                ended.append(f"{name} cut")
                raise

        return StreamingResponse(chunks())

    @app.get("/unkept/{name}")
    @jobs.api_options(keep_body=False)
    async def unkept(name: str) -> StreamingResponse:
        return await stream(name)

    async with jobs.start():
        cut = await jobs.wait(await jobs.enqueue_api("GET", "/stream/a"), timeout=20)
        whole = await jobs.wait(await jobs.enqueue_api(unkept, name="b"), timeout=20)
    assert (cut.state, cut.error_code, cut.attempt) == ("failed", "PayloadTooLarge", 1)
    assert (whole.state, whole.response.status, whole.response.body) == ("completed", 200, b"")
    assert ended[-1] == "b all"
    assert "a all" not in ended


async def test_a_plain_route_that_blocks_its_thread_costs_nobody_else(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "DISCONNECT_SECONDS", 0.05)
    jobs = Jobs(url, retry_limit=0)
    app = FastAPI()
    jobs.mount_api(app)
    released = threading.Event()

    @app.get("/block")
    def block() -> None:
        released.wait(60)

    @app.get("/other")
    async def other() -> str:
        return "fine"

    async with jobs.start(concurrency=1, unresponsive_seconds=0.2):
        try:
            blocked = await jobs.enqueue_api("GET", "/block", timeout=0.1)
            fine = await jobs.enqueue_api("GET", "/other")
            assert (await jobs.wait(fine, timeout=30)).response.json() == "fine"
            assert (await jobs.wait(blocked, timeout=30)).error_code == "timeout"
        finally:
            released.set()
