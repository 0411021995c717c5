"""SQLite: threads outlive every error, a transaction that pauses gives the file back, and a full disk is got over."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from dbjobs import Jobs, JobState
from dbjobs.errors import DatabaseError, DatabaseUnavailable, TransactionConflict
from dbjobs.store import repository
from dbjobs.store.sqlite import transaction
from dbjobs.store.sqlite import writer as sqlite_writer
from dbjobs.store.sqlite.database import SqliteDatabase
from dbjobs.store.sqlite.errors import translate
from dbjobs.store.sqlite.others import OtherCommits
from dbjobs.store.transactions import migrate
from dbjobs.store.transactions.retrying import in_transaction
from tests.conformance.helpers import eventually, wait_all

pytestmark = pytest.mark.dialect("sqlite")

VOLUME_BYTES = 8 << 20


@pytest.fixture
async def db(url: str) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(url)
    await database.open()
    await migrate.migrate(database)
    yield database
    await database.close()


def failing(code: int, words: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_ERROR])
async def test_the_writer_outlives_a_look_at_the_file_that_fails(
    db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    look, failures, good = OtherCommits.look, [code] * 3, 0

    def fail_at_first(others: OtherCommits) -> int:
        nonlocal good
        if failures:
            raise failing(failures.pop(), "disk I/O error")
        seen = look(others)
        good += 1
        return seen

    notices: list[str] = []
    listens = asyncio.Event()
    listening = asyncio.ensure_future(db.listen(notices.append, lambda ready: listens.set()))
    await listens.wait()
    monkeypatch.setattr(sqlite_writer, "FAILED_SECONDS", 0.01)
    monkeypatch.setattr(OtherCommits, "look", fail_at_first)
    # After a failed look the next one says where it stands, and the one after it what has changed since.
    await eventually(lambda: good >= 2, "the looks have failed, and work again")
    await repository.set_queue(db, "q", paused=True)
    with closing(sqlite3.connect(db.path, isolation_level=None)) as other:
        other.execute("UPDATE dbjobs_job_queue SET paused = 0")
    await eventually(lambda: notices, "the writer looks again")
    assert [queue.paused for queue in await repository.list_queues(db)] == [False]
    listening.cancel()
    await asyncio.wait([listening])


async def test_a_connection_whose_disk_has_failed_is_replaced(db: SqliteDatabase) -> None:
    used: list[sqlite3.Connection] = []

    def fail(connection: sqlite3.Connection, history: Any) -> None:
        used.append(connection)
        raise failing(sqlite3.SQLITE_IOERR, "disk I/O error")

    def work(connection: sqlite3.Connection, history: Any) -> None:
        used.append(connection)

    assert db._writer is not None
    assert db._nodes is not None
    for thread in (db._writer, db._nodes):
        used.clear()
        with pytest.raises(sqlite3.OperationalError):
            await thread.submit(fail)
        await thread.submit(work)
        assert used[0] is not used[1]
    await repository.set_queue(db, "q", paused=True)


async def test_what_is_asked_of_a_writer_that_has_ended_is_refused(db: SqliteDatabase) -> None:
    writer = db._writer
    assert writer is not None
    writer.stop()
    await asyncio.to_thread(writer.join, 10)
    with pytest.raises(DatabaseError, match="closed"):
        await asyncio.wait_for(repository.set_queue(db, "q", paused=True), 5)
    with pytest.raises(DatabaseError, match="closed"):
        await asyncio.wait_for(in_transaction(db, repository.next_due), 5)


async def test_a_transaction_whose_loop_is_blocked_gives_the_file_back_and_is_repeated(
    db: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "PAUSE_SECONDS", 0.2)
    tries: list[float] = []

    async def pause_at_first(session: Any) -> None:
        await repository.set_queue(session, "q", paused=True)
        tries.append(time.monotonic())
        if len(tries) == 1:
            with closing(sqlite3.connect(db.path, timeout=10, isolation_level=None)) as other:
                other.execute("UPDATE dbjobs_job_queue SET concurrency = 1")  # waits here, in the event loop's thread
                assert time.monotonic() - tries[0] < 9, "it gave up the lock only when the other one gave up its wait"
        await repository.set_queue(session, "other", paused=True)

    with pytest.raises(TransactionConflict, match="made no progress"):
        async with db.transaction() as session:
            await pause_at_first(session)
    tries.clear()
    await in_transaction(db, pause_at_first)
    assert len(tries) == 2
    assert sorted(queue.queue for queue in await repository.list_queues(db)) == ["other", "q"]


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_READONLY_DBMOVED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    ],
)
def test_a_disk_that_fails_is_nobody_s_fault(code: int, tmp_path: Path) -> None:
    assert isinstance(translate(failing(code, "it failed"), tmp_path / "jobs.db"), DatabaseUnavailable)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A small volume of its own."""
    folder = tmp_path / "volume"
    folder.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={VOLUME_BYTES}", "dbjobs-test", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounting.returncode:
        pytest.skip(f"LEFT OUT: no volume can be mounted here: {mounting.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def logs(folder: Path) -> int:
    """Bytes in the logs of all files."""
    return sum(file.stat().st_size for file in folder.glob("*-wal"))


async def test_a_small_volume_is_not_filled_by_the_log(volume: Path) -> None:
    """Far more is written than fits, and little of it stays."""
    jobs = Jobs(f"sqlite:///{volume}/jobs.db")

    @jobs.command
    async def work(request: str) -> None: ...

    async with jobs.start():
        for _ in range(40):
            await wait_all(jobs, await asyncio.gather(*(jobs.enqueue(work, "x" * 100) for _ in range(50))))
            assert logs(volume) < VOLUME_BYTES / 2


async def test_a_full_disk_costs_no_job_and_is_got_over(volume: Path) -> None:
    jobs = Jobs(f"sqlite:///{volume}/jobs.db")
    ran: list[int] = []

    @jobs.command(retry_limit=0)
    async def work(request: int) -> int:
        ran.append(request)
        return request

    async with jobs.start(lease_seconds=3.0):
        refs = [await jobs.enqueue(work, 0)]
        await jobs.wait(refs[0], timeout=30)
        assert jobs._client.engine is not None
        node_id = jobs._client.engine._node.id
        ballast = volume / "ballast"
        refused = 0
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"\0" * 4096)
        for number in range(1, 400):
            try:
                refs.append(await jobs.enqueue(work, number))
            except DatabaseUnavailable:
                refused += 1
                if refused > 3:
                    break
        assert refused, "the disk was not full"
        await asyncio.sleep(4.0)  # longer than a lease, on a full disk
        ballast.unlink()
        refs.append(await jobs.enqueue(work, 1000))
        ended = [await jobs.wait(ref, timeout=60) for ref in refs]
        assert {(job.state, job.attempt) for job in ended} == {(JobState.COMPLETED, 1)}
        assert sorted(ran) == sorted(job.response for job in ended)
        assert jobs._client.engine._node.id == node_id, "the lease was lost"
