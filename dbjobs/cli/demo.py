"""`dbjobs demo`: watch jobs run, on real files, in a few seconds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from dbjobs.cli.connection import run
from dbjobs.cli.failures import EXIT_ERROR, complain
from dbjobs.cli.output import clean, write
from dbjobs.demo.display import display
from dbjobs.demo.files import MAX_BYTES, MAX_FILES, Choice, choose, missing_file, own_folder
from dbjobs.demo.follow import follow
from dbjobs.models import JobState
from dbjobs.wording import counted

if TYPE_CHECKING:
    from dbjobs.demo.wordcount import Report

CONCURRENCY = 8
LONGEST_SECONDS = 120.0


def demo(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Files to count; the project's own if left out.")
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option("--db", metavar="PATH", help="Where the jobs are kept; a new temporary folder if left out."),
    ] = None,
) -> None:
    """Watch jobs run: count the words of real files.

    On SQLite, one failure included. One job counts each file, a named worker merges the counts one by one, and a
    last job, which depends on all of them, writes a report. The program is dbjobs/demo/wordcount.py: read it as
    an example.
    """
    root = (folder or own_folder()).resolve()
    if not root.is_dir():
        raise typer.BadParameter(f"{str(root)!r} is not a folder", param_hint="FOLDER")
    choice = choose(root)
    if not choice.files:
        raise typer.BadParameter(f"{str(root)!r} has no text files", param_hint="FOLDER")
    # The display reports failures itself.
    attempts = logging.getLogger("dbjobs.attempts")
    attempts.propagate = False
    attempts.addHandler(logging.NullHandler())
    files = list(choice.files)
    home = _home(db)
    url = f"sqlite:///{quote(str(home))}"
    write(clean(f"Counting the words of {counted(len(files), 'text file')} in {root}{_left_out(choice)}."))
    write(f"The jobs are kept in {home}")
    if not choice.unreadable:
        files.append(missing_file(root))
        write(
            f"Every file can be read; to show a failure, one more job gets a file that is not there: {files[-1].name}"
        )
    write()
    run(_demo(url, files, home))


async def _demo(url: str, files: list[Path], home: Path) -> None:
    # The example takes its database from the environment, as an application would.
    os.environ["DBJOBS_URL"] = url
    from dbjobs.demo.wordcount import jobs, submit

    began = time.monotonic()
    batch_id = f"demo-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    totals, report = (home.with_name(f"{batch_id}-{name}") for name in ("totals.json", "report.txt"))
    over = asyncio.Event()
    async with jobs.start(concurrency=CONCURRENCY):
        with display() as screen:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(follow(jobs, batch_id=batch_id, until=over, display=screen))
                last = await submit(files, totals=totals, report=report, batch_id=batch_id)
                with contextlib.suppress(TimeoutError):
                    await jobs.wait(last, timeout=LONGEST_SECONDS)
                over.set()
        ended = await jobs.get(last)
        failed = await jobs.list(batch_id=batch_id, state=JobState.FAILED, limit=1)
    shown = failed[0].id if failed else last.id
    if ended is None or ended.state is not JobState.COMPLETED:
        complain("the job that writes the report has not completed: see below")
        _print_next(url, report, last.id)
        raise typer.Exit(EXIT_ERROR)
    _print_report(ended.response, time.monotonic() - began)
    _print_next(url, report, shown)


def _print_report(report: Report, took_seconds: float) -> None:
    write()
    write(f"{counted(report.words, 'word')} in {counted(report.files, 'file')}, in {took_seconds:.1f} s", "bold")
    for word, count in report.most_common:
        write(f"{count:>9}  {word}")
    if report.missing:
        write(f"{counted(report.missing, 'file')} could not be counted")


def _print_next(url: str, report: Path, job_id: int) -> None:
    program, database = _program(), shlex.quote(url)
    write()
    write(f"The report: {report}")
    write("All jobs, the failed ones, and everything about one of them:")
    for words in ("jobs", "history --state failed", f"show {job_id}"):
        write(f"  {program} {words} --url {database}")


def _home(db: Path | None) -> Path:
    """The absolute path of the jobs file; its folder exists."""
    home = Path(tempfile.mkdtemp(prefix="dbjobs-demo-"), "jobs.db") if db is None else db.absolute()
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(
            f"cannot make the folder {str(home.parent)!r}: {error.strerror}", param_hint="--db"
        ) from None
    return home


def _left_out(choice: Choice) -> str:
    parts = []
    if choice.binary:
        parts.append(f"{choice.binary} binary")
    if choice.large:
        parts.append(f"{choice.large} with more than {MAX_BYTES // 1024} KiB")
    if choice.more:
        parts.append(f"everything after the first {MAX_FILES}")
    return f" (left out: {', '.join(parts)})" if parts else ""


def _program() -> str:
    """How this very program can be started again from the same shell."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m dbjobs"
    found = shutil.which(started.name)
    if found is not None and started.exists() and Path(found).samefile(started):
        return shlex.quote(started.name)
    return shlex.quote(str(started))
