"""Finds a project's framework and its application: by its imports, else by its dependencies."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dbjobs.errors import InvalidOption

FRAMEWORKS = ("fastapi", "starlette", "litestar", "django")
PLAIN = "plain"
# Names of the classes of applications.
_APPLICATIONS = {"fastapi": "FastAPI", "starlette": "Starlette", "litestar": "Litestar"}
_SKIPPED = {"node_modules", "site-packages", "build", "dist", "tests", "test", "docs", "examples", "migrations"}
_MOST_FILES = 2000
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_SETTINGS = re.compile(r"DJANGO_SETTINGS_MODULE[\"'](?:,|\]\s*=)\s*[\"']([\w.]+)[\"']")


class Detected(NamedTuple):
    """What was found.

    Attributes:
        framework: one of FRAMEWORKS, or ``plain``.
        because: why, for people.
        application: the file that makes the application; None if none was found.
        variable: the name of the application in it.
        settings: Django's settings module.
        packages: folders imported as packages, with or without an ``__init__.py``.
    """

    framework: str
    because: str
    application: Path | None = None
    variable: str = "app"
    settings: str = ""
    packages: frozenset[Path] = frozenset()


def detect(root: Path, framework: str | None) -> Detected:
    """Look at a project.

    Args:
        framework: the user's choice; None to find out.

    Raises:
        InvalidOption: the framework is unknown, or the project uses several.
    """
    if framework is not None and framework not in (*FRAMEWORKS, PLAIN):
        raise InvalidOption(f"--framework {framework!r} is not one of {', '.join((*FRAMEWORKS, PLAIN))}")
    files = {path: tree for path in _sources(root) if (tree := _parsed(path)) is not None}
    if framework is None:
        framework, because = _found(root, files)
    else:
        because = "as you said"
    packages = frozenset(_packages(root, files))
    if framework == "django":
        return Detected(framework, because, settings=_settings(root), packages=packages)
    for path, tree in files.items():
        if (variable := _application(tree, _APPLICATIONS.get(framework, ""))) is not None:
            return Detected(framework, because, path, variable, packages=packages)
    return Detected(framework, because, packages=packages)


def _packages(root: Path, files: dict[Path, ast.Module]) -> Iterator[Path]:
    """Top-level folders that modules are imported from by name, and those whose modules import their neighbours."""
    names = {name for tree in files.values() for name in _imports(tree)}
    yield from (folder for folder in {path.parent for path in files} if folder.parent == root and folder.name in names)
    for path, tree in files.items():
        if path.parent != root and any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
            yield path.parent


def _found(root: Path, files: dict[Path, ast.Module]) -> tuple[str, str]:
    imported = {name: path for path, tree in reversed(files.items()) for name in _imports(tree) if name in FRAMEWORKS}
    if imported:
        name = _only_one(set(imported), "is imported")
        return name, f"{imported[name].relative_to(root)} imports it"
    declared = {name: file for file, names in _dependencies(root) for name in names if name in FRAMEWORKS}
    if declared:
        name = _only_one(set(declared), "is a dependency")
        return name, f"{declared[name]} depends on it"
    return PLAIN, "no framework is imported here, and none is a dependency"


def _only_one(names: set[str], how: str) -> str:
    if "fastapi" in names:
        names = names - {"starlette"}  # FastAPI is built on it
    if len(names) > 1:
        raise InvalidOption(f"more than one framework {how} here ({', '.join(sorted(names))}): choose with --framework")
    return names.pop()


def _sources(root: Path) -> Iterator[Path]:
    """Python files of the project itself, top-level files first."""
    folders, count = [root], 0
    while folders:
        folder = folders.pop(0)
        try:
            found = sorted(folder.iterdir())
        except OSError:
            continue  # not ours to read
        for path in found:
            if path.is_dir():
                if path.is_symlink():
                    continue  # it may lead back here
                hidden = path.name.startswith((".", "_")) or path.name in _SKIPPED
                if not hidden and not (path / "pyvenv.cfg").exists():
                    folders.append(path)
            elif path.suffix == ".py":
                count += 1
                if count > _MOST_FILES:
                    return
                yield path


def _parsed(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return None  # not ours to judge


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def _application(tree: ast.Module, kind: str) -> str | None:
    """The name of the application that a module makes."""
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name) and ast.unparse(node.value.func).rpartition(".")[2] == kind:
            return target.id
    return None


def _dependencies(root: Path) -> Iterator[tuple[str, set[str]]]:
    """Files that name dependencies, and the names."""
    project = root / "pyproject.toml"
    if project.is_file():
        try:
            yield project.name, set(_declared(tomllib.loads(project.read_text(encoding="utf-8"))))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidOption(f"pyproject.toml cannot be read: {error}") from None
    for path in sorted(root.glob("requirements*.txt")):
        yield path.name, {_name(line) for line in text_of(path).splitlines()}


def _declared(project: dict[str, Any]) -> Iterator[str]:
    yield from map(_name, project.get("project", {}).get("dependencies", ()))
    yield from map(_name, project.get("tool", {}).get("poetry", {}).get("dependencies", ()))


def _name(requirement: str) -> str:
    found = _REQUIREMENT.match(requirement)
    return found[1].lower().replace("_", "-") if found else ""


def _settings(root: Path) -> str:
    """Django's settings module, from manage.py.

    Raises:
        InvalidOption: no manage.py names it.
    """
    manage = root / "manage.py"
    found = _SETTINGS.search(text_of(manage)) if manage.is_file() else None
    if found is None:
        raise InvalidOption(f"there is no manage.py in {root} that sets DJANGO_SETTINGS_MODULE: run this beside it")
    return found[1]


def text_of(path: Path) -> str:
    """The text of a file that may be in any encoding; Windows' shell writes ``requirements.txt`` in UTF-16."""
    raw = path.read_bytes()
    return raw.decode("utf-16" if raw[:2] in _UTF_16 else "utf-8-sig", errors="replace").replace("\r\n", "\n")
