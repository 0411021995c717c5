"""`dbjobs doctor`: is everything in order, and if not, what helps?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from dbjobs.cli.application import load
from dbjobs.cli.checks import engine_found, file_missing
from dbjobs.cli.connection import is_given, needed_url, run
from dbjobs.cli.failures import EXIT_ERROR
from dbjobs.cli.options import DEFAULT_SCHEMA, Application, AsJson, Schema, Url, duration
from dbjobs.cli.output import clean, write, write_json
from dbjobs.errors import DatabaseError
from dbjobs.inspect.health import Examined, Finding, examine
from dbjobs.store.database import make_database, missing_file


def doctor(
    context: typer.Context,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    app: Application = None,
    longest_wait: Annotated[
        Any,
        typer.Option(
            "--longest-wait", parser=duration, metavar="TIME", help="Report a job that is ready and waits for longer."
        ),
    ] = "5m",
    as_json: AsJson = False,
) -> None:
    """Check that all is well, or say what to do.

    Looks at the database, the tables, the nodes, the queues and the jobs; ends with 1 if something is wrong.

    With --app the application's database is taken (unless --url names another), and the commands of ready
    jobs are compared with those that it can run.
    """
    commands: list[str] | None = None
    if app is not None:
        jobs = load(app)
        commands = jobs.stored_commands
        # A variable of the environment is there for the other commands, too, and says nothing of this application.
        url = url if is_given(context, "url") else jobs.url
        schema = schema if is_given(context, "schema") else jobs.schema
    findings = run(_doctor(needed_url(url), schema, commands, longest_wait.total_seconds(), as_json))
    if as_json:
        write_json({"ok": all(finding.ok for finding in findings), "findings": findings}, indent=2)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(EXIT_ERROR)


async def _doctor(
    url: str, schema: str, commands: Sequence[str] | None, longest_wait_seconds: float, as_json: bool
) -> list[Finding]:
    db = make_database(url, schema=schema)
    findings: list[Finding] = []
    if (path := missing_file(db)) is not None:  # opening it would create it, and then find it in order
        findings = [engine_found(), file_missing(path)]
        if not as_json:
            for finding in findings:
                _print(finding)
        return findings
    try:
        await db.open()
    except DatabaseError as error:
        finding = Finding(check="database", ok=False, message=str(error), advice="is it running, and is the URL right?")
        findings.append(finding)
        if not as_json:
            _print(finding)
        return findings
    try:
        examined = Examined(db=db, commands=commands, longest_wait_seconds=longest_wait_seconds)
        async for finding in examine(examined):
            findings.append(finding)
            if not as_json:
                _print(finding)
    finally:
        await db.close()
    return findings


def _print(finding: Finding) -> None:
    text = f"{'OK' if finding.ok else 'WARN':<4}  {finding.check:<8}  {clean(finding.message)}"
    write(text, "green" if finding.ok else "bold yellow")
    if finding.advice is not None:
        write(f"{'':<16}-> {finding.advice}")
