"""`dbjobs init`: background jobs for an application that exists."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dbjobs.cli.output import write
from dbjobs.errors import InvalidOption
from dbjobs.scaffold.detect import FRAMEWORKS, PLAIN, detect
from dbjobs.scaffold.plan import Plan, make_plan
from dbjobs.scaffold.write import Written, write_files


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The project.", show_default=False)] = Path(),
    framework: Annotated[
        str | None,
        typer.Option("--framework", metavar="NAME", help=f"{', '.join((*FRAMEWORKS, PLAIN))}; found out if left out."),
    ] = None,
    request_log: Annotated[
        bool, typer.Option("--request-log", help="Log the application's requests to the same database, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be done.")] = False,
) -> None:
    """Write a module of jobs into an existing project, and say how to wire it.

    Safe to run again: nothing that exists is changed.
    """
    if not folder.is_dir():
        raise InvalidOption(f"there is no folder {folder}")
    root = folder.resolve()
    found = detect(root, framework)
    plan = make_plan(root, found, request_log=request_log)
    write(f"framework: {found.framework} ({found.because})")
    done = write_files(plan, dry_run=dry_run)
    for file in done:
        write(_told(file, root))
    write()
    for line in _next(plan, root):
        write(line)


def _told(file: Written, root: Path) -> str:
    path = file.path.relative_to(root)
    if file.what == "left alone":
        return f"{path}: left alone; it exists and is not what would be written"
    return f"{path}: {file.what}" if file.what.startswith("is") else f"{file.what} {path}"


def _next(plan: Plan, root: Path) -> list[str]:
    """What is left to do."""
    start = os.path.relpath(plan.start, root)
    there = (
        [] if start == "." else [f"  cd {start}    # where Python finds {plan.jobs}, if the project is not installed"]
    )
    lines = ["Next:", "  pip install aiosmtplib    # for the example, send_email"]
    where = ""
    for file, line in plan.lines:
        if file != where:
            lines.append(f"  in {file}:")
            where = file
        lines.append(f"      {line}")
    return [
        *lines,
        "  set DBJOBS_URL to your database (without it: the file jobs.db), SMTP_HOST to your mail server",
        *there,
        f"  dbjobs worker {plan.jobs}    # jobs in a process of their own",
        f"  dbjobs enqueue send_email '{_EXAMPLE}' --app {plan.jobs}",
    ]


_EXAMPLE = '{"to": "you@example.com", "subject": "hello", "text": "it works"}'
