"""The command `dbjobs`: its options, and where each of its commands is at home.

A command is imported when it is called, so that `dbjobs --version` and `dbjobs --help` load neither the engine nor the
packages that a single command needs.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

import dbjobs
from dbjobs.cli.failures import TRACEBACK_VARIABLE
from dbjobs.cli.streams import prepare_streams

EXIT_CODES = "Exit codes: 0 all went well; 1 an error, or no such job; 2 wrong usage; 130 interrupted (Ctrl+C)."


class Home(NamedTuple):
    """Where a command is.

    Attributes:
        module: in ``dbjobs.cli``.
        attribute: a function, or a Typer of several commands.
        help: the first paragraph of its help, for the list of commands.
    """

    module: str
    attribute: str
    help: str


# In the order of the list that `dbjobs --help` shows.
HOMES = {
    "demo": Home("demo", "demo", "Watch jobs run: count the words of real files."),
    "init": Home("init", "init", "Write a module of jobs into an existing project, and say how to wire it."),
    "migrate": Home("migrate", "migrate", "Make the tables, or update them."),
    "transfer": Home("transfer", "transfer", "Move all jobs to another database."),
    "worker": Home("worker", "worker", "Run jobs until SIGTERM or SIGINT (Ctrl+C)."),
    "enqueue": Home("enqueue", "enqueue", "Store a job and print its id."),
    "jobs": Home("listing", "jobs", "List jobs, live and finished."),
    "find": Home("search", "find", "Find jobs, live and finished, by any of their columns."),
    "show": Home("show", "show", "Show everything about one job."),
    "explain": Home("explain", "explain", "Say why a job does not run, or what it did."),
    "logs": Home("logs", "logs", "Print the log lines of one job."),
    "cancel": Home("intervene", "cancel", "Cancel jobs: those named, or all that fit."),
    "requeue": Home("intervene", "requeue", "Run failed or cancelled jobs again: those named, or all that fit."),
    "replay": Home("search", "replay", "Run a job that has ended once more, as a new job."),
    "history": Home("listing", "history", "List finished jobs."),
    "queues": Home("queues", "queues", "List the queues and their settings."),
    "pause": Home("queues", "pause", "Start no more jobs of a queue; running ones go on."),
    "resume": Home("queues", "resume", "Start jobs from a paused queue again."),
    "limit": Home("queues", "limit", "Run at most this many jobs of a queue at the same time on each node."),
    "top": Home("top", "top", "Show what runs, what waits and what ended, and keep it up to date."),
    "stats": Home("numbers", "stats", "Show what ended, and how long it waited and ran."),
    "workers": Home("numbers", "workers", "Show named workers and nodes."),
    "admin": Home("admin", "admin", "Serve the admin page until SIGTERM or SIGINT (Ctrl+C)."),
    "doctor": Home("doctor", "doctor", "Check that all is well, or say what to do."),
    "sql": Home("sql", "sql", "List the SQL statements of a database, or print one."),
    "schedules": Home("schedules", "app", "Scheduled tasks: what recurs, when it runs next, how its last runs ended."),
    "bulk": Home("bulk", "app", "Cancel or requeue all jobs of a search, as a durable job."),
    "requests": Home(
        "requests", "requests", "The latest requests of the log; 'stats' sums them up, 'show' shows one of them."
    ),
}


class Lazy(TyperGroup):
    """A group that knows its commands by name, and imports one when it is called."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands = Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the list."""
        return list(HOMES)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands without importing one."""
        width = formatter.width - 6 - max(map(len, HOMES))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, TyperCommand(name, help=home.help).get_short_help_str(width)) for name, home in HOMES.items()]
            )


class Commands(dict[str, Any]):
    """Name -> command; a command is imported when it is first taken."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(HOMES))

    def __getitem__(self, name: str) -> Any:
        made = super().__getitem__(name)
        if made is None:
            made = self[name] = _make(name, HOMES[name])
        return made

    def get(self, name: str, default: Any = None) -> Any:
        """The command of this name, or the default."""
        return self[name] if name in self else default  # noqa: SIM401 - that would be itself

    def values(self) -> Any:
        """All commands."""
        return [self[name] for name in self]

    def items(self) -> Any:
        """Names and commands."""
        return [(name, self[name]) for name in self]


def _make(name: str, home: Home) -> Any:
    found = getattr(import_module(f"dbjobs.cli.{home.module}"), home.attribute)
    if isinstance(found, typer.Typer):
        found.info.epilog = EXIT_CODES
    else:
        one = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        one.command(name, epilog=EXIT_CODES)(found)
        found = one
    made = typer.main.get_command(found)
    made.name = name
    return made


app = typer.Typer(
    name="dbjobs",
    cls=Lazy,
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
