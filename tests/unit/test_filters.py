"""Which jobs `list`, `cancel_many` and `requeue_many` mean: the filters are declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dbjobs
from dbjobs import InvalidOption, Jobs
from dbjobs.models import JobFilter, LiveFilter
from dbjobs.store.repository.reading import JOB_FILTERS, LIVE_FILTERS

SQL = Path(dbjobs.__file__).parent / "sql"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("list", "batch_id, command, queue, state, tag, user_id, worker"),
        ("requeue_many", "batch_id, command, queue, state, tag, user_id, worker"),
        ("cancel_many", "batch_id, queue, state, tag, worker"),
    ],
)
async def test_a_filter_that_is_not_known_is_refused_with_those_that_are(name: str, known: str) -> None:
    call: Any = getattr(Jobs("sqlite:///never-opened.db"), name)
    with pytest.raises(InvalidOption, match=f"{name}: there is no filter 'tagg'; known are {known}$"):
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
