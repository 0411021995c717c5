"""How a node is started."""

from __future__ import annotations

from typing import Any

import pytest

from dbjobs import InvalidOption
from dbjobs.engine.settings import Settings, StartOptions, make_settings


def test_nothing_given_is_the_defaults() -> None:
    assert make_settings() == Settings()


@pytest.mark.parametrize(
    ("queues", "expected"),
    [
        (None, None),
        (["a", "b"], {"a": None, "b": None}),
        ({"a": 3, "b": None}, {"a": 3, "b": None}),
        (("a",), {"a": None}),
    ],
)
def test_queues_are_given_as_names_or_with_their_concurrency(queues: Any, expected: Any) -> None:
    assert make_settings(queues=queues).queues == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", True),
        ("concurrency", 1.5),
        ("concurrency", 0),
        ("threads", 10**6),
        ("lease_seconds", 0.99),
        ("lease_seconds", None),
        ("retention_months", 0),
        ("retention_months", 1.5),
        ("queues", "default"),
        ("queues", {"a": True}),
    ],
)
def test_a_wrong_one_is_named_with_its_value(name: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=f"start: {name}"):
        make_settings(**{name: value})


def test_a_setting_that_is_not_known_is_refused_with_those_that_are() -> None:
    given: dict[str, Any] = {"concurency": 3}
    with pytest.raises(InvalidOption, match="start: there is no setting 'concurency'; known settings are concurrency"):
        make_settings(**given)


def test_every_setting_is_declared_for_type_checkers_too() -> None:
    assert StartOptions.__optional_keys__ == set(Settings.__struct_fields__)
