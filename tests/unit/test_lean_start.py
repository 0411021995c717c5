"""What an import does not load: the command line, a web process and a worker start without what they do not use."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import dbjobs
from dbjobs.cli.app import HOMES, app

# Loaded by nothing but what uses them. A name stands for all that is inside of it.
HEAVY = (
    "aioodbc", "aiomysql", "asyncpg", "cronsim", "httpcore2", "jinja2", "psycopg", "pymysql", "pyodbc", "sqlalchemy",
    "sqlite3", "sse_starlette", "starlette", "uvicorn",
    "rich", "typer",
    "csv", "email", "multiprocessing", "statistics", "tomllib", "urllib.request", "zoneinfo",
    "dbjobs.admin", "dbjobs.cli", "dbjobs.demo", "dbjobs.moving", "dbjobs.requestlog", "dbjobs.scaffold",
    "dbjobs.testing", "dbjobs.webhooks",
    "dbjobs.store.mysql", "dbjobs.store.postgres", "dbjobs.store.sqlite", "dbjobs.store.sqlserver",
    "dbjobs.engine.execution", "dbjobs.engine.supervisor",
    "dbjobs.inspect.explain", "dbjobs.inspect.health", "dbjobs.inspect.language", "dbjobs.inspect.periods",
)  # fmt: skip


def _loaded(code: str) -> set[str]:
    """Modules in memory after this code, in a process of its own."""
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def _heavy(loaded: set[str], but: tuple[str, ...] = ()) -> list[str]:
    return [name for name in HEAVY if name not in but and name in loaded]


def test_an_application_loads_nothing_that_it_may_never_use() -> None:
    # The database's own module is loaded when the URL says which one it is, its driver likewise.
    loaded = _loaded("from dbjobs import Jobs; Jobs('sqlite:///never-opened.db')")
    assert not _heavy(loaded, ("sqlite3", "dbjobs.store.sqlite"))
    assert not _heavy(_loaded("from dbjobs import Jobs"))


def test_the_package_alone_loads_nothing_of_its_own() -> None:
    assert {name for name in _loaded("import dbjobs") if name.startswith("dbjobs")} == {"dbjobs"}


def test_a_start_loads_the_engine_in_a_thread_and_not_in_the_event_loop(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, threading\n"
        "from dbjobs import Jobs\n"
        "jobs = Jobs('sqlite:///jobs.db')\n"
        "here = []\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.startswith('dbjobs.') and threading.current_thread() is threading.main_thread():\n"
        "            here.append(name)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "async def main():\n"
        "    async with jobs.start(): pass\n"
        "asyncio.run(main())\n"
        "print(*here)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["dbjobs.engine.keeper"]


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_command_line_starts_without_its_commands(option: str) -> None:
    code = f"import sys; sys.argv = ['dbjobs', {option!r}]\nfrom dbjobs.cli.__main__ import main\n"
    loaded = _loaded(f"{code}try: main()\nexcept SystemExit: pass")
    assert not _heavy(loaded, ("typer", "rich", "dbjobs.cli"))
    assert {name for name in loaded if name.startswith("dbjobs.")} == {
        "dbjobs.cli", "dbjobs.cli.__main__", "dbjobs.cli.app", "dbjobs.cli.failures", "dbjobs.cli.streams",
        "dbjobs.errors",
    }  # fmt: skip


def test_the_list_of_commands_says_what_their_help_says() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert list(commands) == list(HOMES)
    assert {name: home.help for name, home in HOMES.items()} == {
        name: command.get_short_help_str(1000) for name, command in commands.items()
    }


def test_a_name_is_at_home_where_type_checkers_are_told() -> None:
    tree = ast.parse(Path(dbjobs.__file__).read_text())
    (block, *_) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    told = {alias.name: node.module for node in imports for alias in node.names}
    assert told == dbjobs._HOMES
    assert set(dbjobs.__all__) == told.keys()
    for name, module in told.items():
        assert getattr(dbjobs, name) is getattr(importlib.import_module(str(module)), name)


def test_a_name_that_is_not_ours_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'dbjobs' has no attribute 'Job_s'"):
        dbjobs.Job_s  # type: ignore[attr-defined] # noqa: B018
    assert set(dbjobs.__all__) < set(dir(dbjobs))
