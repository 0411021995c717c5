"""`dbjobs worker`: run an application's jobs, in this process or in several of its own."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from dbjobs.cli import console
from dbjobs.cli.application import load
from dbjobs.cli.connection import run
from dbjobs.cli.options import duration
from dbjobs.cli.processes import WorkerProcesses, own_command
from dbjobs.engine.settings import StartOptions, make_settings
from dbjobs.jobs import ENGINE, Jobs
from dbjobs.wording import counted

log = logging.getLogger("dbjobs.worker")

LEVELS = ("debug", "info", "warning", "error")


def worker(
    app: Annotated[str, typer.Argument(metavar="MODULE:NAME", help="Your Jobs object, such as myapp:jobs.")],
    processes: Annotated[int, typer.Option("--processes", "-p", min=1, max=1000, help="Processes to run.")] = 1,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", min=1, help="Jobs that each process runs at the same time.")
    ] = 100,
    queues: Annotated[
        list[str] | None,
        typer.Option(
            "--queue", "-q", metavar="NAME[=N]", help="Serve this queue, at most N at once; repeat. All if left out."
        ),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads for plain functions, per process.")] = 40,
    handler_processes: Annotated[
        int | None,
        typer.Option("--handler-processes", min=1, help="Processes for handlers with process=True, per process."),
    ] = None,
    grace: Annotated[
        Any,
        typer.Option(
            "--grace", parser=duration, metavar="TIME", help="How long running jobs may take to finish at a stop."
        ),
    ] = "10s",
    lease: Annotated[
        Any,
        typer.Option(
            "--lease", parser=duration, metavar="TIME", help="A process that is silent for this long counts as dead."
        ),
    ] = "30s",
    level: Annotated[str, typer.Option("--log-level", metavar="LEVEL", help=f"One of {', '.join(LEVELS)}.")] = "info",
    parent_pipe: Annotated[bool, typer.Option("--parent-pipe", hidden=True)] = False,
) -> None:
    """Run jobs until SIGTERM or SIGINT (Ctrl+C).

    The first signal stops new work and gives running jobs their grace; the second ends them at once. Jobs that
    do not end in time go back to their queues, uncharged. A plain function that cannot be stopped ends with the
    process, exit code 1; its job goes to others when the lease is over.

    With --processes, a process that dies is started again.
    """
    if level not in LEVELS:
        raise typer.BadParameter(f"{level!r} is not one of {', '.join(LEVELS)}", param_hint="--log-level")
    settings = StartOptions(
        concurrency=concurrency,
        queues=_served(queues),
        threads=threads,
        processes=handler_processes,
        grace_seconds=grace.total_seconds(),
        lease_seconds=lease.total_seconds(),
    )
    # In the parent, too: a wrong name or value is reported once, before any process starts.
    make_settings(**settings)
    jobs = load(app)
    console.set_up(level)
    if processes > 1:
        command = [*own_command(), "worker", app, "--log-level", level]
        command += ["--concurrency", str(concurrency), "--threads", str(threads)]
        command += ["--grace", str(grace.total_seconds()), "--lease", str(lease.total_seconds())]
        command += [f"--queue={queue}" for queue in queues or ()]
        command += [] if handler_processes is None else ["--handler-processes", str(handler_processes)]
        raise typer.Exit(asyncio.run(WorkerProcesses(command, processes).run()))
    if parent_pipe:
        threading.Thread(target=_stop_with, args=(_own_input(),), name="dbjobs-parent", daemon=True).start()
    run(_work(jobs, settings))


async def _work(jobs: Jobs, settings: StartOptions) -> None:
    queues = settings["queues"]
    # What has been imported lives as long as this process: Python's collector need not walk through it again and again.
    # A walk through the modules of a web application holds the event loop for tens of milliseconds.
    importlib.import_module(ENGINE)
    gc.collect()
    gc.freeze()
    log.info(
        "%s: up to %s at once, from %s",
        counted(len(jobs.commands), "command"),
        counted(settings["concurrency"], "job"),
        "every queue" if queues is None else "the queues " + ", ".join(queues),
    )
    left = await jobs.run_forever(**settings)
    if left:
        log.error(
            "stopped with %s left; others take their jobs when the lease is over", counted(left, "running handler")
        )
        logging.shutdown()
        os._exit(1)  # a normal exit would wait for the threads
    log.info("stopped")


def _own_input() -> int:
    """Move the parent's pipe away from standard input: handlers and their programs find nothing to read there."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return pipe


def _stop_with(parent_pipe: int) -> None:
    """Stop this process when its parent closes the pipe or dies: it never writes, so a read returns only then."""
    with suppress(OSError):
        os.read(parent_pipe, 1)
    log.warning("the parent process is gone")
    signal.raise_signal(signal.SIGTERM)


def _served(queues: Sequence[str] | None) -> dict[str, int | None] | None:
    if not queues:
        return None
    served: dict[str, int | None] = {}
    for text in queues:
        name, equals, limit = text.rpartition("=") if "=" in text else (text, "", "")
        if not name:
            raise typer.BadParameter(f"{text!r} names no queue", param_hint="--queue")
        if equals and not limit.isdecimal():
            raise typer.BadParameter(f"{text!r}: {limit!r} is not a number of jobs", param_hint="--queue")
        served[name] = int(limit) if equals else None
    return served
