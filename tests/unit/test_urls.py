"""Database URLs: what is wrong is said, without the password."""

from __future__ import annotations

import pytest

from dbjobs import InvalidOption, InvalidUrl, Jobs
from dbjobs.store.database import make_database
from dbjobs.store.url import split_url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "has no scheme"),
        ("localhost/app", "has no scheme"),
        ("oracle://u:secret@host/app", "unknown scheme 'oracle'"),
        ("postgresql+asyncpg://u:secret@host/app", "write postgresql:// (dbjobs picks the driver)"),
        ("postgresql://u:secret@host:port/app", "host"),
        ("postgresql://u:secret@host:99999/app", "host"),
        ("postgresql://u:secret@host/app?pool_size=none", "pool_size='none'"),
        ("postgresql://u:secret@host/app?pool_size=0", "pool_size='0'"),
        ("postgresql://u:secret@host/app?pool_size=2&pool_size=3", "'pool_size' is given twice"),
        ("postgresql://u:secret@host/app?pooler=session", "'session' is not known"),
        ("postgresql://u:secret@host/app?command_timeout=-1", "command_timeout"),
        ("postgresql://[::1/app", "::1"),
        ("mysql://u:secret@host", "names no database"),
        ("mysql://u:secret@host/", "names no database"),
        ("mysql://u:secret@host/app?charset=latin1", "'charset' is not known"),
        ("mysql://u:secret@host/app?ssl=maybe", "ssl='maybe'"),
        ("mariadb://u:secret@host/app?pool_size=x", "pool_size='x'"),
    ],
)
def test_a_malformed_url_is_refused_when_it_is_given(url: str, words: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        Jobs(url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", [None, 5, b"postgresql://host/app"])
def test_what_is_no_text_is_no_url(url: object) -> None:
    with pytest.raises(InvalidUrl):
        Jobs(url)  # type: ignore[arg-type]


def test_options_are_split_off() -> None:
    parts, options = split_url("postgresql://u:p%40ss@host:5433/app?pool_size=3&sslmode=require&empty=")
    assert (parts.hostname, parts.port, parts.path) == ("host", 5433, "/app")
    assert options == {"pool_size": "3", "sslmode": "require", "empty": ""}


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_both_schemes_mean_postgresql(scheme: str) -> None:
    assert make_database(f"{scheme}://host/app").dialect == "postgres"


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+asyncmy", "mariadb+asyncmy"])
def test_four_schemes_mean_mysql(scheme: str) -> None:
    assert make_database(f"{scheme}://host/app").dialect == "mysql"


@pytest.mark.parametrize("pool_size", [0, 1, "4"])
def test_a_pool_too_small_is_refused(pool_size: object) -> None:
    with pytest.raises(InvalidOption, match="pool_size"):
        Jobs("postgresql://host/app", pool_size=pool_size)  # type: ignore[arg-type]


@pytest.mark.parametrize("schema", ["", "A", "1a", "a-b", 'a"b', "a" * 41, "a b"])
def test_a_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(InvalidOption, match="schema"):
        Jobs("postgresql://host/app", schema=schema)
