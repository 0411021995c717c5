"""Imports run one way, and never in a circle; those for type checkers alone count as well."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import dbjobs

PACKAGE = Path(dbjobs.__file__).parent
DIALECTS = ("store.postgres", "store.mysql", "store.sqlserver", "store.sqlite")
# From the ground up: a module imports from its own line and from those above it here.
LAYERS = (
    ("errors", "clock", "wording", "text", "reply_to"),
    ("models", "schedule"),
    ("store",),
    (*DIALECTS, "store.repository"),
    ("store.transactions",),
    ("context", "transaction", "commands", "users"),
    ("asgi",),
    ("engine",),
    ("client", "queues", "requests"),
    ("",),  # what users import: everything else that stands in dbjobs/ itself
    ("requestlog", "webhooks", "admin"),
    ("demo",),
    ("cli", "__main__"),
)
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")


MODULES = {_name(path): path for path in PACKAGE.rglob("*.py")}


def _imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name.removeprefix("dbjobs.") in MODULES else str(node.module) for name in inner}
    ours = {name.removeprefix("dbjobs").removeprefix(".") for name in found if name.split(".")[0] == "dbjobs"}
    assert ours <= MODULES.keys(), f"{path} imports what is not there: {ours - MODULES.keys()}"
    return ours


IMPORTS = {name: _imports(path) for name, path in MODULES.items()}


def _layer(module: str) -> str:
    """The longest name of a layer that the module is in."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in (2, 1))
    return next((name for name in names if name in LEVELS), "")


def test_no_module_imports_from_a_layer_above_its_own() -> None:
    upward = [
        f"{module} imports {imported}"
        for module, others in IMPORTS.items()
        for imported in others
        if LEVELS[_layer(imported)] > LEVELS[_layer(module)]
    ]
    assert not upward


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_knows_another_nor_what_stands_beside_it(dialect: str) -> None:
    own = {module: others for module, others in IMPORTS.items() if _layer(module) == dialect}
    assert own, f"no module is in {dialect}"
    assert {_layer(imported) for others in own.values() for imported in others} <= {
        dialect,
        "store",
        "errors",
        "wording",
    }


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_the_same_names_for_the_same_roles(dialect: str) -> None:
    roles = {module.removeprefix(f"{dialect}.") for module in IMPORTS if module.startswith(f"{dialect}.")}
    assert roles >= {"database", "connection", "session", "errors"}
    assert not [role for role in roles if role.startswith(dialect.removeprefix("store."))]


def test_only_a_url_names_a_dialect() -> None:
    outside = [module for module in IMPORTS if _layer(module) not in DIALECTS]
    assert not [module for module in outside if {_layer(imported) for imported in IMPORTS[module]} & set(DIALECTS)]


def test_errors_import_nothing_of_ours_and_models_only_errors() -> None:
    assert IMPORTS["errors"] == set()
    models = {name for name in MODULES if _layer(name) == "models"}
    assert {imported for name in models for imported in IMPORTS[name]} <= {"errors", *models}


def test_there_is_no_circle() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(f"import circle: {' -> '.join(error.args[1])}")
