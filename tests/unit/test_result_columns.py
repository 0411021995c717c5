"""What the comparison of the dialects' results rests on reads columns as the databases do."""

from __future__ import annotations

import pytest

from tests.unit.result_columns import result_of


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("SELECT id, b.state, count(*) AS jobs FROM t b WHERE x IN (SELECT y FROM z);", ("id", "state", "jobs")),
        ("SELECT DISTINCT ON (a, b) a, 1 + b FROM t ORDER BY a", ("a", "?")),
        ("WITH a AS (SELECT x, y FROM t), b (p) AS (SELECT 1) SELECT p FROM b UNION ALL SELECT x FROM a", ("p",)),
        ("(SELECT ref_id, id, 1 AS live FROM a) UNION ALL (SELECT ref_id, id, 0 FROM b)", ("ref_id", "id", "live")),
        ("SELECT * FROM (SELECT id, state FROM t) j WHERE id < :before_id", ("id", "state")),
        (
            "UPDATE t SET a = ';', b = 'RETURNING x' WHERE id = :id RETURNING id, \"state\", (SELECT 1) AS n",
            ("id", "state", "n"),
        ),
        ("DELETE FROM a WHERE id = 1 RETURNING id;\n-- no result\nDELETE FROM b;", ("id",)),
        ("INSERT INTO t (a) SELECT a FROM u", None),
        ("INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING RETURNING a", ("a",)),
        ("UPDATE j SET a = 1 OUTPUT inserted.id, deleted.state FROM t AS j WHERE j.id = 1", ("id", "state")),
        ("UPDATE j SET a = 1 OUTPUT inserted.id INTO @x (id) FROM t AS j;\nSELECT TOP (@n) id FROM @x;", ("id",)),
        ("SELECT @a = x, @b = y FROM t;", None),
        ("SELECT (SELECT e.id, e.[key] FROM t AS e FOR JSON PATH) AS packed;", ("id", "key")),
        ("SET @p = (SELECT m.id, N'x' AS state FROM m FOR JSON PATH);\nCOMMIT;\nSELECT @p AS packed;", ("id", "state")),
        ("-- @packed\nSELECT json_group_array(json_array(id, b.attempt, a + 1)) FROM t", ("id", "attempt", "?")),
        ("-- @if picked as x packed id state\nSELECT JSON_ARRAYAGG(JSON_ARRAY(id, 'x')) FROM t;", ("id", "state")),
        ("-- @rows jobs numbered ref_id\nINSERT INTO t (a) VALUES (:a);", ("id", "ref_id")),
    ],
)
def test_columns(text: str, columns: tuple[str, ...] | None) -> None:
    result = result_of(text)
    assert (None if result is None else result.columns) == columns


def test_a_set_for_later_statements_is_told_apart() -> None:
    moved = result_of("-- @as moved\nDELETE FROM a RETURNING id, month;\n-- @each moved\nDELETE FROM b WHERE id = :id;")
    assert moved is not None
    assert moved.is_a_set
