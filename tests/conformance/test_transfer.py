"""All jobs move from one database to another: nothing is lost, nothing is changed, whatever dies on the way."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbjobs import Jobs, JobState
from dbjobs.errors import InvalidOption, JobsMoved, SchemaTooNew, SchemaTooOld, TransferMismatch, TransferRefused
from dbjobs.moving import Progress, copying, mover, reopen, transfer
from dbjobs.store.repository import moving
from dbjobs.store.sqlite.history import History
from tests.conformance.helpers import eventually, stop_heartbeat
from tests.moving_data import fill, register
from tests.servers import Target

pytestmark = pytest.mark.fresh


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with jobs of every kind in ``jobs.db``."""
    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(fill(folder / "jobs.db"))
    return folder


@pytest.fixture
def file(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(filled, tmp_path / "source")
    return tmp_path / "source" / "jobs.db"


@pytest.fixture
def source(file: Path) -> str:
    """The same as a URL."""
    return f"sqlite:///{file}"


def rows_in(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a file and of the files of its months, past the library: JSON by value, running jobs handed back."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for path in sorted(file.parent.glob(f"{file.stem}*.db")):
        with closing(sqlite3.connect(path)) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                if name.removeprefix("dbjobs_") not in _OWN and not name.startswith("sqlite_"):
                    key = f"{path.name.removeprefix(file.stem)} {name}"
                    found[key] = sorted(map(repr, _canonical(connection.execute(f"SELECT * FROM {name}"))))  # type: ignore[arg-type]
    return {name: rows for name, rows in found.items() if rows}


# What is not copied, or is copied as sums.
_OWN = {"schema_version", "transfer", "month_range", "job_batch"}
_HANDED_BACK = {"state": "queued", "node_id": None, "started_at": None, "progress": None, "status": None}


def _canonical(cursor: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
    names = [column[0] for column in cursor.description]
    for values in cursor:
        row = dict(zip(names, values, strict=True))
        if row.get("state") == "started":
            row |= _HANDED_BACK | {"attempt_base": row["attempt_base"] + 1}
        for name in ("errors", "args", "meta"):
            if isinstance(row.get(name), str):
                row[name] = json.dumps(json.loads(row[name]), sort_keys=True)
        if "worker" not in row or row.get("node_id") is None:  # but for lanes that a node held
            yield row


async def test_there_and_back_again_every_row_is_as_it_was(source: str, file: Path, url: str, tmp_path: Path) -> None:
    there = await transfer(source, url)
    back = await transfer(url, f"sqlite:///{tmp_path}/back.db")
    counts = {report.table: report.source_rows for report in there.tables}
    assert [name for name, count in counts.items() if count == 0] == []
    assert counts == {report.table: report.target_rows for report in back.tables}
    assert [report.source_checksum for report in there.tables] == [report.target_checksum for report in back.tables]
    assert rows_in(tmp_path / "back.db") == rows_in(file)


async def test_what_has_moved_goes_on_where_it_was(source: str, url: str) -> None:
    await transfer(source, url)
    jobs = Jobs(url)
    ran: list[tuple[int, str | None]] = []
    register(jobs, ran)
    async with jobs:
        known = {ref_id: await jobs.get_by_ref_id(ref_id) for ref_id in ("left behind", "due later", "failed-1")}
        left, later, failed = (job for job in known.values() if job is not None)
        assert (left.state, left.attempt, later.state, failed.state) == ("queued", 1, "scheduled", "failed")
        again = await jobs.enqueue("fail", ref_id="failed-1")
        assert (again.created, again.id) == (False, failed.id)
        new = await jobs.enqueue("work", {"n": 99})
        assert new.id > max(job.id for job in await jobs.list(limit=1000) if job.id != new.id)
        assert (await jobs.batch("b1")).total == 2  # type: ignore[union-attr]
        assert [task.name for task in await jobs.schedules.list()] == ["nightly"]
        async with jobs.start(concurrency=4):
            await jobs.queues.resume("later")

            async def all_done() -> bool:
                live = [job for job in await jobs.list(limit=1000) if not job.state.finished]
                return all(job.state is JobState.SCHEDULED for job in live)

            await eventually(all_done, "all that may run has run")
        for lane in range(3):
            own = await jobs.list(limit=1000, worker=f"lane {lane}")
            in_order = [job.id for job in sorted(own, key=lambda job: (job.priority, job.id))]
            assert [id for id, worker in ran if worker == f"lane {lane}"] == in_order
            assert len(in_order) == 4
        assert [job.state for job in await jobs.list(worker="blocked lane")] == [JobState.SCHEDULED]
        left_done = await jobs.get(left.id)
        assert left_done is not None
        assert (left_done.state, left_done.attempt) == (JobState.COMPLETED, 2)
        batch = await jobs.batch("b1")
        assert batch is not None
        assert (batch.total, batch.completed) == (2, 2)


class Killed(BaseException):
    """What a test raises in the middle of a transfer, which leaves everything as a crash would."""


async def test_whatever_page_it_dies_at_it_goes_on_there(
    source: str, file: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAGE_BYTES", 3000)
    sections: set[tuple[str, str]] = set()

    def dies_at_every_new_section(progress: Progress) -> None:
        section = (progress.table, progress.month)
        if progress.doing == "copying" and section not in sections:
            sections.add(section)
            raise Killed

    deaths = 0
    while True:
        try:
            done = await transfer(source, url, progress=dies_at_every_new_section)
            break
        except Killed:
            deaths += 1
    assert deaths == len(sections) > 15
    assert done.resumed
    await transfer(url, f"sqlite:///{tmp_path}/back.db")
    assert rows_in(tmp_path / "back.db") == rows_in(file)


async def test_nobody_opens_either_side_until_it_is_over_and_the_source_never(source: str, url: str) -> None:
    def dies(progress: Progress) -> None:
        if progress.table == "background_job":
            raise Killed

    with pytest.raises(Killed):
        await transfer(source, url, progress=dies)
    for marked, said in ((source, "are being moved to"), (url, "run 'dbjobs transfer' with the same two URLs again")):
        for migrate in (True, False):
            with pytest.raises(JobsMoved, match=said) as refused:
                async with Jobs(marked, migrate=migrate):
                    pass
            assert isinstance(refused.value, SchemaTooNew)
    await transfer(source, url)
    async with Jobs(url):
        pass
    with pytest.raises(JobsMoved, match=r"have been moved to .*: use that one.*dbjobs transfer --undo"):
        async with Jobs(source):
            pass
    with pytest.raises(TransferRefused, match=r"have been moved to .* already"):
        await transfer(source, url)
    await reopen(source)
    async with Jobs(source):
        pass
    with pytest.raises(TransferRefused, match="there is nothing to undo"):
        await reopen(source)
    with pytest.raises(TransferRefused, match="the target holds rows already, in job_queue"):
        await transfer(source, url)


async def test_two_at_once_end_as_one(source: str, file: Path, url: str, tmp_path: Path) -> None:
    results = await asyncio.gather(transfer(source, url), transfer(source, url), return_exceptions=True)
    assert [result for result in results if not isinstance(result, TransferRefused)] != [], results
    refusals = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(refusal, TransferRefused) for refusal in refusals), refusals
    await transfer(url, f"sqlite:///{tmp_path}/back.db")
    assert rows_in(tmp_path / "back.db") == rows_in(file)


@pytest.mark.once
async def test_it_refuses_to_run_beside_nodes_and_says_which(source: str, url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/other.db"
    for role, first, second in (("source", url, other), ("target", source, url)):
        jobs = Jobs(url)
        async with jobs.start():
            with pytest.raises(TransferRefused, match=rf"1 node\(s\) are alive on the {role} \(.+\): stop every"):
                await transfer(first, second)
        async with Jobs(source):  # and no mark is left behind
            pass


@pytest.mark.once
async def test_a_killed_node_counts_until_its_lease_is_over(source: str, url: str, tmp_path: Path) -> None:
    jobs = Jobs(url)
    async with jobs.start(lease_seconds=1.0):
        stop_heartbeat(jobs._client.engine)  # type: ignore[arg-type]
        with pytest.raises(TransferRefused, match="until its lease has run out"):
            await transfer(url, f"sqlite:///{tmp_path}/other.db")

        async def goes() -> bool:
            try:
                await transfer(url, f"sqlite:///{tmp_path}/other.db")
            except TransferRefused:
                return False
            return True

        await eventually(goes, "the lease runs out")


@pytest.mark.once
async def test_a_target_with_jobs_is_refused(source: str, url: str) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("work")
        await jobs.enqueue("work", ref_id="mine")
    with pytest.raises(TransferRefused, match="the target holds rows already, in job_"):
        await transfer(source, url)
    async with Jobs(source):
        pass


async def test_another_schema_of_the_same_database_is_another_target(url: str, target: Target) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("work")
        ref = await jobs.enqueue("work", {"n": 1})
    with pytest.raises(TransferRefused, match="source and target are the same"):
        await transfer(url, url)
    await transfer(url, url, target_schema="other")
    async with Jobs(url, schema="other") as jobs:
        job = await jobs.get(ref)
        assert job is not None
        assert job.request == {"n": 1}


@pytest.mark.once
async def test_what_stays_behind_is_named_and_kept_to(source: str, url: str, tmp_path: Path) -> None:
    def dies(progress: Progress) -> None:
        raise Killed

    with pytest.raises(Killed):
        await transfer(source, url, without=["requests", "history", "logs", "statistics"], progress=dies)
    with pytest.raises(TransferRefused, match="was begun with --without history --without logs"):
        await transfer(source, url)
    with pytest.raises(TransferRefused, match="go on with that target"):
        await transfer(source, f"sqlite:///{tmp_path}/elsewhere.db")
    done = await transfer(source, url, without=["statistics", "logs", "history", "requests"])
    assert {"completed_job", "job_log", "job_stat", "request_log"}.isdisjoint(report.table for report in done.tables)
    async with Jobs(url) as jobs:
        assert await jobs.list(history_only=True) == []
        assert len(await jobs.list(limit=1000)) > 50


async def test_new_jobs_get_no_id_of_a_history_that_stays_behind(tmp_path: Path, url: str) -> None:
    old = Jobs(f"sqlite:///{tmp_path}/old.db")
    register(old)
    async with old:
        waits = await old.enqueue("work", {"n": 0}, run_after=3600)
        async with old.start():
            ended = [await old.enqueue("work", {"n": n}, ref_id=f"ended {n}") for n in range(3)]
            last = await old.enqueue("work", {"n": 3})
            for ref in (*ended, last):
                await old.wait(ref, timeout=60)
    done = await transfer(f"sqlite:///{tmp_path}/old.db", url, without=["history"])
    # Logs go where the history goes: MySQL tells the moment of a line's job by the job.
    assert {"completed_job", "failed_job", "job_log"}.isdisjoint(report.table for report in done.tables)
    jobs = Jobs(url)
    register(jobs)
    async with jobs:
        assert [job.id for job in await jobs.list()] == [waits.id]
        new = await jobs.enqueue("work", {"n": 4})
        assert new.id > last.id
        # What has ended is known by its ref_id, and is no other job.
        again = await jobs.enqueue("work", {"n": 0}, ref_id="ended 0")
        assert (again.created, again.id) == (False, ended[0].id)
        assert await jobs.get(again) is None
    # Nor from there on, where the keys are all that is left of it.
    await transfer(url, f"sqlite:///{tmp_path}/third.db", without=["history"])
    third = Jobs(f"sqlite:///{tmp_path}/third.db")
    register(third)
    async with third:
        assert (await third.enqueue("work", {"n": 5})).id > new.id


@pytest.mark.once
async def test_who_writes_meanwhile_is_found_out(source: str, file: Path, url: str) -> None:
    def writes(progress: Progress) -> None:
        if progress.doing == "comparing":
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("UPDATE dbjobs_background_job SET priority = 77 WHERE ref_id = 'due later'")
                connection.commit()

    with pytest.raises(
        TransferMismatch, match=r"rows of background_job: 65 on the source, 65 on the target, not the same"
    ) as told:
        await transfer(source, url, progress=writes)
    assert [report.table for report in told.value.reports if not report.is_equal] == ["background_job"]
    with pytest.raises(JobsMoved):  # the target is not opened on an unequal copy
        async with Jobs(url):
            pass


@pytest.mark.dialect("postgres", "mysql", "sqlserver")
async def test_a_row_that_the_target_cannot_store_is_named(source: str, file: Path, url: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "UPDATE dbjobs_background_job SET tag = char(0) || ? WHERE ref_id = 'due later'", ("x" * 300,)
        )
        (id,) = connection.execute("SELECT id FROM dbjobs_background_job WHERE ref_id = 'due later'").fetchone()
        connection.commit()
        with pytest.raises(TransferRefused, match=f"cannot store the row of background_job with id {id}: .*"):
            await transfer(source, url)
        connection.execute("UPDATE dbjobs_background_job SET tag = NULL WHERE ref_id = 'due later'")
        connection.commit()
    assert (await transfer(source, url)).resumed


async def test_pages_are_bounded_by_bytes(source: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    read_page = moving.read_page

    async def measured(*arguments: Any, **named: Any) -> moving.Page:
        page = await read_page(*arguments, **named)
        sizes.append(sum(len(value) for row in page.rows for value in row if isinstance(value, str)))
        return page

    await transfer(source, url)
    async with Jobs(url) as jobs:
        jobs.declare("work")
        await jobs.enqueue_many("work", [{"pad": "y" * 50_000} for _ in range(20)])
    monkeypatch.setattr(copying, "PAGE_BYTES", 120_000)
    monkeypatch.setattr(moving, "read_page", measured)
    await transfer(url, url, target_schema="other")
    assert 100_000 < max(sizes) < 150_000


@pytest.mark.once
@pytest.mark.dialect("sqlite")
async def test_ended_jobs_that_stay_in_the_main_file_are_told_of(
    source: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(History, "archive", lambda *_: False)
    monkeypatch.setattr(mover, "SETTLE_SECONDS", 0.3)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO dbjobs_requeued_job VALUES (1, '2026-01-01 00:00:00.000')")
        connection.commit()
    with pytest.raises(TransferRefused, match="have not been copied to the files of their months"):
        await transfer(source, f"sqlite:///{tmp_path}/other.db")


@pytest.mark.once
async def test_wrong_use_is_refused_with_one_clear_error(source: str, tmp_path: Path) -> None:
    missing = f"sqlite:///{tmp_path}/missing.db"
    with pytest.raises(TransferRefused, match="the source does not exist: there is no file"):
        await transfer(missing, source)
    with pytest.raises(TransferRefused, match="the source has no tables of dbjobs in schema 'nothing'"):
        await transfer(source, missing, source_schema="nothing")
    path = source.removeprefix("sqlite:///")
    with pytest.raises(TransferRefused, match="source and target are the same"):
        await transfer(source, f"sqlite:///{Path(path).parent}/../source/jobs.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM dbjobs_schema_version WHERE version > 4")
        connection.commit()
    with pytest.raises(SchemaTooOld, match="run 'dbjobs migrate'"):
        await transfer(source, missing)
    with pytest.raises(InvalidOption, match="without='queue' is not one of requests, history, logs, statistics"):
        await transfer(source, missing, without=["queue"])  # type: ignore[list-item]
