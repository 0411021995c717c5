"""`dbjobs admin`: the admin page on a port of this machine, and `--demo`: the same, filled."""

from __future__ import annotations

import importlib
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from dbjobs.cli import console
from dbjobs.cli.application import load
from dbjobs.cli.connection import is_given, needed_url, refuse_both, run
from dbjobs.cli.options import DEFAULT_SCHEMA, Application, Schema, Url
from dbjobs.cli.output import clean, write
from dbjobs.cli.worker import LEVELS
from dbjobs.errors import InvalidOption, MissingDriver
from dbjobs.jobs import Jobs

PORT = 8642
DEMO_TITLE = "Lamps & Chairs"


def admin(
    context: typer.Context,
    url: Url = None,
    schema: Schema = DEFAULT_SCHEMA,
    app: Application = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="The port; 0: any free one.")] = PORT,
    tokens: Annotated[
        list[str] | None,
        typer.Option(
            "--token",
            envvar="DBJOBS_ADMIN_TOKEN",
            show_envvar=True,
            metavar="SECRET",
            help="Ask for this secret, 16 characters or more; repeat for several.",
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show everything, change nothing.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Show a made-up shop in a temporary database, with workers that go on.")
    ] = False,
    opens: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    level: Annotated[
        str, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
    ] = "warning",
) -> None:
    """Serve the admin page until SIGTERM or SIGINT (Ctrl+C).

    Only this machine may come in, unless there is a token. With --app the page knows the application's commands; with
    --url it knows what the database knows. Neither runs jobs: workers do.
    """
    if level not in LEVELS:
        raise typer.BadParameter(f"{level!r} is not one of {', '.join(LEVELS)}", param_hint="--log-level")
    serving = _serving()
    _check_host(host, tokens or ())
    if demo and (app or is_given(context, "url")):
        raise typer.BadParameter("the demo has a database of its own; leave --url and --app out", param_hint="--demo")
    refuse_both(context)
    console.set_up(level)
    options = serving.options(tokens or (), read_only)

    def told(address: str) -> None:
        write(clean(f"The admin page is at {address}" + (" (log in with the token)" if tokens else "")))
        if opens:
            typer.launch(address)

    if demo:
        run(_demo(serving.serve, host, port, options, told))
        return
    run(_serve(serving.serve, _client(url, schema, app), host, port, options, told))


def _client(url: str | None, schema: str, app: str | None) -> Jobs:
    return load(app) if app else Jobs(needed_url(url), schema=schema, migrate=False)


async def _serve(
    serve: Any, jobs: Jobs, host: str, port: int, options: dict[str, Any], told: Callable[[str], None]
) -> None:
    page = jobs.admin(**options)
    async with jobs:
        await serve(page, host, port, told)


async def _demo(serve: Any, host: str, port: int, options: dict[str, Any], told: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="dbjobs-admin-", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "shop.db")
        async with _shop(file, options) as page:
            write(clean(f"The demo's database, {file}, is removed at the end."))
            await serve(page, host, port, told)


@asynccontextmanager
async def _shop(file: Path, options: dict[str, Any]) -> AsyncIterator[Any]:
    # The shop takes its database from the environment, as an application would.
    os.environ["DBJOBS_URL"] = f"sqlite:///{quote(str(file))}"
    application = importlib.import_module("dbjobs.demo.shop.application")
    fill = importlib.import_module("dbjobs.demo.shop.fill")
    life = importlib.import_module("dbjobs.demo.shop.life")
    # The page tells of its failures.
    attempts = logging.getLogger("dbjobs.attempts")
    attempts.propagate = False
    attempts.addHandler(logging.NullHandler())
    await fill.fill(file)
    explore = ("send_email", "index_product", "resize_image")
    shown = {"title": DEMO_TITLE, "environment": "demo", "colour": "violet", "explore": explore, **options}
    async with life.life():
        yield application.jobs.admin(**shown)


def _check_host(host: str, tokens: Sequence[str]) -> None:
    from dbjobs.admin.access import is_loopback

    if not tokens and not is_loopback(host):
        raise InvalidOption(
            f"--host {host}: other machines could come in; give --token SECRET (or set DBJOBS_ADMIN_TOKEN), "
            "or listen at 127.0.0.1"
        )


def _serving() -> Any:
    """The module that needs the packages of the extra.

    Raises:
        MissingDriver: one is not installed.
    """
    try:
        return importlib.import_module("dbjobs.admin.serving")
    except ModuleNotFoundError as error:
        raise MissingDriver(f"dbjobs admin needs the package {error.name}: pip install 'dbjobs[admin]'") from error
