"""`dbjobs admin`: real processes that serve the page, and end when they are told to."""

from __future__ import annotations

import re
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest

from dbjobs import Jobs
from dbjobs.admin.serving import CannotListen, options, serve
from dbjobs.cli.app import app
from dbjobs.cli.failures import run_app
from tests.cli import Cli, Running
from tests.servers.processes import Spawn

pytestmark = [pytest.mark.process, pytest.mark.once]
TOKEN = "correct-horse-battery"
# On a quiet machine it takes about four seconds; this one may run other tests beside it.
DEMO_SECONDS = 45


def _address(running: Running) -> str:
    found = re.search(r"http://\S+", running.line_with("The admin page is at"))
    assert found is not None
    return found[0]


def _get(address: str, token: str | None = None) -> tuple[int, str]:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _stop(running: Running) -> None:
    running.process.send_signal(signal.SIGTERM)
    assert running.end() == 0, "".join(running.seen)
    assert "Traceback" not in "".join(running.seen)


def test_a_token_opens_the_page_of_an_application_for_reading(tmp_path: Path, spawn: Spawn) -> None:
    running = Cli(tmp_path, None, spawn).start(
        "admin", "--app", "myapp:jobs", "--port", "0", "--token", TOKEN, "--read-only"
    )
    address = _address(running)
    assert TOKEN not in "".join(running.seen)
    assert _get(f"{address}api/queues")[0] == 401
    assert _get(f"{address}api/queues", "wrong-horse-battery")[0] == 401
    assert _get(f"{address}api/queues", TOKEN)[0] == 200
    page = _get(f"{address}queues", TOKEN)[1]
    assert "You may view" in page
    _stop(running)


def test_what_would_let_others_in_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert _refused(capsys, "--host", "0.0.0.0") == (
        2,
        "dbjobs: --host 0.0.0.0: other machines could come in; give --token SECRET (or set DBJOBS_ADMIN_TOKEN), "
        "or listen at 127.0.0.1\n",
    )
    code, told = _refused(capsys, "--token", "short", "--url", "sqlite:///unused.db")
    assert (code, "a token must be a text of at least 16" in told) == (2, True)
    code, told = _refused(capsys, "--demo", "--app", "myapp:jobs")
    assert (code, "the demo has a database of its own" in told) == (2, True)


async def test_read_only_shows_everything_and_changes_nothing(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path / 'jobs.db'}")
    page = jobs.admin(**options([], read_only=True))
    async with jobs:
        for peer, code in (("127.0.0.1", 200), ("203.0.113.7", 401)):
            transport = httpx.ASGITransport(page, client=(peer, 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                assert (await client.get("/api/queues")).status_code == code
                if code == 200:
                    token = re.search(r'name="dbjobs-token" content="([^"]+)"', (await client.get("/queues")).text)
                    assert token is not None
                    headers = {"origin": "http://localhost", "x-dbjobs-token": token[1]}
                    paused = await client.post("/api/queues/pause", json={"queue": "default"}, headers=headers)
                    assert paused.status_code == 403, paused.text
                    assert "may not admin here" in paused.text


async def test_an_address_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as told:
            await serve(None, "127.0.0.1", port, print)
    assert str(told.value).startswith(f"cannot listen at 127.0.0.1, port {port}: ")
    assert str(told.value).endswith("(choose another with --port)")


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and what is told, in this process: it ends before anything is opened."""
    code = run_app(lambda: app(["admin", *arguments]))
    return code, capsys.readouterr().err


def test_the_demo_opens_filled_and_goes_on(tmp_path: Path, spawn: Spawn) -> None:
    began = time.monotonic()
    running = Cli(tmp_path, None, spawn).start("admin", "--demo", "--port", "0")
    file = re.search(r"The demo's database, (\S+), is removed", running.line_with("The demo's database"))
    address = _address(running)
    status, page = _get(f"{address}queues")
    took = time.monotonic() - began
    assert took < DEMO_SECONDS
    assert status == 200
    for queue in ("mail", "images", "newsletter", "imports"):
        assert queue in page
    assert "paused" in page
    assert file is not None
    assert Path(file[1]).exists()
    with urllib.request.urlopen(f"{address}live", timeout=20) as stream:  # a page that is open keeps nothing running
        assert stream.read(1)
        _stop(running)
    assert not Path(file[1]).parent.exists()
