"""SQL Server's files keep the rule about locks, as far as their text shows it: nobody waits for what a caller may hold.

There is no server here to show it by two sessions. What the hints mean: READPAST passes locked rows by, and needs READ
COMMITTED with locks (or REPEATABLE READ) in force; NOLOCK sees what is not committed; READCOMMITTEDLOCK gives a lock
back with the row, whatever isolation level the transaction has; UPDLOCK and XLOCK keep theirs to the transaction's end.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import dbjobs

FOLDER = Path(dbjobs.__file__).parent / "sql" / "sqlserver"
FILES = sorted(FOLDER.glob("*.sql"))

# What runs in a caller's transaction, which may stay open for long and have any isolation level.
IN_CALLERS_TRANSACTION = {
    "add_delivery_refs",
    "add_dependencies",
    "add_refs",
    "add_to_batches",
    "discard_jobs",
    "find_parents",
    "find_refs",
    "insert_jobs",
}
# What locks gaps, in a batch of its own that adds a row that nobody else may add at the same moment.
MAY_LOCK_GAPS = {"add_queues", "insert_task", "keep_setting", "put_setting", "set_queue"}
# What waits for the rows that it locks: an attempt's own job, fenced by its node, and the node's own row.
MAY_WAIT = {"claim_jobs", "claim_lanes", "execute_jobs", "finish_jobs", "hand_back_jobs", "retry_jobs", "take_worker"}
# Tables in which a caller's or a handler's open transaction may have rows: their readers pass these by.
WRITTEN_BY_OTHERS = {
    "background_job",
    "completed_job",
    "failed_job",
    "job_batch",
    "job_dependency",
    "job_ref",
    "job_stat",
    "late_end",
    "ended_parent",
    "job",
}
# The client commits these by themselves, or they end one transaction and begin the next.
BORDERS = {"add_month", "begin", "commit", "delete_month", "rollback", "split_partition", "truncate_partition"}
# A transfer's own: it runs where no node is alive, and must see every row.
MOVING = re.compile(r"read_|size_|raise_ids\Z")

_ACCESS = re.compile(
    r"\b(?P<verb>FROM|JOIN|UPDATE)\s+dbjobs\.(?P<table>\w+)(?:\s+AS\s+\w+)?\s*"
    r"(?:WITH\s*\((?P<hints>(?:[^()]|\([^()]*\))*)\))?",
)
_LOCKS = {"UPDLOCK", "XLOCK"}


class Access(NamedTuple):
    """A place where a file reads or writes a table."""

    table: str
    hints: frozenset[str]

    @property
    def is_first(self) -> bool:
        """False if the rows are locked already: they are then named by key, and only how to find them is said."""
        return not self.hints or not self.hints <= {"ROWLOCK", "FORCESEEK", "INDEX"}


def code_of(file: Path) -> str:
    return re.sub(r"--[^\n]*", "", file.read_text())


def accesses(file: Path) -> list[Access]:
    return [
        Access(match["table"], frozenset(re.findall(r"[A-Z]+", re.sub(r"\([^()]*\)", "", match["hints"] or ""))))
        for match in _ACCESS.finditer(code_of(file))
    ]


def named(names: set[str]) -> list[Path]:
    files = [FOLDER / f"{name}.sql" for name in sorted(names)]
    assert all(file.exists() for file in files)
    return files


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_passing_by_says_which_isolation_level_it_has(file: Path) -> None:
    for access in accesses(file):
        if "READPAST" in access.hints:
            assert access.hints & {"READCOMMITTEDLOCK", "REPEATABLEREAD"}, access


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_gaps_and_no_tables_are_locked(file: Path) -> None:
    hints = frozenset[str]().union(*(access.hints for access in accesses(file)))
    allowed = {"SERIALIZABLE"} if file.stem in MAY_LOCK_GAPS else set()
    assert not hints & {"SERIALIZABLE", "HOLDLOCK", "TABLOCK", "TABLOCKX", "PAGLOCK"} - allowed
    assert "MERGE INTO" not in code_of(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_rows_of_others_are_passed_by_where_they_are_locked(file: Path) -> None:
    for access in accesses(file):
        if access.hints & _LOCKS and file.stem not in MAY_WAIT | MAY_LOCK_GAPS:
            assert "READPAST" in access.hints, access


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_look_waits_for_an_open_transaction(file: Path) -> None:
    """A look that is not by key at rows locked before passes locked rows by, or looks through the locks."""
    if file.stem in BORDERS or MOVING.match(file.stem):
        return
    for access in accesses(file):
        if access.table in WRITTEN_BY_OTHERS and access.is_first:
            passing = access.hints & {"READPAST", "NOLOCK", "NOWAIT"}
            own = file.stem in MAY_WAIT | IN_CALLERS_TRANSACTION | {"resolve_children"}
            assert passing or own, access


@pytest.mark.parametrize("file", named(IN_CALLERS_TRANSACTION), ids=lambda file: file.stem)
def test_a_callers_transaction_keeps_locks_on_its_own_rows_only(file: Path) -> None:
    for access in accesses(file):
        assert not access.hints & _LOCKS, access
        assert access.hints & {"READCOMMITTEDLOCK", "NOLOCK"}, access
    assert not re.search(r"\bUPDATE\b", code_of(file))


@pytest.mark.parametrize("file", named(IN_CALLERS_TRANSACTION), ids=lambda file: file.stem)
def test_a_callers_session_keeps_its_settings(file: Path) -> None:
    """They end with the statement only if it has parameters: then the driver runs it as a procedure."""
    assert re.search(r"(?<!:):[a-z_]+", code_of(file))


@pytest.mark.parametrize("file", [file for file in FILES if file.stem not in BORDERS], ids=lambda file: file.stem)
def test_a_batch_that_begins_a_transaction_ends_it(file: Path) -> None:
    code = code_of(file)
    assert code.count("BEGIN TRANSACTION;") == code.count("COMMIT TRANSACTION;")
    alone = {"add_queues", "insert_task", "keep_setting"}
    if any(access.hints & _LOCKS for access in accesses(file)) and file.stem not in alone:
        assert "BEGIN TRANSACTION;" in code or file.stem in {"set_queue"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_application_lock_is_not_waited_for_without_a_limit(file: Path) -> None:
    code = code_of(file)
    calls = re.findall(r"sp_getapplock\b([^;]*);", code)
    assert len(calls) == code.count("sp_getapplock")
    for call in calls:
        limit = re.search(r"@LockTimeout = (\d+)", call)
        assert limit is not None
        assert int(limit[1]) <= (30000 if file.stem == "lock_schema" else 10000)
        assert "@LockOwner = N'Transaction'" in call  # it ends with the transaction, whatever becomes of the client


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_only_what_is_in_no_outer_transaction_swallows_an_error_or_begins_a_second_one(file: Path) -> None:
    """An edit cancels inside of its own transaction: a ROLLBACK in there that nobody hears of would undo half of it."""
    if file.stem in BORDERS or file.stem.endswith("_request_month"):
        return
    text = re.sub(r"--[^\n]*", "", file.read_text())
    for found in re.finditer(r"COMMIT TRANSACTION;\s*(?P<guard>IF @@TRANCOUNT = 0\s+BEGIN\s+)?BEGIN\b", text):
        assert found["guard"], f"{file.name}: what follows the COMMIT runs inside of an outer transaction, too"
    for found in re.finditer(r"(?<!\w)ROLLBACK TRANSACTION", text):
        assert "IF @@TRANCOUNT = 0\nBEGIN" in text[: found.start()], f"{file.name} rolls a caller's transaction back"
