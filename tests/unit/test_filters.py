"""Which jobs `list`, `find`, `cancel_many` and `requeue_many` mean: the filters are declared once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import dbjobs
from dbjobs import InvalidOption, Job, Jobs, JobSearch, Where
from dbjobs.inspect.conditions import COLUMNS
from dbjobs.models import JobFilter, LiveFilter
from dbjobs.store.repository.reading import JOB_FILTERS, LIVE_FILTERS

SQL = Path(dbjobs.__file__).parent / "sql"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("list", "batch_id, command, queue, state, tag, user_id, worker"),
        ("find", ", ".join(COLUMNS)),
        ("requeue_many", ", ".join(COLUMNS)),
        ("cancel_many", ", ".join(COLUMNS)),
    ],
)
async def test_a_filter_that_is_not_known_is_refused_with_those_that_are(name: str, known: str) -> None:
    call: Any = getattr(Jobs("sqlite:///never-opened.db"), name)
    with pytest.raises(InvalidOption, match=f"{name}: there is no filter 'tagg'; known filters are {known}$"):
        await call(tagg="a")


@pytest.mark.parametrize("name", ["cancel_many", "requeue_many"])
async def test_no_filter_at_all_means_nothing(name: str) -> None:
    call: Any = getattr(Jobs("sqlite:///never-opened.db"), name)
    with pytest.raises(InvalidOption, match="give at least one of state"):
        await call(queue=None)


@pytest.mark.parametrize("dialect", ["postgres", "mysql", "sqlite", "sqlserver"])
def test_every_filter_is_in_the_statements(dialect: str) -> None:
    assert set(LIVE_FILTERS) == LiveFilter.__optional_keys__
    assert set(JOB_FILTERS) == JobFilter.__optional_keys__
    live = (SQL / dialect / "find_live.sql").read_text()
    assert [name for name in LIVE_FILTERS if f":{name}" not in live] == []
    tagged = (SQL / dialect / "list_tagged.sql").read_text()
    assert [name for name in JOB_FILTERS if f":{name}" not in tagged] == []


def test_a_search_knows_every_column_of_a_job() -> None:
    # `depends_on` and `errors` are lists; `text` looks into several columns, `any_of` holds searches.
    assert {*COLUMNS} == JobSearch.__optional_keys__ - {"any_of"}
    assert {*COLUMNS} - {"text"} == {*Job.__struct_fields__} - {"depends_on", "errors"}


@pytest.mark.parametrize(
    ("search", "complaint"),
    [
        ({"command": 5}, "find: command=5 must be a text"),
        ({"attempt": "5"}, "find: attempt='5' must be a number"),
        ({"attempt": True}, "find: attempt=True must be a number"),
        ({"attempt": Where.starts("5")}, "find: attempt: a number cannot be asked for 'starts'"),
        ({"created_at": datetime(2030, 1, 1)}, "find: created_at=.* must be an aware datetime, or a timedelta"),
        ({"created_at": "yesterday"}, "find: created_at='yesterday' must be an aware datetime"),
        ({"meta": 5}, "find: meta=5 must be a mapping or a text"),
        ({"meta": Where.above(5)}, "find: meta: a json cannot be asked for '>'"),
        ({"state": "done"}, "find: state='done' must be one of scheduled, waiting"),
        ({"queue": []}, "find: queue: an empty list fits no job"),
        ({"state": Where("contains", (5,))}, "find: state=5 must be a text"),
        ({"created_at": timedelta.max}, "find: created_at=.* is outside the calendar"),
        ({"priority": Where("between", (1,))}, "find: priority: 'between' takes 2 values, not 1"),
        ({"queue": Where("starts", ())}, "find: queue: 'starts' takes 1 value, not 0"),
        ({"meta": Where("is", ())}, "find: meta: 'is' takes 1 value, not 0"),
        ({"limit": "5"}, "find: limit='5' must be a whole number"),
        ({"before_id": 2**64}, "find: before_id=18446744073709551616 must be between 0 and"),
        ({"before_id": "7"}, "find: before_id='7' must be a whole number"),
        ({"limit": 0}, "find: limit=0 must be between 1 and 1000"),
        ({"seconds": -1}, "find: seconds"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_wrong_search_is_refused_with_a_word_on_it(search: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        await Jobs("sqlite:///never-opened.db").find(**search)


@pytest.mark.parametrize("name", ["cancel_many", "requeue_many"])
async def test_a_bound_is_a_number(name: str) -> None:
    call: Any = getattr(Jobs("sqlite:///never-opened.db"), name)
    with pytest.raises(InvalidOption, match=f"{name}: at_most=0 must be a whole number >= 1"):
        await call(queue="a", at_most=0)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda jobs: jobs.list(queue=5), "list: queue=5 must be a string"),
        (lambda jobs: jobs.list(limit="5"), "list: limit='5' must be a whole number"),
        (lambda jobs: jobs.list(before_id=2**64), "list: before_id=.* must be between 0 and"),
        (lambda jobs: jobs.logs(1, after_id=2**64), "logs: after_id=.* must be between 0 and"),
        (lambda jobs: jobs.logs(1, limit=0), "logs: limit=0 must be between 1 and"),
        (lambda jobs: jobs.series(60, queue=5), "series: queue=5 must be a string"),
        (lambda jobs: jobs.series(60, command="\0"), r"series: command='\\x00' is not a name"),
        (lambda jobs: jobs.bulk.list(before_id=2**64), "bulk.list: before_id=.* must be between 0 and"),
        (lambda jobs: jobs.bulk.get("7"), "a job is named by its JobRef or its id, not by '7'"),
        (lambda jobs: jobs.bulk.get(2**64), "is not the id of a job"),
        (lambda jobs: jobs.counts(bound=0), "counts: bound=0 must be between 1 and"),
        (lambda jobs: jobs.counts(bound="1"), "counts: bound='1' must be a whole number"),
        (lambda jobs: jobs.cancel(1, reason=5), "cancel: reason=5 must be a string"),
        (lambda jobs: jobs.cancel_many(queue="a", reason=None), "cancel_many: reason=None must be a string"),
    ],
)
async def test_a_wrong_argument_is_refused_before_the_database_is_asked(call: Any, complaint: str) -> None:
    with pytest.raises(InvalidOption, match=complaint):
        await call(Jobs("sqlite:///never-opened.db"))
