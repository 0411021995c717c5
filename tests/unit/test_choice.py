"""Which servers a test runs on: every product for the conformance suite, a second PostgreSQL for what it can change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.choice import OTHER_VERSION, POOLED, chosen
from tests.servers import available_targets

ROOT = Path(__file__).parents[2]
CONFORMANCE = ROOT / "tests" / "conformance"
SOURCES = available_targets({"DBJOBS_TEST_TARGETS": "sqlite,postgres18,pgbouncer,mysql,mariadb,postgres15"})
# Modules that are about Python alone. What a database adds to their subject is in the module named.
PYTHON_ALONE = {
    "test_api_applications": "test_api_jobs",
    "test_places": "test_stop",
    "test_process_handlers": "test_timeouts",
    "test_quick_retry": "test_retry",
    "test_stall": "test_heartbeat",
}


@pytest.mark.parametrize(
    ("path", "markers", "names"),
    [
        ("conformance/test_pauses.py", set(), "sqlite postgres18 mysql mariadb"),
        ("conformance/test_history.py", set(), "sqlite postgres18 mysql mariadb postgres15"),
        ("conformance/test_listening.py", set(), "sqlite postgres18 pgbouncer mysql mariadb"),
        ("conformance/test_ref_id.py", set(), "sqlite postgres18 pgbouncer mysql mariadb postgres15"),
        ("conformance/test_ref_id.py", {"about_us"}, "sqlite postgres18 mysql mariadb"),
        ("conformance/test_ref_id.py", {"once", "about_us"}, "sqlite"),
        ("process/test_kill.py", set(), "sqlite postgres18 mysql mariadb"),
        ("process/test_exits.py", {"once"}, "sqlite"),
        ("test_cli.py", set(), "sqlite postgres18 mysql"),
    ],
)
def test_a_test_runs_on_the_servers_that_can_change_its_outcome(path: str, markers: set[str], names: str) -> None:
    assert " ".join(source.name for source in chosen(Path("tests", path), markers, SOURCES)) == names


def test_a_pooler_that_is_the_only_postgresql_runs_everything() -> None:
    (pooler,) = available_targets({"DBJOBS_TEST_TARGETS": "pgbouncer"})
    assert chosen(Path("tests/conformance/test_pauses.py"), set(), [pooler]) == [pooler]


def test_what_is_listed_exists() -> None:
    for name in {*OTHER_VERSION, *POOLED, *PYTHON_ALONE, *PYTHON_ALONE.values()}:
        assert (CONFORMANCE / f"{name}.py").is_file(), name


@pytest.mark.parametrize("file", sorted(CONFORMANCE.glob("test_*.py")), ids=lambda file: file.stem)
def test_every_subject_of_the_conformance_suite_runs_on_every_product(file: Path) -> None:
    """At least one test of each module does: it is not marked ``once``, and neither is its module."""
    text = file.read_text(encoding="utf-8")
    of_module = re.search(r"^pytestmark = .*?(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    is_python_alone = of_module is not None and "mark.once" in of_module[0]
    assert is_python_alone == (file.stem in PYTHON_ALONE)
    decorated = re.findall(r"^((?:@.*\n(?:[ )].*\n)*)*)(?:async )?def test_", text, re.MULTILINE)
    assert is_python_alone or any("mark.once" not in decorators for decorators in decorated)
