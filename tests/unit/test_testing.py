"""dbjobs.testing: a database for a test, time that stands still, what was enqueued, the fixture for pytest."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dbjobs import Backoff, InvalidOption, JobContext, Jobs, JobState, NotRunning, Schedule, UnknownCommand
from dbjobs.testing import assert_enqueued, assert_not_enqueued, drain, frozen_time, temporary_database
from tests.conformance.helpers import state_of

ROOT = Path(__file__).parents[2]
NEW_YEAR = datetime(2031, 1, 1, tzinfo=UTC)


@dataclass
class Mail:
    to: str
    subject: str = ""


def is_there(path: Path) -> bool:
    return path.exists()


# --- a database for a test ----------------------------------------------------------------------------


async def test_an_applications_jobs_get_a_database_and_go_back() -> None:
    jobs = Jobs("postgresql://nobody@never-asked.invalid/db")

    @jobs.command
    async def send(request: Mail) -> str:
        return request.to

    with temporary_database(jobs) as url:
        path = Path(url.removeprefix("sqlite:///"))
        assert jobs.url == url
        async with jobs:
            await jobs.queues.pause("other")
            await jobs.enqueue(send, Mail("a"))
            assert [job.response for job in await drain(jobs)] == ["a"]
            refused = pytest.raises(InvalidOption, match="cannot change its database: leave its block first")
            with refused, temporary_database(jobs):
                pass
        assert is_there(path)
    assert not is_there(path.parent)
    assert jobs.url.startswith("postgresql://")
    with pytest.raises(NotRunning):
        await jobs.enqueue(send, Mail("a"))
    with temporary_database(jobs):  # an empty one again
        async with jobs:
            assert await jobs.list() == []


# --- time ---------------------------------------------------------------------------------------------


async def test_a_retry_and_a_delayed_job_are_due_when_the_clock_says_so(jobs: Jobs) -> None:
    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=60, jitter=0))
    async def send(request: Mail, job: JobContext) -> str:
        if job.attempt == 1 and request.to == "again":
            raise ConnectionError
        return request.to

    with frozen_time(jobs, NEW_YEAR) as clock:
        async with jobs:
            again = await jobs.enqueue(send, Mail("again"))
            later = await jobs.enqueue(send, Mail("later"), run_after=timedelta(hours=1))
            then = await jobs.enqueue(send, Mail("then"), run_after=NEW_YEAR + timedelta(days=40))
            dies = await jobs.enqueue(send, Mail("dies"), queue="paused", expires_after=timedelta(minutes=5))
            await jobs.queues.pause("paused")
            [tried] = await drain(jobs)
            assert (tried.id, tried.state) == (again.id, JobState.SCHEDULED)
            assert tried.created_at == NEW_YEAR
            assert tried.run_after == NEW_YEAR + timedelta(seconds=60)
            clock.move(59)
            assert await drain(jobs) == []
            clock.move(1)
            [done] = await drain(jobs)
            assert (done.state, done.completed_at) == (JobState.COMPLETED, NEW_YEAR + timedelta(seconds=60))
            assert await state_of(jobs, dies) is JobState.QUEUED
            clock.move(timedelta(minutes=59))
            assert clock.now == NEW_YEAR + timedelta(hours=1)
            assert [job.id for job in await drain(jobs)] == [later.id]
            assert await state_of(jobs, dies) is JobState.CANCELLED
            clock.move_to(NEW_YEAR + timedelta(days=40))
            assert [job.id for job in await drain(jobs)] == [then.id]
    with pytest.raises(InvalidOption, match="this clock is not frozen any more"):
        clock.move(1)


async def test_workers_that_run_see_the_clock_move_and_keep_their_lease(jobs: Jobs) -> None:
    @jobs.command
    async def work() -> None: ...

    async with jobs.start(lease_seconds=1) as engine:
        node = engine.node_id
        with frozen_time(jobs) as clock:  # a temporary database may be open already
            ref = await jobs.enqueue(work, run_after=timedelta(days=1))
            assert await state_of(jobs, ref) is JobState.SCHEDULED
            clock.move(timedelta(days=2))
            done = await jobs.wait(ref, timeout=30)
            assert done.completed_at == clock.now.replace(microsecond=clock.now.microsecond // 1000 * 1000)
        assert engine.node_id == node
        job = await jobs.get(await jobs.enqueue(work))
        assert job is not None
        assert abs((job.created_at - datetime.now(UTC)).total_seconds()) < 60  # it runs again


async def test_a_scheduled_task_fires_when_the_clock_says_so(jobs: Jobs) -> None:
    @jobs.recurring(Schedule.cron("0 9 * * *", tz="Europe/Paris"), name="report")
    @jobs.command
    async def report() -> None: ...

    nine = NEW_YEAR + timedelta(hours=8)  # in Paris
    with frozen_time(jobs, NEW_YEAR) as clock:
        async with jobs:
            assert await drain(jobs) == []  # it is stored when workers start for the first time
            clock.move_to(nine - timedelta(seconds=1))
            assert await drain(jobs) == []
            for day in range(2):
                clock.move_to(nine + timedelta(days=day))
                [job] = await drain(jobs)
                assert (job.command, job.state, job.created_at) == ("report", JobState.COMPLETED, clock.now)


def test_time_is_frozen_where_that_can_be_done() -> None:
    elsewhere = frozen_time(Jobs("mysql://nobody@never-asked.invalid/db"))
    with pytest.raises(InvalidOption, match="the time of mysql is its server's; run the test on SQLite"), elsewhere:
        pass
    with temporary_database() as url:
        naive = frozen_time(Jobs(url), datetime(2031, 1, 1))
        with pytest.raises(InvalidOption, match="must have a time zone"), naive:
            pass
        refused = pytest.raises(InvalidOption, match="the time of this database is frozen already")
        with frozen_time(Jobs(url)), refused, frozen_time(Jobs(url)):
            pass


async def test_a_file_of_the_applications_own_is_frozen_before_it_is_opened(tmp_path: Path) -> None:
    jobs = Jobs(f"sqlite:///{(tmp_path / 'own.db').as_posix()}")

    @jobs.command
    async def work() -> None: ...

    async with jobs:
        refused = pytest.raises(InvalidOption, match="the database is open already: freeze the time before")
        with refused, frozen_time(jobs):
            pass
    with frozen_time(jobs, NEW_YEAR):
        async with jobs:
            job = await jobs.get(await jobs.enqueue(work))
    assert job is not None
    assert job.created_at == NEW_YEAR


# --- what was enqueued --------------------------------------------------------------------------------


@pytest.fixture
def mailing(jobs: Jobs) -> Jobs:
    @jobs.command
    async def send(request: Mail) -> str:
        return request.to

    @jobs.command
    async def other() -> None: ...

    return jobs


async def test_what_was_enqueued_is_found_by_its_parts(mailing: Jobs) -> None:
    jobs = mailing
    at = datetime(2031, 5, 1, tzinfo=UTC)
    async with jobs:
        parent = await jobs.enqueue("other")
        ref = await jobs.enqueue(
            "send", Mail("a", "x"), tag="t", queue="q", priority=5, worker="w", ref_id="r", batch_id="b", user_id="u",
            timeout=timedelta(minutes=1), run_after=at, depends_on=parent, args={"a": "b"}, meta={"m": 1},
            callback="other", expires_after=90,
        )  # fmt: skip
        await jobs.enqueue("send", Mail("b"), run_after=timedelta(hours=1))
        for found in (
            await assert_enqueued(
                jobs, "send", request={"to": "a", "subject": "x"}, tag="t", queue="q", priority=5, worker="w",
                ref_id="r", batch_id="b", user_id="u", timeout=60, run_after=at, depends_on=parent.id, args={"a": "b"},
                meta={"m": 1}, callback="other", expires_after=timedelta(seconds=90), parent_id=None,
            ),
            await assert_enqueued(jobs, "send", request=Mail("a", "x"), count=1),
            await assert_enqueued(jobs, "send", where=lambda job: job.tag == "t"),
        ):  # fmt: skip
            assert found.id == ref.id
        await assert_enqueued(jobs, "send", count=2)
        await assert_enqueued(jobs, "send", run_after=timedelta(hours=1), tag=None, count=1)
        for different in (
            {"request": Mail("a")}, {"tag": "u"}, {"queue": "default", "request": Mail("a", "x")}, {"timeout": 61},
            {"run_after": at + timedelta(seconds=5)}, {"run_after": timedelta(hours=2)}, {"args": {}, "tag": "t"},
            {"depends_on": [parent, ref]}, {"expires_after": 80}, {"run_after": None},
        ):  # fmt: skip
            await assert_not_enqueued(jobs, "send", **different)
        await drain(jobs)
        await assert_enqueued(jobs, "other")  # whatever became of it


async def test_a_failed_assertion_shows_what_there_is_instead(mailing: Jobs) -> None:
    jobs = mailing
    async with jobs:
        with pytest.raises(AssertionError, match="of this command there is none; enqueued were: none at all"):
            await assert_enqueued(jobs, "send")
        await jobs.enqueue("other")
        await jobs.enqueue("other")
        with pytest.raises(AssertionError) as none:
            await assert_enqueued(jobs, "send", request=Mail("a"))
        one = await jobs.enqueue("send", Mail("b"), tag="x")
        with pytest.raises(AssertionError) as another:
            await assert_enqueued(jobs, "send", request=Mail("a"), tag="y")
        with pytest.raises(AssertionError) as several:
            await assert_enqueued(jobs, "other", count=3)
        with pytest.raises(AssertionError) as there:
            await assert_not_enqueued(jobs, "send", tag="x")
        with pytest.raises(InvalidOption, match="assert_enqueued: unknown option 'tga'; did you mean 'tag'"):
            await assert_enqueued(jobs, "send", tga="x")  # type: ignore[call-arg]
        with pytest.raises(InvalidOption, match="a stored job does not tell its option 'on_failure'"):
            await assert_enqueued(jobs, "send", on_failure="skip")
        with pytest.raises(UnknownCommand, match="did you mean 'send'"):
            await assert_enqueued(jobs, "sent")
    wanted = "send, request={'to': 'a', 'subject': ''}"
    assert str(none.value) == (
        f"no job was enqueued: {wanted}\nof this command there is none; enqueued were: other (2)"
    )
    told = f"job {one.id} (queued): request={{'to': 'b', 'subject': ''}}, tag='x'"
    assert str(another.value) == (
        f"no job was enqueued: {wanted}, tag='y'\nof this command there are:\n  {told}   <- request, tag differ"
    )
    assert str(several.value).startswith("2, not 3, jobs were enqueued: other")
    assert str(there.value) == f"1 was enqueued: send, tag='x'\n  {told}"


# --- pytest -------------------------------------------------------------------------------------------


def test_the_plugin_is_named_where_pytest_looks_for_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"dbjobs": "dbjobs.testing.pytest_plugin"}


def test_the_fixture_puts_an_application_on_a_database_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent(
            """
            import pytest
            from dbjobs import Jobs
            from dbjobs.testing import assert_enqueued, drain

            jobs = Jobs("postgresql://nobody@never-asked.invalid/db")

            @jobs.command
            async def add(numbers: list[int]) -> int:
                return sum(numbers)

            @pytest.mark.anyio
            @pytest.mark.parametrize("turn", [1, 2])
            async def test_add(dbjobs_testing, turn):
                async with dbjobs_testing(jobs) as mine:
                    assert mine is jobs
                    assert await jobs.list() == []
                    await jobs.enqueue(add, [1, 2])
                    await assert_enqueued(jobs, add, request=[1, 2])
                    assert [job.response for job in await drain(jobs)] == [3]
                assert jobs.url.startswith("sqlite:")

            def test_afterwards():
                assert jobs.url.startswith("postgresql:")

            @pytest.fixture
            def anyio_backend():
                return "asyncio"
            """
        )
    )
    # By its name, and not by the entry point: there is one only where the package was installed.
    plugin = ["-p", "anyio", "-p", "dbjobs.testing.pytest_plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", *plugin, str(tmp_path)],
        cwd=tmp_path,
        env=_with_dbjobs(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_pytest_is_not_needed() -> None:
    program = "import sys; sys.modules['pytest'] = None; import dbjobs.testing"
    subprocess.run([sys.executable, "-c", program], env=_with_dbjobs(), timeout=60, check=True)


def _with_dbjobs() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
