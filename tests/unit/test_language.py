"""The search language: what is written, what it means, and what is wrong with it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from dbjobs import InvalidOption, Where
from dbjobs.inspect import frozen
from dbjobs.inspect.conditions import check
from dbjobs.inspect.language import LONGEST, format, parse
from dbjobs.inspect.meaning import KEYS, search_of
from dbjobs.inspect.query import Group, QueryError, Sign, Term, Value, every_term
from dbjobs.inspect.search import make
from dbjobs.models import JobState

NOW = datetime(2026, 11, 26, 12, 30, tzinfo=UTC)
TODAY = datetime(2026, 11, 26, tzinfo=UTC)
DAY = timedelta(days=1)
LAST = timedelta(microseconds=1)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
signs: st.SearchStrategy[Sign] = st.sampled_from(("", "=", ">", ">=", "<", "<=", "starts", "ends", "contains"))
values = st.builds(Value, signs, texts, st.just(True)) | st.just(Value("given", "")) | st.builds(
    Value, signs, st.from_regex(r"[a-z0-9_.+/#äß%]{1,9}", fullmatch=True), st.just(False))  # fmt: skip
terms = st.builds(
    Term,
    st.from_regex(r"[a-z_]{1,9}", fullmatch=True),
    st.lists(texts.filter(bool), max_size=3).map(tuple),
    st.lists(values, min_size=1, max_size=3).map(tuple),
    st.booleans(),
) | st.builds(
    Term, st.just(""), st.just(()), texts.map(lambda text: (Value("", text, True),)), st.booleans()
)  # fmt: skip


few = st.lists(terms, min_size=1, max_size=3).map(tuple)
groups = st.builds(Group, st.lists(few, min_size=2, max_size=3).map(tuple), st.booleans())
nested = st.builds(Group, st.lists(st.tuples(terms, groups), min_size=2, max_size=2).map(tuple), st.booleans())


@given(st.lists(terms | groups | nested, max_size=4).map(tuple))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back(query: tuple[Term | Group, ...]) -> None:
    assume(len([*every_term(query)]) <= 25)  # brackets are counted, too: a search has at most 40 of both
    assert parse(format(query)) == query


@given(st.text(max_size=80) | st.text('abc_:.,-*"\\<>=~ \t0129hd%()or', max_size=40))
@example("(" * 2000)
@example("-(" * 30 + "a" + ")" * 30)
@example("a or b or " * 15)
@example('error:"')
@example("-")
@example("created:0001-01-01T00:00+23:59")
@example("until:9999-12-31T23:59-23:59 ")
@example("request.a:" + "[" * 1900)
@example("run:>999999999999w since:999999999999w")
@settings(max_examples=300, deadline=None)
def test_no_text_does_harm(text: str) -> None:
    with contextlib.suppress(QueryError):
        check(search_of(text), "find")


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("", {}),
        ("state:failed", {"state": JobState.FAILED}),
        ("state:failed,cancelled", {"state": [JobState.FAILED, JobState.CANCELLED]}),
        ("state:ended", {"state": [JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED]}),
        ("command:send_*", {"command": Where.starts("send_")}),
        ("command:*_mail,x", {"command": Where.either(Where.ends("_mail"), "x")}),
        ('queue:"a b","c,d"', {"queue": ["a b", "c,d"]}),
        ('queue:"\\u003cb\\u003e"', {"queue": "<b>"}),
        ('error:"timed out"', {"error": Where.contains("timed out")}),
        ('error:="timed out"', {"error": "timed out"}),
        ("attempts:>1 attempts:<=5", {"attempt": Where.both(Where.above(1), Where.at_most(5))}),
        ("run:>30s", {"duration_ms": Where.above(30_000)}),
        ("run:<=1m30s timeout:1h", {"duration_ms": Where.at_most(90_000), "timeout_seconds": 3600}),
        ("progress:>=50%", {"progress": Where.at_least(0.5)}),
        ("since:2h", {"created_at": Where.at_least(NOW - timedelta(hours=2))}),
        ("until:2026-11-20", {"created_at": Where.at_most(datetime(2026, 11, 21, tzinfo=UTC) - LAST)}),
        ("created:2026-11", {
            "created_at": Where.between(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC) - LAST)}),
        ("ended:today", {"completed_at": Where.between(TODAY, TODAY + DAY - LAST)}),
        ("started:>2026-11-20T10:00", {"started_at": Where.above(datetime(2026, 11, 20, 10, tzinfo=UTC))}),
        ("-tag:test", {"tag": Where.unless("test")}),
        ("-tag:a,b tag:*", {"tag": Where.both(Where.unless(["a", "b"]), Where.given())}),
        ("-has:worker", {"worker": Where.unless(Where.given())}),
        ("args.tenant:7", {"args": {"tenant": "7"}}),
        ("request.a.b:7 -request.a.c:true", {
            "request": Where.both({"a": {"b": 7}}, Where.unless({"a": {"c": True}}))}),
        ('meta."a key":"7"', {"meta": {"a key": "7"}}),
        ("meta.x:1,2", {"meta": Where.either({"x": 1}, {"x": 2})}),
        ("request:alice", {"request": Where.contains("alice")}),
        ("id:1,2 ref:order-7 batch:b user:u", {"id": [1, 2], "ref_id": "order-7", "batch_id": "b", "user_id": "u"}),
        ("alice -bob", {"text": Where.both(Where.contains("alice"), Where.unless(Where.contains("bob")))}),
        ('"10:30"', {"text": Where.contains("10:30")}),
        ("a.b@example.com", {"text": Where.contains("a.b@example.com")}),
        ("duration_ms:5", {"duration_ms": 5000}),
        ("tag:a or tag:b queue:c", {"any_of": [{"tag": "a"}, {"tag": "b", "queue": "c"}]}),
        ("(tag:a OR tag:b) queue:c", {"any_of": [{"tag": "a"}, {"tag": "b"}], "queue": "c"}),
        ("-(tag:a queue:b)", {"any_of": Where.unless([{"tag": "a", "queue": "b"}])}),
        ("(tag:a or x) (tag:b or y)", {"any_of": Where.both(
            [{"tag": "a"}, {"text": Where.contains("x")}], [{"tag": "b"}, {"text": Where.contains("y")}])}),
        ("tag:a or (tag:b (queue:c or queue:d))", {"any_of": [{"tag": "a"}, {"any_of": [
            {"tag": "b", "any_of": [{"queue": "c"}, {"queue": "d"}]}]}]}),
        ('"or" orders command:or', {
            "text": Where.both(Where.contains("or"), Where.contains("orders")), "command": "or"}),
        ('command:"f(x)"', {"command": "f(x)"}),
    ],
)  # fmt: skip
def test_a_search_means_conditions(text: str, search: dict[str, Any]) -> None:
    assert search_of(text, now=NOW) == search
    check(search, "find")


@pytest.mark.parametrize(
    ("text", "position", "length", "reason"),
    [
        ("state:faild", 6, 5, "a state is scheduled, waiting"),
        ("queue:a stat:failed", 8, 4, "there is no key stat; state is one"),
        ("attempts:many", 9, 4, "attempts: a number is expected; write it as attempts:>1"),
        ("run:>soon", 4, 5, "a duration is expected"),
        ("since:soon", 6, 4, "a time is expected"),
        ("since:9999-12-31", 6, 10, "a time is expected"),
        ("created:2026-11-20T10:00", 8, 16, "a time of day needs >="),
        ('error:"open', 6, 5, "the quote that ends this text is missing"),
        ('error:"\\x"', 6, 4, "as in JSON"),
        ("state:", 6, 1, "a value is expected here"),
        ("state:failed,", 13, 1, "a value is expected here"),
        ("command:a*b", 10, 1, "a blank or a comma is expected here"),
        ("queue.a:1", 0, 5, "queue holds no further values"),
        ("args.:1", 5, 1, "after the dot stands the name"),
        ("args.a:>1", 7, 2, "compared as a whole"),
        ("command:>a", 8, 2, "not compared by >"),
        ("x -", 2, 1, "after - stands what is not wanted"),
        ("state=failed", 0, 12, "written with a colon: state:"),
        ("http://x", 0, 4, "there is no key http"),
        ("has:a,b", 4, 1, "has takes the name of one key"),
        ("a " * 41, 80, 2, "at most 40 terms"),
        ("or tag:a", 0, 2, "expected on either side of or"),
        ("tag:a or", 8, 1, "expected on either side of or"),
        ("(tag:a or )", 10, 1, "expected on either side of or"),
        ("queue:b (tag:a", 8, 6, "the bracket that closes this one is missing"),
        ("tag:a) queue:b", 5, 1, "this bracket closes none"),
        ("()", 0, 2, "expected between the brackets"),
        ("command:f(x)", 9, 1, "quote a text that holds one"),
        ("((((( tag:a )))))", 4, 1, "at most 4 deep"),
        ("tag:a or (stat:b)", 10, 4, "there is no key stat"),
        ("x" * (LONGEST + 3), LONGEST, 3, "at most 2,000 letters"),
    ],
)
def test_an_error_names_its_place(text: str, position: int, length: int, reason: str) -> None:
    with pytest.raises(QueryError, match="at letter") as caught:
        search_of(text, now=NOW)
    assert (caught.value.position, caught.value.length) == (position, length)
    assert reason in caught.value.reason


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_has_an_example_that_works(key: Any) -> None:
    assert key.name in key.example
    check(search_of(key.example), "find")


def test_a_search_with_alternatives_is_kept_with_the_times_it_meant() -> None:
    search = search_of("(state:failed since:2h or -(tag:a error:x)) queue:q", now=NOW)
    kept = frozen.freeze({**search, "priority": 3}, NOW, "bulk")
    stored = msgspec.json.decode(msgspec.json.encode(kept), type=tuple[frozen.FrozenCondition, ...])
    assert frozen.thaw(stored, "bulk") == check({**search, "priority": 3}, "bulk")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "any_of: its searches are missing"),
        ([{}] * 41, "any_of: its searches are more than 40"),
        ({"tag": "a"}, "must be a list of searches"),
        (["tag"], "'tag' is not a search"),
        ([{"colour": 1}], "there is no filter 'colour'"),
        (Where.contains("x"), "must be a list of searches"),
    ],
)
def test_alternatives_that_are_none_are_refused(given: Any, complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        check({"any_of": given}, "find")


def test_alternatives_bound_what_is_looked_through() -> None:
    hours = [NOW - timedelta(hours=n) for n in range(4)]
    both = make(search_of("state:failed since:2h or state:cancelled since:3h until:1h", now=NOW), "find")
    assert both.states == {JobState.FAILED, JobState.CANCELLED}
    assert (both.since, both.until) == (hours[3], None)
    assert not both.asked.live
    assert make(search_of("since:1h until:1h or until:2h", now=NOW), "find").until == hours[1]
    assert make(search_of("since:1h or tag:a", now=NOW), "find").since is None
    assert make(search_of("-(state:failed since:1h)", now=NOW), "find").since is None
