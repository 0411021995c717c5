"""`dbjobs sql`: the statements that the library runs, for an administrator to read or to run by hand."""

from __future__ import annotations

import difflib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated

import typer

from dbjobs.cli.options import DEFAULT_SCHEMA, Schema
from dbjobs.cli.output import Column, write, write_table
from dbjobs.errors import InvalidOption
from dbjobs.store.schemas import check_schema, in_schema
from dbjobs.store.statements import PARAMETER

MIGRATIONS = "migrations"
Name = Annotated[str | None, typer.Argument(metavar="NAME", help="A statement; all are listed if left out.")]
Dialect = Annotated[
    str,
    typer.Option("--dialect", "-d", metavar="NAME", help="One of postgres, mysql (MariaDB, too), sqlite, sqlserver."),
]


def sql(name: Name = None, dialect: Dialect = "postgres", schema: Schema = DEFAULT_SCHEMA) -> None:
    """List the SQL statements of a database, or print one.

    Needs no database. A printed statement is the file as it is run, with :name where a value goes and the tables of
    your schema. How to read and run one: dbjobs/sql/README.md.
    """
    try:
        check_schema(schema)
    except InvalidOption as error:
        raise typer.BadParameter(str(error), param_hint="--schema") from None
    found = _statements(dialect)
    if name is None:
        write_table(
            [Column("NAME"), Column("WHAT", may_shrink=True)],
            [(name, _first_words(file.read_text(encoding="utf-8"))) for name, file in found.items()],
        )
        return
    name = name.removesuffix(".sql")
    if name not in found:
        near = difflib.get_close_matches(name, found, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"'dbjobs sql --dialect {dialect}' lists them"
        raise typer.BadParameter(f"there is no statement {name!r} for {dialect}; {hint}", param_hint="NAME")
    text = found[name].read_text(encoding="utf-8")
    write(f"-- {name}, as {dialect} runs it. {_parameters_of(text)}")
    if schema != DEFAULT_SCHEMA:
        text = in_schema(dialect, schema)(text).replace("{schema}", f'"{schema}"')
    write(text.rstrip("\n"))


def _statements(dialect: str) -> dict[str, Traversable]:
    """The files of a dialect by name; migrations are named with their folder."""
    folders = {folder.name: folder for folder in (files("dbjobs") / "sql").iterdir() if folder.is_dir()}
    dialects = sorted(name for name, folder in folders.items() if (folder / MIGRATIONS).is_dir())
    if dialect not in dialects:
        raise typer.BadParameter(f"{dialect!r} is not one of {', '.join(dialects)}", param_hint="--dialect")
    found: dict[str, Traversable] = {}
    for folder, before in ((folders[dialect], ""), (folders[dialect] / MIGRATIONS, f"{MIGRATIONS}/")):
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".sql"):
                found[before + file.name.removesuffix(".sql")] = file
    return found


def _first_words(text: str) -> str:
    """The first line of a file's comment, or of its SQL if it has none; not what directs the library."""
    line = next(line for line in text.splitlines() if not line.startswith("-- @"))
    return line.removeprefix("-- ")


def _parameters_of(text: str) -> str:
    """What a file takes: single values, and sets; those that its own statements make are none."""
    directives = " ".join(re.findall(r"^-- @(.*)", text, re.MULTILINE))
    made = set(re.findall(r"\bas (\w+)", directives))
    sets: dict[str, list[str]] = {}
    for name in re.findall(r"\b(?:each|rows|union|if|of) (\w+)", directives):
        sets.setdefault(name, [])
    values: list[str] = []
    for match in PARAMETER.finditer(re.sub(r"--[^\n]*", "", text)):
        if match[2] is not None:
            columns = sets.setdefault(match[1], [])
            columns += [match[2]] if match[2] not in columns else []
        elif match[1] not in sets and match[1] not in values and match[1] not in made:
            values.append(match[1])
    told = [f":{name}" for name in values]
    told += [
        f":{name} (a set{': ' + ', '.join(columns) if columns else ''})"
        for name, columns in sets.items()
        if name not in made
    ]
    return f"Parameters: {', '.join(told)}." if told else "It takes no parameters."
