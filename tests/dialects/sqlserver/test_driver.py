"""SQL Server without a server: URLs, errors, sets as JSON, packed rows."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

pytest.importorskip("aioodbc", reason="SQL Server's driver is not installed", exc_type=ImportError)

import pyodbc  # needs unixODBC's library; without it the line above has skipped this file

from dbjobs.errors import (
    DatabaseError,
    DatabaseUnavailable,
    InvalidUrl,
    LockTimeout,
    MissingDriver,
    MissingPermission,
    PartitionMissing,
    TransactionConflict,
)
from dbjobs.models import JobState
from dbjobs.store.database import make_database
from dbjobs.store.records import NewJob
from dbjobs.store.sqlserver import driver as sqlserver_driver
from dbjobs.store.sqlserver.database import check_level
from dbjobs.store.sqlserver.errors import is_lost, translate, translated
from dbjobs.store.sqlserver.session import batches_of
from dbjobs.store.sqlserver.url import connection_string, parse
from dbjobs.store.sqlserver.values import rows_of, sizes_of, values_of
from dbjobs.store.statements import Parameter, Table

MICROSOFT = "ODBC Driver 18 for SQL Server"


def words(url: str, driver: str = MICROSOFT) -> dict[str, str]:
    """The words of the connection string for a URL; values may hold neither ';' nor '='."""
    return dict(word.split("=", 1) for word in connection_string(parse(url), driver).split(";"))


def test_a_url_becomes_a_connection_string() -> None:
    assert words("mssql://me:secret@db.example:1444/app?Encrypt=no&pool_size=2&driver=x") == {
        "DRIVER": "{ODBC Driver 18 for SQL Server}",
        "SERVER": "{tcp:db.example,1444}",
        "DATABASE": "app",
        "UID": "me",
        "PWD": "secret",
        "APP": "dbjobs",
        "Encrypt": "no",
    }


@pytest.mark.parametrize("password", [";", "{x}", "}", "a}}b", "p;PWD=x", "=", " lead", "ünï", "[x]", "'\""])
def test_every_sign_may_stand_in_a_password(password: str) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in password.encode())
    text = connection_string(parse(f"mssql://me:{quoted}@host/app"), MICROSOFT)
    assert ";PWD={" + password.replace("}", "}}") + "};" in text


def test_freetds_has_its_own_words() -> None:
    freetds = words("mssql://me:secret@host/app", "FreeTDS")
    assert (freetds["SERVER"], freetds["PORT"], freetds["TDS_Version"]) == ("host", "1433", "{7.4}")
    assert words("mssql://me:x@host/app?tds_version=8.0", "/usr/lib/libtdsodbc.so").get("TDS_Version") is None


def test_without_a_user_the_system_says_who_we_are() -> None:
    assert words("mssql://host/app")["Trusted_Connection"] == "yes"
    assert "Trusted_Connection" not in words("mssql://host/app?Authentication=ActiveDirectoryMsi")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mssql:///app", "names a host"),
        ("mssql://me:secret@host", "names no database"),
        ("mssql://me:secret@host/", "names no database"),
        ("mssql://me:secret@host/app?PWD=x", "belongs in the password"),
        ("mssql://me:secret@host/app?Server=other", "belongs in the host"),
        ("mssql://me:secret@host/app?a%3Bb=1", "not a word of an ODBC connection string"),
        ("mssql://me:secret@host/app?pool_size=0", "pool_size='0'"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        make_database(url)
    assert complaint in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_newest_of_microsofts_drivers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = ["FreeTDS", "ODBC Driver 17 for SQL Server", MICROSOFT, "ODBC Driver 9 for SQL Server"]
    monkeypatch.setattr(pyodbc, "drivers", lambda: installed)
    assert sqlserver_driver.find_driver() == MICROSOFT


def test_the_wheels_driver_comes_before_freetds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyodbc, "drivers", lambda: ["SQLite3", "FreeTDS"])
    monkeypatch.setattr(sqlserver_driver, "driver_in_wheel", lambda: "/wheel/libmsodbcsql-18.so")
    assert sqlserver_driver.find_driver() == "/wheel/libmsodbcsql-18.so"
    monkeypatch.setattr(sqlserver_driver, "driver_in_wheel", lambda: None)
    assert sqlserver_driver.find_driver() == "FreeTDS"


def test_without_a_driver_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyodbc, "drivers", lambda: ["SQLite3"])
    monkeypatch.setattr(sqlserver_driver, "driver_in_wheel", lambda: None)
    with pytest.raises(MissingDriver, match="msodbcsql18"):
        sqlserver_driver.find_driver()


def of_server(state: str, message: str, number: int) -> pyodbc.Error:
    text = f"[{state}] [Microsoft][{MICROSOFT}][SQL Server]{message} ({number}) (SQLExecDirectW)"
    return pyodbc.Error(state, text)


@pytest.mark.parametrize(
    ("state", "number", "message", "kind"),
    [
        ("40001", 1205, "Transaction (Process ID 52) was deadlocked", TransactionConflict),
        ("HYT00", 1222, "Lock request time out period exceeded.", LockTimeout),
        ("23000", 2627, "Violation of PRIMARY KEY constraint 'job_stat_pkey'", TransactionConflict),
        ("23000", 2601, "Cannot insert duplicate key row", TransactionConflict),
        ("42000", 601, "Could not continue scan with NOLOCK due to data movement.", TransactionConflict),
        ("42000", 50002, "another enqueue holds the same ref_id", TransactionConflict),
        ("42000", 229, "The SELECT permission was denied on the object 'job'", MissingPermission),
        ("42000", 262, "CREATE TABLE permission denied in database 'app'.", MissingPermission),
        ("28000", 18456, "Login failed for user 'me'.", DatabaseUnavailable),
        ("42000", 4060, 'Cannot open database "app" requested by the login.', DatabaseUnavailable),
        ("HY000", 40613, "Database 'app' is not currently available.", DatabaseUnavailable),
        ("HYT00", 0, "Query timeout expired", DatabaseUnavailable),
        ("08S01", 10054, "TCP Provider: Error code 0x2746", DatabaseUnavailable),
        ("IM002", 0, "Data source name not found and no default driver specified", MissingDriver),
        ("42S02", 208, "Invalid object name 'dbjobs.job'.", DatabaseError),
        ("42000", 3960, "Snapshot isolation transaction aborted due to update conflict.", TransactionConflict),
        ("42000", 3961, "Snapshot isolation transaction failed: the object was changed.", TransactionConflict),
        ("42000", 41302, "The current transaction attempted to update a record that was updated", TransactionConflict),
        ("42000", 3906, "Failed to update database 'app' because the database is read-only.", DatabaseUnavailable),
        ("42000", 9002, "The transaction log for database 'app' is full", DatabaseUnavailable),
        ("42000", 982, "Unable to access the 'app' database because no online secondary", DatabaseUnavailable),
    ],
)
def test_the_drivers_errors_become_ours(state: str, number: int, message: str, kind: type[Exception]) -> None:
    error = translate(of_server(state, message, number), "host:1433/app")
    assert type(error) is kind
    assert message in str(error)
    assert "[SQL Server]" not in str(error)


def test_brackets_of_the_message_itself_are_kept() -> None:
    layers = f"[Microsoft][{MICROSOFT}][SQL Server]"
    text = f"[42000] {layers}The object '[app].[job]' is in use. (3702) (SQLExecDirectW); [01000] {layers}Ended. (3621)"
    assert str(translate(pyodbc.Error("42000", text), "host")).endswith(
        "The object '[app].[job]' is in use. (3702) (SQLExecDirectW); Ended. (3621)"
    )
    freetds = "[08001] [FreeTDS][SQL Server]Unable to connect to data source (0) (SQLDriverConnect)"
    assert str(translate(pyodbc.Error("08001", freetds), "h")).endswith(
        ": Unable to connect to data source (0) (SQLDriverConnect)"
    )


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        (
            "SSL Provider: [error:0A000086:SSL routines::certificate verify failed:self-signed certificate] (-1)",
            "certificate verify failed:self-signed certificate.*TrustServerCertificate=yes",
        ),
        ("Encryption not supported on SQL Server. (20)", "Encrypt=no"),
    ],
)
def test_a_refused_encryption_says_which_option_helps(message: str, advice: str) -> None:
    error = translate(pyodbc.Error("08001", f"[08001] [Microsoft][{MICROSOFT}]{message} (SQLDriverConnect)"), "host")
    assert isinstance(error, DatabaseUnavailable)
    assert re.search(advice, str(error))


def test_a_missing_month_is_named() -> None:
    error = translate(of_server("42000", "history has no place for the month 202403", 50001), "host")
    assert isinstance(error, PartitionMissing)
    assert error.month == "202403"


def test_a_connection_that_was_lost_is_not_used_again() -> None:
    assert is_lost(of_server("08S01", "Communication link failure", 0))
    assert is_lost(of_server("HYT00", "Query timeout expired", 0))
    assert is_lost(of_server("HY000", "Cannot continue the execution because the session is in the kill state.", 596))
    assert not is_lost(of_server("40001", "deadlocked", 1205))
    assert not is_lost(of_server("HYT00", "Lock request time out period exceeded.", 1222))


def test_a_database_with_the_level_of_an_older_server_is_refused() -> None:
    for level in (None, 130, 160):
        check_level(level, "host:1433/app")
    with pytest.raises(DatabaseError, match=r"host:1433/app has the compatibility level 120.*= 130"):
        check_level(120, "host:1433/app")


def test_a_text_that_cannot_be_sent_is_a_database_error() -> None:
    with pytest.raises(DatabaseError, match="cannot store"), translated("host"):
        "\ud800".encode("utf-16-le")


def value_of(value: Any) -> Any:
    return values_of([Parameter("x", None)], {"x": value})[0]


def test_sets_go_as_json() -> None:
    assert value_of([3, 1]) == "[3,1]"
    assert json.loads(value_of(("a", 'b"c'))) == ["a", 'b"c']
    assert json.loads(value_of(Table(("id", "state"), [(1, "x"), (2, None)]))) == [{"id": 1, "state": "x"}, {"id": 2}]
    assert value_of(Table(("id",), [])) == "[]"


def test_columns_that_are_json_are_not_escaped_again() -> None:
    job = NewJob(command="c", queue="q", request_body='{"a": "b"}', meta='{"k":1}')
    assert json.loads(value_of(Table.of([job])))[0]["request_body"] == [{"a": "b"}]
    assert '"meta":[{"k":1}]' in value_of(Table.of([job]))


def test_moments_go_as_utc() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert value_of(noon) == datetime(2026, 7, 1, 10)
    assert "2026-07-01T12:00:00+02:00" in value_of(Table.of([NewJob(run_after=noon)]))


def test_what_is_no_plain_text_goes_as_one() -> None:
    assert type(value_of(JobState.QUEUED)) is str
    assert value_of(None) is None


@pytest.mark.parametrize("freetds", [False, True])
def test_a_texts_length_is_no_part_of_the_plan(freetds: bool) -> None:
    short, long, null = (sizes_of([value], freetds=freetds) for value in ("a", "a" * 5000, None))
    assert short == long == null
    assert len({sizes_of([value], freetds=freetds)[0] for value in ("a", 1, 1.0, True)}) == 4


def test_packed_rows_are_unpacked() -> None:
    text = '[{"id":7,"state":null,"created_at":"2026-07-01T10:00:00.1234567","at":null}]'
    (row,) = rows_of(["packed"], [(text,)])
    assert list(row) == [7, None, datetime(2026, 7, 1, 10, 0, 0, 123456), None]
    assert (row["id"], row[0]) == (7, 7)
    assert rows_of(["packed"], [(None,)]) == ()
    assert rows_of(["packed"], []) == ()


def test_plain_rows_are_read_by_place_and_name() -> None:
    (row,) = rows_of(["id", "alive"], [(1, True)])
    assert (row[1], row["alive"]) == (True, True)


def test_every_batch_begins_with_the_same_settings_but_an_empty_file_is_nothing() -> None:
    batches = batches_of("mine")
    assert batches["claim_jobs"].text.startswith("SET NOCOUNT ON;")
    assert "[mine].background_job" in batches["claim_jobs"].text
    assert batches["notify"].text == ""
    assert batches["claim_jobs"].text is batches["claim_jobs"].text  # the driver compares by identity


def test_a_script_is_split_at_its_go_lines_and_its_words_are_put_in() -> None:
    batches = batches_of("mine")
    assert batches.script("CREATE VIEW {a}\nGO\n\nSELECT 'GO {a}'\nGO\n", {"a": "b"}) == [
        "CREATE VIEW b",
        "SELECT 'GO b'",
    ]
    assert "month = '202403'" in batches.script("add_month", {"month": "202403"})[0]
    assert "mine_history()" in batches.script("split_partition", {"from": "2024-03-01", "to": "2024-04-01"})[0]


def test_moments_of_the_database_are_utc() -> None:
    row = rows_of(["packed"], [('[{"run_after":"2026-07-01T10:00:00"}]',)])[0]
    assert row["run_after"].replace(tzinfo=UTC) == datetime(2026, 7, 1, 10, tzinfo=UTC)
