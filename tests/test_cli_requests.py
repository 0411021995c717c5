"""`dbjobs requests`: what it lists, tells and sums up, and what it says to a wrong option."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dbjobs import Jobs
from dbjobs.cli.app import app
from dbjobs.cli.requests import since, slow
from dbjobs.errors import InvalidOption
from dbjobs.requestlog import RequestLog
from tests.request_application import application, ask

pytestmark = pytest.mark.once


class Requests:
    """The command in this process: it prints the same, and starts ten times as fast."""

    def __init__(self, url: str) -> None:
        self._environment = {"DBJOBS_URL": url}

    def __call__(self, *arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, ["requests", *arguments], env=self._environment)
        if isinstance(done.exception, InvalidOption):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    def lines(self, *arguments: str) -> list[Any]:
        return [json.loads(line) for line in self(*arguments, "--json").stdout.splitlines()]


@pytest.fixture
def requests(tmp_path: Path) -> Requests:
    url = f"sqlite:///{tmp_path}/jobs.db"

    async def fill() -> None:
        log = RequestLog(application, jobs=Jobs(url))
        for path in ("/items/ann", "/items/bob", "/boom/ann", "/nothing/x"):
            await ask(log, path)
        await log.close()

    asyncio.run(fill())
    return Requests(url)


def test_requests_are_listed_told_and_summed_up(requests: Requests) -> None:
    head, *lines = requests().stdout.splitlines()
    assert head.split()[:3] == ["ID", "TIME", "(UTC)"]
    assert [line.split()[5] for line in lines] == [
        "/nothing/x?a=1", "/boom/ann?a=1", "/items/bob?a=1", "/items/ann?a=1",
    ]  # fmt: skip
    assert "RuntimeError" in lines[1]
    [failed] = requests.lines("--status", "5xx", "--user", "ann", "--method", "get", "--since", "1h")
    assert (failed["path"], failed["status"]) == ("/boom/ann", 500)
    assert requests.lines("--slow", "60s") == []
    assert requests("--ip", "9.9.9.9").stdout == "no requests\n"
    before = requests("-n", "3").stderr.split()[-1]
    assert [line["path"] for line in requests.lines("--before", before)] == ["/items/ann"]

    [shown] = requests.lines("show", failed["id"])
    assert "in application" in shown["more"]["traceback"]
    assert "/boom/ann" in requests("show", failed["id"]).stdout
    assert "there is no request" in requests("show", "20200101T000000.000000-1", code=1).stderr

    head, *lines = requests("stats").stdout.splitlines()
    assert head.split()[:2] == ["NAME", "REQUESTS"]
    assert [line.split()[:2] for line in lines if line.startswith("/items")] == [["/items/{user}", "2"]]
    stats = requests.lines("stats", "--by", "status", "--user", "ann")
    assert {stat["name"]: stat["requests"] for stat in stats} == {"200": 1, "500": 1}
    assert requests("stats", "--by", "bot").stdout == "no requests\n"


def test_a_wrong_option_is_named(requests: Requests) -> None:
    with pytest.raises(InvalidOption, match="status='5x' must be a code such as 404, or a class"):
        requests("--status", "5x")
    with pytest.raises(InvalidOption, match="of one user there are sums by route, key"):
        requests("stats", "--by", "bot", "--user", "ann")
    assert "'yesterday' is not a duration" in requests("--since", "yesterday", code=2).stderr


def test_durations_are_read() -> None:
    assert slow("250ms") == timedelta(milliseconds=250)
    assert slow("1.5s") == timedelta(seconds=1.5)
    assert since("2h") == timedelta(hours=2)
    assert since("2031-05-01T08:00") == datetime(2031, 5, 1, 8)
    for read, text in ((slow, "much"), (since, "yesterday"), (since, "2031-05-99")):
        with pytest.raises(typer.BadParameter, match=r"duration|neither how long ago"):
            read(text)
