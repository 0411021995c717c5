"""When a failed attempt is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs import Backoff
from dbjobs.engine.failure import MAX_DELAY_SECONDS, backoff_seconds


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 6), (3, 18), (4, 54), (5, 60), (500, 60)])
def test_delays_grow_up_to_a_bound(failures: int, seconds: float) -> None:
    assert backoff_seconds(Backoff(first_seconds=2, factor=3, max_seconds=60, jitter=0), failures) == seconds


@given(
    first=st.floats(0, 1e6),
    factor=st.floats(1, 100),
    most=st.floats(0, 1e9),
    jitter=st.floats(0, 1),
    failures=st.integers(1, 10_000),
)
def test_a_delay_is_never_negative_nor_beyond_the_jittered_bound(
    first: float, factor: float, most: float, jitter: float, failures: int
) -> None:
    policy = Backoff(first_seconds=first, factor=factor, max_seconds=most, jitter=jitter)
    assert 0 <= backoff_seconds(policy, failures) <= most * (1 + jitter) * 1.000001


def test_jitter_spreads() -> None:
    policy = Backoff(first_seconds=100, jitter=0.5)
    delays = {backoff_seconds(policy, 1) for _ in range(200)}
    assert len(delays) > 100
    assert min(delays) < 70
    assert max(delays) > 130


@pytest.mark.parametrize(
    "policy",
    [
        Backoff(first_seconds=1e308, factor=1e308, max_seconds=1e308),
        Backoff(first_seconds=1e12, factor=2, max_seconds=1e12),
        Backoff(first_seconds=2, factor=1e300, max_seconds=float("inf")),
        Backoff(first_seconds=float("nan"), factor=2, max_seconds=float("nan")),
        Backoff(first_seconds=-1, factor=2, max_seconds=-5),
    ],
)
@pytest.mark.parametrize("failures", [1, 2, 70, 10**6])
def test_a_delay_never_leads_beyond_the_dates_of_a_database(policy: Backoff, failures: int) -> None:
    assert 0 <= backoff_seconds(policy, failures) <= MAX_DELAY_SECONDS
