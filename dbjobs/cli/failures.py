"""What people see when something goes wrong: one line on stderr that names the cause, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from dbjobs.cli.streams import clean
from dbjobs.errors import DbjobsError, InvalidOption, InvalidUrl

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
TRACEBACK_VARIABLE = "DBJOBS_TRACEBACK"


def run_app(app: Callable[[], object]) -> int:
    """Run a command line and turn what it raises into a line and an exit code.

    With ``--traceback`` (or the variable DBJOBS_TRACEBACK) the exception is raised unchanged.
    """
    try:
        app()
    except SystemExit as exit:
        return _code_of(exit)
    except (Exception, BaseExceptionGroup) as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        return report(error)
    return 0


def report(error: BaseException) -> int:
    """Print what was wrong, one line for each cause; the exit code that goes with it."""
    code = EXIT_ERROR
    for cause in dict.fromkeys(causes(error)):
        if isinstance(cause, BrokenPipeError):
            # The reader has what it wanted (`dbjobs jobs | head -1`); an error would end a script under `pipefail`.
            _silence_stdout()
            code = 0
        elif isinstance(cause, DbjobsError):
            complain(str(cause))
        else:
            complain(f"unexpected {type(cause).__name__}: {cause} (dbjobs --traceback ... shows where it was raised)")
        if isinstance(cause, InvalidOption | InvalidUrl):
            code = EXIT_USAGE
    return code


def complain(text: str) -> None:
    """One line for people on stderr."""
    sys.stdout.flush()
    print(f"dbjobs: {clean(text)}", file=sys.stderr, flush=True)


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exceptions inside groups, which task groups wrap around the one that matters."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from causes(inner)
    else:
        yield error


def _code_of(exit: SystemExit) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    if isinstance(exit.__context__, BrokenPipeError):  # typer has turned it into an exit
        _silence_stdout()
        return 0
    if _was_interrupted(exit):  # outside of `run`, where an application is imported: typer has made its own exit of it
        return EXIT_INTERRUPTED
    if exit.code is None or isinstance(exit.code, int):
        return exit.code or 0
    print(exit.code, file=sys.stderr)
    return EXIT_ERROR


def _was_interrupted(exit: BaseException) -> bool:
    """True if Ctrl+C was what led to this."""
    cause: BaseException | None = exit
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


def _silence_stdout() -> None:
    """The reader of our output has closed the pipe (``dbjobs jobs | head``)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
