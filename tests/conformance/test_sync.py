"""Code without an event loop enqueues, asks and waits like code with one: ``jobs.sync``."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dbjobs import InvalidOption, JobContext, Jobs, JobState, RefIdBusy, UnknownJob, WrongLoop
from dbjobs.store.transactions import enqueueing
from tests.conformance.callers import CALLERS
from tests.conformance.helpers import PATIENCE_SECONDS, whole_list
from tests.conformance.raw import Raw
from tests.conformance.sync_callers import SYNC_CALLERS, SYNC_HOLDERS
from tests.servers import Target


async def echo(request: Any) -> Any:
    return request


async def in_thread(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call it as an application without an event loop does."""
    return await asyncio.wait_for(asyncio.to_thread(partial(function, *arguments, **named)), PATIENCE_SECONDS)


async def test_it_does_what_a_client_does(jobs: Jobs) -> None:
    jobs.command(echo)

    def application() -> list[Any]:
        try:
            ref = jobs.sync.enqueue(echo, 1, ref_id="a", queue="new")
            again = jobs.sync.enqueue(echo, 1, ref_id="a")
            done = jobs.sync.wait(ref, timeout=PATIENCE_SECONDS)
            late = jobs.sync.enqueue_many(echo, [2, 3], run_after=3600)
            cancelled = jobs.sync.cancel(late[0], reason="no more")
            states = [found.state for one in late if (found := jobs.sync.get(one)) is not None]
            by_key = jobs.sync.get_by_ref_id("a")
            with pytest.raises(UnknownJob):
                jobs.sync.cancel(2**40)
            return [again.created, done.response, cancelled, states, by_key and by_key.id == ref.id]
        finally:
            jobs.sync.close()

    async with jobs.start():
        said = await in_thread(application)
        assert said == [False, 1, True, [JobState.CANCELLED, JobState.SCHEDULED], True]
        assert await in_thread(application) == said[:3] + said[3:], "it opens again after a close"


@pytest.mark.about_us
async def test_a_plain_handler_enqueues_children(jobs: Jobs) -> None:
    @jobs.command
    def plain(request: int, job: JobContext) -> int:
        return jobs.sync.enqueue(echo, request + 1).id

    jobs.command(echo)
    async with jobs.start():
        parent = await jobs.wait(await jobs.enqueue(plain, 1), timeout=PATIENCE_SECONDS)
        child = await jobs.wait(parent.response, timeout=PATIENCE_SECONDS)
        await in_thread(jobs.sync.close)
    assert (child.parent_id, child.response) == (parent.id, 2)


async def test_whatever_holds_the_connection_commits_and_rolls_back(jobs: Jobs, raw: Raw, target: Target) -> None:
    jobs.command(echo)
    for kind, opened in SYNC_HOLDERS[target.dialect].items():
        async with jobs, opened(raw) as caller:
            before = len(await whole_list(jobs))
            await caller.begin()
            await caller.execute(f"INSERT INTO note VALUES ('{kind}')")
            lost = await caller.enqueue(jobs, echo, 1, ref_id=kind)
            await caller.rollback()
            assert await jobs.get(lost) is None, kind
            await caller.begin()
            await caller.execute(f"INSERT INTO note VALUES ('{kind}')")
            ref = await caller.enqueue(jobs, echo, 1, ref_id=kind)
            many = await caller.enqueue_many(jobs, echo, range(120))
            assert await jobs.get(ref) is None, f"{kind}: visible before the commit"
            await caller.commit()
            assert len(await whole_list(jobs)) == before + 121, kind
            assert await jobs.get(many[-1]) is not None
    assert sorted(await raw.notes()) == sorted(SYNC_HOLDERS[target.dialect])


async def test_what_would_commit_at_once_is_refused(jobs: Jobs, raw: Raw, target: Target) -> None:
    """No ``begin()``, and a connection that does not begin by itself."""
    jobs.command(echo)
    kinds = {**SYNC_CALLERS[target.dialect], **SYNC_HOLDERS[target.dialect]}
    async with jobs:
        for kind in (
            "sync-psycopg-block",
            "sync-django-psycopg",
            "sync-django-sqlite3",
            "sync-mysqlclient",
            "sync-django-pymysql",
        ):
            if kind in kinds:
                async with kinds[kind](raw) as caller:
                    for _ in range(2):
                        with pytest.raises(InvalidOption, match="open transaction"):
                            await caller.enqueue(jobs, echo, 1)
                        await caller.begin()
                        await caller.commit()
        assert await whole_list(jobs) == []


@pytest.mark.dialect("postgres", "mysql")
async def test_a_ref_id_of_an_open_transaction_is_waited_for_and_then_busy(
    jobs: Jobs, raw: Raw, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    if target.is_pooled:
        pytest.skip("the drivers are the same")
    jobs.command(echo)
    monkeypatch.setattr(enqueueing, "REF_WAIT_SECONDS", 1.0)
    monkeypatch.setattr("dbjobs.store.mysql.callers.WAIT_SECONDS", 1.0)
    for opened in SYNC_CALLERS[target.dialect].values():
        async with jobs, opened(raw) as first, opened(raw) as second:
            await first.begin()
            await first.enqueue(jobs, echo, ref_id="r")
            await second.begin()
            with pytest.raises(RefIdBusy, match="'r'"):
                await second.enqueue(jobs, echo, ref_id="r")
            await second.rollback()
            await first.rollback()
            await second.begin()
            ref = await second.enqueue(jobs, echo, ref_id="r")
            await second.rollback()
            assert ref.created


@pytest.mark.dialect("sqlite")
async def test_the_first_call_may_come_in_a_transaction_that_has_written(jobs: Jobs, raw: Raw) -> None:
    """The tables are there: to open the file again needs no lock that the caller holds."""
    jobs.command(echo)
    async with jobs:
        pass
    async with SYNC_CALLERS["sqlite"]["sync-sqlite3"](raw) as caller:
        await caller.execute("INSERT INTO note VALUES ('mine')")
        began = time.monotonic()
        await caller.enqueue(jobs, echo, 1)
        assert time.monotonic() - began < 9, "it has waited for the lock that its own caller holds"
        await caller.commit()
    async with jobs:
        assert len(await whole_list(jobs)) == 1


async def test_each_side_names_the_other_for_the_other_s_connections(jobs: Jobs, raw: Raw, target: Target) -> None:
    jobs.command(echo)
    kinds = {**SYNC_CALLERS[target.dialect], **SYNC_HOLDERS[target.dialect]}
    async with jobs:
        for kind, opened in kinds.items():
            if kind == "sync-sqlite3":
                continue  # asynchronous code takes it as well
            async with opened(raw) as caller:
                with pytest.raises(InvalidOption, match=r"call jobs\.sync\.enqueue\(\.\.\., connection=\.\.\.\)"):
                    await jobs.enqueue(echo, connection=caller.given)
        for kind, opened in CALLERS[target.dialect].items():
            if kind != "sqlite3" and "statements" not in kind:
                async with opened(raw) as caller:
                    with pytest.raises(InvalidOption, match=r"await jobs\.enqueue\(\.\.\., connection=\.\.\.\)"):
                        await in_thread(jobs.sync.enqueue, echo, connection=caller.given)
        with pytest.raises(InvalidOption, match=r"connection= must be .*: int"):
            await in_thread(jobs.sync.enqueue, echo, connection=7)
        await in_thread(jobs.sync.close)


@pytest.mark.about_us
async def test_it_says_that_it_would_block_an_event_loop(jobs: Jobs) -> None:
    jobs.command(echo)
    for call, name in (
        (lambda: jobs.sync.enqueue(echo, 1), "enqueue"),
        (lambda: jobs.sync.enqueue_many(echo, [1]), "enqueue_many"),
        (lambda: jobs.sync.get(1), "get"),
    ):
        with pytest.raises(WrongLoop, match=rf"jobs\.sync\.{name}\(\) would block .* await jobs\.{name}\(\)"):
            call()


PROGRAM = """
import os, sys
from dbjobs import Jobs
jobs = Jobs(sys.argv[1])

@jobs.command
def echo(request: int) -> int:
    return request

jobs.sync.enqueue(echo, 1)
if hasattr(os, "fork"):
    child = os.fork()
    if child == 0:
        jobs.sync.enqueue(echo, 2)
        jobs.sync.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
jobs.sync.enqueue(echo, 3)
"""


@pytest.mark.about_us
@pytest.mark.process
async def test_it_ends_with_the_process_and_a_forked_one_has_its_own(jobs: Jobs, url: str) -> None:
    ended = await in_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", PROGRAM, url],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    async with jobs:
        assert len(await whole_list(jobs)) == 3
