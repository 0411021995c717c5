"""Which servers a PostgreSQL URL names, in either of libpq's forms, and which is asked first."""

from __future__ import annotations

import pytest

from dbjobs import InvalidUrl, Jobs
from dbjobs.store.postgres.hosts import Hosts, hosts_of
from dbjobs.store.url import split_url


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("postgresql:///app", ()),
        ("postgresql://me:secret@/app", ()),
        ("postgresql://a/app", (("a", 5432),)),
        ("postgresql://a:1/app", (("a", 1),)),
        ("postgresql://me:secret@a:1,b:2/app", (("a", 1), ("b", 2))),
        ("postgresql://a,b:2/app", (("a", 5432), ("b", 2))),
        ("postgresql://[::1]:1,[fe80::2]/app", (("::1", 1), ("fe80::2", 5432))),
        ("postgresql:///app?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("postgresql:///app?host=a,b&port=7", (("a", 7), ("b", 7))),
        ("postgresql:///app?host=/var/run/pg,b", (("/var/run/pg", 5432), ("b", 5432))),
        ("postgresql://%2Fvar%2Frun,b/app", (("/var/run", 5432), ("b", 5432))),
    ],
)
def test_servers_of_a_url(url: str, addresses: tuple[tuple[str, int], ...]) -> None:
    assert hosts_of(*split_url(url)).addresses == addresses
    Jobs(url)


@pytest.mark.parametrize(
    "url", ["postgresql://s:secret@a:x,b/app", "postgresql://a,b:70000/app", "postgresql:///app?host=a,b&port=1,2,3"]
)
def test_ports_that_do_not_fit_are_refused(url: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        Jobs(url)
    assert "port" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_other_databases_have_one_host() -> None:
    with pytest.raises(InvalidUrl):
        Jobs("mysql://a:1,b:2/app")


def test_the_one_that_worked_last_is_asked_first() -> None:
    hosts = Hosts((("a", 1), ("b", 2), ("c", 3)))
    assert [number for number, _ in hosts.in_turn()] == [0, 1, 2]
    hosts.failed(0)
    assert [number for number, _ in hosts.in_turn()] == [1, 2, 0]
    hosts.worked(2)
    hosts.failed(1)  # of somebody who had begun before
    assert [number for number, _ in hosts.in_turn()] == [2, 0, 1]
