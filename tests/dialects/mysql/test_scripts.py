"""Files of several MySQL statements: what is sent, in how many round trips, and which rows come back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from dbjobs.store.mysql import connection as mysql_connection
from dbjobs.store.mysql.connection import MysqlConnection
from dbjobs.store.mysql.database import _scripts
from dbjobs.store.mysql.limits import Limits
from dbjobs.store.mysql.script import Result, Run
from dbjobs.store.mysql.steps import steps_of
from dbjobs.store.mysql.values import MOST_CHARACTERS, in_pieces, literal
from dbjobs.store.statements import Table


class Recorder:
    """A connection that answers with what it was given, and notes what was sent."""

    def __init__(self, *answers: Sequence[Result]) -> None:
        self.sent: list[str] = []
        self._answers = list(answers)
        self.taken = False
        self.is_mariadb = False
        self.exact = True  # an answer may hold more results than statements are sent: they are cut off

    async def run(self, statements: Sequence[str]) -> list[Result]:
        self.sent.append(";\n".join(statements))
        answers = list(self._answers.pop(0))
        return answers if self.exact else answers[: len(statements)]

    async def run_unless_taken(self, statement: str) -> list[Result]:
        self.sent.append(statement)
        return [] if self.taken else list(self._answers.pop(0))

    def escape(self, text: str) -> str:
        return text.replace("'", "''")


DONE = Result((), (), 0)


def rows(columns: str, *values: tuple[Any, ...]) -> Result:
    return Result(tuple(columns.split()), values, 0)


async def run(source: str, connection: Recorder, *, alone: bool = False, **given: Any) -> list[Any]:
    return await Run(connection, _scripts("dbjobs"), given).steps(steps_of(source), alone=alone)


async def test_statements_that_do_not_need_each_other_s_rows_share_a_round_trip() -> None:
    connection = Recorder([DONE, DONE, rows("id", (1,)), DONE])
    found = await run("UPDATE a SET b = :b;\n\nSELECT id FROM a;", connection, alone=True, b="it's")
    assert connection.sent == ["START TRANSACTION;\nUPDATE a SET b = 'it''s';\nSELECT id FROM a;\nCOMMIT"]
    assert [(row[0], row["id"]) for row in found] == [(1, 1)]


async def test_a_statement_waits_for_the_rows_it_names() -> None:
    connection = Recorder([rows("id", (1,), (2,), (1,))], [DONE])
    source = "-- @as found\nSELECT id FROM a;\n\n-- @if found\nDELETE FROM a WHERE id IN (:found.id);"
    assert len(await run(source, connection)) == 3
    assert connection.sent == ["SELECT id FROM a", "DELETE FROM a WHERE id IN (1, 2)"]


async def test_what_has_nothing_to_do_is_not_sent() -> None:
    connection = Recorder([rows("id worker")])
    source = (
        "-- @as found\nSELECT id, worker FROM a;\n\n-- @if found where worker\nDELETE FROM b;\n\n"
        "-- @each found\nDELETE FROM c WHERE id = :id;\n\n-- @rows found\nINSERT INTO d (id) VALUES (:id);"
    )
    assert await run(source, connection) == []
    assert connection.sent == ["SELECT id, worker FROM a"]


async def test_rows_whose_key_is_taken_are_left_out() -> None:
    connection = Recorder([DONE], [DONE])
    source = "-- @each refs unless taken ref_id\nINSERT INTO a (r) VALUES (:ref_id);"
    refs = Table(("ref_id", "job_id"), [("x", 1), ("y", 2)])
    assert await run(source, connection, refs=refs) == [("x",), ("y",)]
    assert connection.sent == ["INSERT INTO a (r) VALUES ('x')", "INSERT INTO a (r) VALUES ('y')"]
    connection.taken = True
    assert await run(source, connection, refs=refs) == []


IDS = {"ids": [1, 2], "node_id": 1, "counter": 1}
OUTCOMES = {
    "node_id": 1,
    "counter": 1,
    "outcomes": Table(
        ("id", "attempt", "state", "delay_seconds", "block_worker", "release_worker"), [(1, 1, "failed", 1.0, 1, 1)]
    ),
}
# Statements that lock rows for which others may come, each with what it is given.
LOCKING: dict[str, dict[str, Any]] = {
    "bury_node": IDS,
    "cancel_jobs": {**IDS, "error_code": "c", "error": "e", "ask_running": True, "expired": False},
    "claim_jobs": {
        "node_id": 1,
        "wanted": Table(("queue", "slots", "after_priority", "after_id"), [("a", 1, 0, 0), ("b", 1, 0, 0)]),
        "room": 1,
        "commands": ["c"],
    },
    "drop_batches": {"seconds": 1.0},
    "execute_jobs": OUTCOMES,
    "find_held": {**IDS, "limit": 1},
    "finish_jobs": OUTCOMES,
    "fold_batches": {"limit": 1},
    "fold_stats": {"hours": 24, "kept": 360},
    "forget_refs": {"month": "202601", "kept": [], "limit": 1},
    "hand_back_jobs": OUTCOMES,
    "heartbeat": {**IDS, "lease_seconds": 1.0, "info": "{}"},
    "promote_jobs": {"limit": 1},
    "release_children": {"parents": [1], "limit": 1},
    "remove_node": IDS,
    "requeue_jobs": {**IDS, "as_they_were": False},
    "resolve_children": IDS,
    "retry_jobs": OUTCOMES,
}


@pytest.mark.parametrize("name", LOCKING)
async def test_what_locks_is_one_packet_with_its_commit(name: str) -> None:
    """A process that is suspended between two packets would keep the locks of the first one."""
    scripts = _scripts("dbjobs")
    steps = scripts.steps(name)
    connection = Recorder([DONE] * (len(steps) + 3))
    connection.exact = False
    await Run(connection, scripts, LOCKING[name]).steps(steps, alone=scripts.several(name))
    (sent,) = connection.sent
    assert sent.startswith("START TRANSACTION;\n")
    assert sent.endswith(";\nCOMMIT")


@pytest.mark.parametrize("is_mariadb", [False, True])
async def test_claiming_lanes_locks_in_its_last_packet_only(*, is_mariadb: bool) -> None:
    scripts = _scripts("dbjobs")
    heads = rows("packed", ('[["w", 1, 0, 1]]',))
    connection = Recorder([DONE, rows("worker", ("w",))], [heads], [DONE] * 20)
    connection.exact, connection.is_mariadb = False, is_mariadb
    given = {"node_id": 1, "after_worker": "", "lanes": 1, "run_length": 1, "scan_limit": 1, "all_but": False}
    names = {"queues": ["q"], "commands": ["c"]}
    await Run(connection, scripts, given | names).steps(scripts.steps("claim_lanes"), alone=True)
    first, second, last = connection.sent
    for sent in (first, second):
        assert not re.search(r"FOR UPDATE|IN SHARE MODE|INSERT|UPDATE|DELETE|COMMIT", sent)
    assert "FOR UPDATE" in last
    assert last.endswith(";\nCOMMIT")


@pytest.mark.parametrize(("is_mariadb", "sent"), [(False, "SELECT 1"), (True, "SELECT 2")])
async def test_a_statement_may_be_for_one_server_only(*, is_mariadb: bool, sent: str) -> None:
    connection = Recorder([rows("n", (1,))])
    connection.is_mariadb = is_mariadb
    await run("-- @on mysql\nSELECT 1;\n-- @on mariadb as found\nSELECT 2;", connection)
    assert connection.sent == [sent]


async def test_a_condition_on_another_value() -> None:
    source = "-- @if ends where state <> done\nDELETE FROM a;"
    for states, statements in ((["done", "done"], 0), (["done", "failed"], 1)):
        connection = Recorder([DONE])
        await run(source, connection, ends=Table(("state",), [(state,) for state in states]))
        assert len(connection.sent) == statements


class Wire:
    """A driver's connection that notes what is sent."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.sent: list[str] = []

    def get_server_info(self) -> str:
        return self.server


class Cursor:
    """Each statement answers with itself."""

    description = (("n",),)

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._answers: list[str] = []

    async def execute(self, text: str) -> None:
        self._wire.sent.append(text)
        self._answers = text.split(";\n")

    async def fetchall(self) -> list[tuple[str]]:
        return [(self._answers[0],)]

    async def nextset(self) -> bool:
        del self._answers[0]
        return bool(self._answers)


@pytest.mark.parametrize(
    ("server", "guarded", "sent"),
    [
        ("11.4.2-MariaDB", False, ["a;\nb;\nc"]),
        ("11.4.2-MariaDB", True, ["first;\na;\nbetween;\nb;\nbetween;\nc"]),
        ("8.0.41", True, ["a", "b", "c"]),
    ],
)
async def test_a_cluster_s_abort_cannot_hide_amid_a_packet(
    monkeypatch: pytest.MonkeyPatch, server: str, guarded: bool, sent: list[str]
) -> None:
    monkeypatch.setattr(mysql_connection, "_quiet_cursor", lambda driver: Cursor)
    wire = Wire(server)
    connection = MysqlConnection(wire, "nowhere", Limits(5.0, 5.0), guard=("first", "between") if guarded else None)
    assert [result.rows[0][0] for result in await connection.run(["a", "b", "c"])] == ["a", "b", "c"]
    assert wire.sent == sent
    assert len(await connection.run(["a"])) == 1
    assert wire.sent == [*sent, "a"]


async def test_packed_rows_are_unpacked() -> None:
    text = '[[1, "x"], [2, null]]'
    connection = Recorder([rows("packed", (text,), (None,))], [DONE])
    source = (
        "-- @as moved packed id name\nSELECT JSON_ARRAYAGG(JSON_ARRAY(id, name)) FROM a;\n\n-- @if moved\nDO :moved;"
    )
    assert await run(source, connection) == [[1, "x"], [2, None]]
    assert connection.sent[1] == """DO '[{"id":1,"name":"x"},{"id":2}]'"""


async def test_a_values_list_grows_and_its_rows_are_numbered() -> None:
    connection = Recorder([Result((), (), 7), rows("step", (3,))])
    insert = "INSERT INTO a (x, y) VALUES (:x, CONCAT(:y, ')')) ON DUPLICATE KEY UPDATE x = x;"
    source = f"-- @rows jobs numbered ref_id\n{insert}"
    jobs = Table(("x", "y", "ref_id"), [(1, "a", None), (2, "a", "r")])
    assert await run(source, connection, jobs=jobs) == [(7, None), (10, "r")]
    assert connection.sent == [
        "INSERT INTO a (x, y) VALUES (1, CONCAT('a', ')')),\n(2, CONCAT('a', ')')) ON DUPLICATE KEY UPDATE x = x;\n"
        "SELECT @@auto_increment_increment AS step"
    ]


async def test_a_single_row_whose_key_is_taken_yields_none() -> None:
    connection = Recorder()
    connection.taken = True
    source = "-- @rows jobs numbered ref_id\nINSERT INTO a (r) VALUES (:ref_id);"
    assert await run(source, connection, jobs=Table(("ref_id",), [("r",)])) == []


async def test_a_union_repeats_its_inmost_select() -> None:
    connection = Recorder([rows("n", (2,))])
    source = "-- @union lanes\nSELECT SUM(n) AS n FROM (\n    (SELECT 1 AS n FROM a WHERE w = :value LIMIT :most)\n) t;"
    await run(source, connection, lanes=["x", "y"], most=3)
    assert connection.sent == [
        "SELECT SUM(n) AS n FROM (\n    (SELECT 1 AS n FROM a WHERE w = 'x' LIMIT 3)\nUNION ALL\n"
        "(SELECT 1 AS n FROM a WHERE w = 'y' LIMIT 3)\n) t"
    ]


@pytest.mark.parametrize("source", ["-- @what\nSELECT 1;", "-- @rows jobs\nDELETE FROM a;", "-- @union a\nSELECT 1;"])
def test_a_directive_that_does_not_fit_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="directive"):
        steps_of(source)


def test_literals() -> None:
    def text(value: Any) -> str:
        return literal(value, lambda text: text.replace("'", "\\'"))

    moment = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert [text(value) for value in (None, True, False, 7, 0.5, 1e-7, "o'clock", moment)] == [
        "NULL", "1", "0", "7", "0.5", "1e-07", r"'o\'clock'", "'2026-01-02 03:04:05.000006'",
    ]  # fmt: skip
    assert text([3, 1, 3]) == "3, 1"
    assert text([]) == "NULL"
    with pytest.raises(TypeError, match="object"):
        text(object())


def test_a_set_too_large_for_one_packet_goes_in_parts() -> None:
    body = "x" * (MOST_CHARACTERS // 3)
    table = Table(("id", "request_body"), [(number, body) for number in range(10)])
    pieces = in_pieces({"jobs": table, "notices": ()})
    assert [row[0] for piece in pieces for row in piece["jobs"].rows] == list(range(10))
    assert all(len(piece["jobs"].rows) <= 3 for piece in pieces)
    assert all(piece["notices"] == () for piece in pieces)
    assert in_pieces({"ids": [1]}) == [{"ids": [1]}]


def test_nothing_relies_on_what_a_guard_between_two_statements_resets() -> None:
    for file in (files("dbjobs.sql") / "mysql").iterdir():
        if file.name.endswith(".sql"):
            statements = re.sub(r"--[^\n]*", "", file.read_text(encoding="utf-8"))
            assert not re.search(r"ROW_COUNT|FOUND_ROWS|@@(error|warning)_count", statements, re.IGNORECASE), file.name


def test_no_subquery_may_become_a_join_with_a_whole_table() -> None:
    """MySQL turns NOT EXISTS into one where its statistics say so; a scalar subquery stays a probe."""
    grows = r"dbjobs_(background_job|job_dependency|job_worker|job_ref)"
    for file in (files("dbjobs.sql") / "mysql").iterdir():
        if file.name.endswith(".sql"):
            statements = re.sub(r"--[^\n]*", "", file.read_text(encoding="utf-8"))
            found = re.findall(rf"EXISTS \(\s*SELECT 1\s+FROM {grows}(?! (?:\w+ )?FORCE INDEX)", statements)
            assert found == [], file.name
