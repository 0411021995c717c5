"""Puts the commands together."""

from __future__ import annotations

import os
from typing import Annotated

import typer

import dbjobs
from dbjobs.cli.admin import admin
from dbjobs.cli.bulk import app as bulk
from dbjobs.cli.demo import demo
from dbjobs.cli.doctor import doctor
from dbjobs.cli.enqueue import enqueue
from dbjobs.cli.explain import explain
from dbjobs.cli.failures import TRACEBACK_VARIABLE
from dbjobs.cli.init import init
from dbjobs.cli.intervene import cancel, requeue
from dbjobs.cli.listing import history, jobs
from dbjobs.cli.logs import logs
from dbjobs.cli.migrate import migrate
from dbjobs.cli.numbers import stats, workers
from dbjobs.cli.output import prepare_streams
from dbjobs.cli.queues import limit, pause, queues, resume
from dbjobs.cli.requests import requests
from dbjobs.cli.schedules import app as schedules
from dbjobs.cli.search import find, replay
from dbjobs.cli.show import show
from dbjobs.cli.sql import sql
from dbjobs.cli.top import top
from dbjobs.cli.transfer import transfer
from dbjobs.cli.worker import worker

EXIT_CODES = "Exit codes: 0 all went well; 1 an error, or no such job; 2 wrong usage; 130 interrupted (Ctrl+C)."

app = typer.Typer(
    name="dbjobs",
    # Plain help and plain errors: the same on a terminal, in a pipe and in a log.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dbjobs {dbjobs.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help=f"Show where an error was raised (or set {TRACEBACK_VARIABLE}=1).")
    ] = False,
) -> None:
    """Durable background jobs in the database your application already has."""
    prepare_streams()
    if traceback:
        # In the environment, so that worker processes do the same.
        os.environ[TRACEBACK_VARIABLE] = "1"


_JOBS = (enqueue, jobs, find, show, explain, logs, cancel, requeue, replay, history)
_NUMBERS = (top, stats, workers)
_QUEUES = (queues, pause, resume, limit)
for command in (demo, init, migrate, transfer, worker, *_JOBS, *_QUEUES, *_NUMBERS, admin, doctor, sql):
    app.command(epilog=EXIT_CODES)(command)
for group in (schedules, bulk):
    group.info.epilog = EXIT_CODES
    app.add_typer(group)
app.add_typer(requests, name="requests", epilog=EXIT_CODES)
