"""A search as people write it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbjobs import InvalidOption, Where
from dbjobs.inspect.conditions import check
from dbjobs.inspect.terms import parse


@pytest.mark.parametrize(
    ("terms", "search"),
    [
        ("state=failed", {"state": ["failed"]}),
        ("state=failed,cancelled queue!=a,b", {"state": ["failed", "cancelled"], "queue": Where.other("a", "b")}),
        ("command^=send_ tag$=x error~timed", {
            "command": Where.starts("send_"), "tag": Where.ends("x"), "error": Where.contains("timed")}),
        ("attempt>1 duration_ms<=2.5", {"attempt": Where.above(1), "duration_ms": Where.at_most(2.5)}),
        ("attempt>=1 attempt<=3", {"attempt": Where.between(1, 3)}),
        ("created_at>=2h", {"created_at": Where.at_least(timedelta(hours=2))}),
        ("created_at<2031-05-01T08:00", {"created_at": Where.below(datetime(2031, 5, 1, 8, tzinfo=UTC))}),
        ("worker=null batch_id!=null", {"worker": Where.empty(), "batch_id": Where.given()}),
        ("args.customer=7 meta.a.b=7", {"args": {"customer": "7"}, "meta": {"a": {"b": 7}}}),
        ("args.a=1 args.b=x=y", {"args": {"a": "1", "b": "x=y"}}),
        ("request~alice response=ok", {"request": Where.contains("alice"), "response": Where.contains("ok")}),
        ("id=1,2", {"id": [1, 2]}),
    ],
)  # fmt: skip
def test_terms_mean_a_search(terms: str, search: dict[str, Any]) -> None:
    assert parse(terms.split()) == search
    check(search, "find")


@pytest.mark.parametrize(
    ("term", "complaint"),
    [
        ("colour=red", "there is no filter 'colour'; known filters are args, attempt"),
        ("attempt=x", "'attempt=x': 'x' is not a number"),
        ("created_at>soon", "'soon' is neither a time"),
        ("created_at>99999999999w", "'99999999999w' is too long ago"),
        ("meta>5", "meta takes ~"),
        ("queue.a=5", "a path such as args.customer takes = only"),
    ],
)
def test_a_wrong_term_is_named(term: str, complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        parse([term])


def test_terms_of_both_kinds_are_not_mixed() -> None:
    assert parse(["state:failed command:a*", "b"]) == {
        "state": "failed", "command": Where.starts("a"), "text": Where.contains("b")}  # fmt: skip
    assert parse(['error:"x=1"']) == {"error": Where.contains("x=1")}
    with pytest.raises(InvalidOption, match="'state:failed' is not a condition: a term is as on the page"):
        parse(["queue=a", "state:failed"])


def test_two_conditions_on_a_column_are_a_range_or_refused() -> None:
    with pytest.raises(InvalidOption, match="a second condition on a column"):
        parse(["queue=a", "queue=b"])
