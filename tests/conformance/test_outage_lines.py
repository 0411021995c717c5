"""An outage of the database is told when it begins and when it ends, and not by everyone who meets it."""

from __future__ import annotations

import pytest

from dbjobs import DatabaseUnavailable, JobContext, Jobs, JobState
from dbjobs.engine.resilience import Outages
from tests.conformance.helpers import Gate, eventually
from tests.servers.proxy import Proxy

pytestmark = [
    pytest.mark.dialect("postgres", "mysql"),
    # A connection that is cut off is dropped, not closed: its socket may say so when it is collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def test_an_outage_is_one_line_for_each_change_whatever_fails_meanwhile(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All loops of a node, its heartbeat, outcomes, reports and callers meet it; the log tells of it once."""
    failures: list[str] = []
    failed = Outages.failed

    def count(self: Outages, name: str, error: Exception) -> None:
        failures.append(name)
        failed(self, name, error)

    monkeypatch.setattr(Outages, "failed", count)
    with Proxy(url) as proxy:
        await have_an_outage(proxy, Jobs(proxy.url(url)), caplog, failures)


async def have_an_outage(proxy: Proxy, jobs: Jobs, caplog: pytest.LogCaptureFixture, failures: list[str]) -> None:
    gate = Gate()

    @jobs.command(name="long")
    async def long(job: JobContext) -> None:
        await gate()
        job.log("a line for the database")
        job.progress(0.5)

    async with jobs.start():
        ref = await jobs.enqueue("long")
        await gate.wait_entered()
        caplog.clear()
        proxy.cut(refuse=True)
        gate.open()
        with pytest.raises(DatabaseUnavailable):
            await jobs.enqueue("long")
        await eventually(
            lambda: len(failures) > 20 and len(set(failures)) > 3, "several loops fail again and again", timeout=40
        )
        proxy.restore()
        assert (await jobs.wait(ref, timeout=30)).state is JobState.COMPLETED
        await eventually(lambda: "answers again" in caplog.text, "the end of the outage is told", timeout=40)
        told = [record.getMessage() for record in caplog.records if record.name.startswith("dbjobs")]
    assert len(told) == 2, told
    assert told[0].startswith("no database (")
    assert told[1].startswith("the database answers again after ")
