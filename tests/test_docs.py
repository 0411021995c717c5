"""A page shows one program of ``examples/``, whole, with what it prints; links lead to files; every error is told."""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from pathlib import Path

import pytest

import dbjobs
from dbjobs import errors
from dbjobs.cli.app import EXIT_CODES, HOMES
from tests.servers.processes import Spawn

ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob("docs/*.md"))
PROGRAMS = sorted(ROOT.glob("examples/*.py"))
LONGEST_SECONDS = 60.0
# Pages that have no program, and why.
REFERENCE = {
    "index": "links to the other pages",
    "api": "made from docstrings",
    "errors": "a table of exceptions",
    "features": "a table of tests",
    "command-line": "a table of commands",
    "databases": "options of URLs and what servers need",
    "deploying": "files of systemd and containers, and commands of a shell",
    "troubleshooting": "tables from symptom to remedy",
}

_PROGRAM = re.compile(r'```python title="examples/(\w+)\.py"\n(.*?)```\n\nIt prints:\n\n```text\n(.*?)```', re.DOTALL)
_FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")


def shown(page: Path) -> list[tuple[str, str, str]]:
    """(name, program, output) as they stand on a page."""
    return _PROGRAM.findall(page.read_text(encoding="utf-8"))


def test_every_program_has_its_page_and_every_fence_its_program() -> None:
    on_pages = [name for page in PAGES for name, _, _ in shown(page)]
    assert sorted(on_pages) == [path.stem for path in PROGRAMS]
    for page in PAGES:
        assert page.read_text(encoding="utf-8").count('title="examples/') == len(shown(page)), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_page_has_a_program_or_a_reason_to_have_none(page: Path) -> None:
    assert bool(shown(page)) != (page.stem in REFERENCE)


@pytest.mark.process
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_prints_what_its_page_says(program: Path, spawn: Spawn, tmp_path: Path) -> None:
    [(text, output)] = [(text, out) for page in PAGES for name, text, out in shown(page) if name == program.stem]
    assert text == program.read_text(encoding="utf-8")
    child = spawn("-W", "error", str(program), cwd=tmp_path)
    printed, _ = child.communicate(timeout=LONGEST_SECONDS)
    assert child.returncode == 0
    assert printed == output


# What sets a program up may be called where it is imported: everything else runs jobs, once in each worker.
_SETS_UP = {
    "jobs.command",
    "jobs.provide",
    "jobs.recurring",
    "jobs.mount_api",
    "jobs.notifier",
    "jobs.api_options",
    "settings.configure",
    "django.setup",
    "logging.basicConfig",
}


@pytest.mark.parametrize("page", [*PAGES, *sorted(ROOT.glob("*.md"))], ids=lambda path: path.stem)
def test_a_worker_may_import_every_program(page: Path) -> None:
    for program in _FENCE.findall(page.read_text(encoding="utf-8")):
        calls = [
            ast.unparse(node.value.func).partition("(")[0]
            for node in ast.parse(textwrap.dedent(program)).body
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        ]
        assert set(calls) <= _SETS_UP, "outside of if __name__ == '__main__':"


@pytest.mark.parametrize("page", [*PAGES, *sorted(ROOT.glob("*.md"))], ids=lambda path: path.stem)
def test_links_lead_to_files(page: Path) -> None:
    missing = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_every_error_is_in_the_table_once() -> None:
    table = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    ours = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert sorted(ours - {"DbjobsError"}) == sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_the_reference_has_every_public_name_that_is_no_error() -> None:
    told = re.findall(r"^::: dbjobs\.(\w+)$", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.MULTILINE)
    public = {name: getattr(dbjobs, name) for name in dbjobs.__all__}
    errors_ = {name for name, kind in public.items() if isinstance(kind, type) and issubclass(kind, errors.DbjobsError)}
    # Handlers raise these two to say something.
    assert sorted(told) == sorted(public.keys() - errors_ | {"Cancel", "RetryAfter"})


def test_the_page_of_the_command_line_has_every_command_in_their_order() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `dbjobs (\w+)` \|", page, re.MULTILINE) == list(HOMES)
    assert EXIT_CODES.removeprefix("Exit codes: ").removesuffix(".") in page


def test_the_site_leads_to_every_page() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    listed = [page for section in site["project"]["nav"] for pages in section.values() for page in pages]
    assert sorted(listed) == [page.name for page in PAGES]
