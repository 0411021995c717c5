"""An application whose handlers do what they should not: ``python -m tests.process.odd_app [SETTING=VALUE ...]``.

The variables ODD_APP_URL and ODD_APP_FOLDER say where. Handlers make files there to say what they have done, and wait
for files to go on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from dbjobs import Jobs
from tests.process.app import SayReady

FOLDER = Path(os.environ["ODD_APP_FOLDER"])
jobs = Jobs(os.environ["ODD_APP_URL"], retry_limit=0)


class Panic(BaseException):
    """As PyO3 raises it when Rust code panics."""


def note(name: str) -> None:
    (FOLDER / name).write_text(str(os.getpid()))


def until(name: str) -> None:
    while not (FOLDER / name).exists():
        time.sleep(0.01)


@jobs.command
async def panics() -> None:
    raise Panic("at the disco")


@jobs.command
async def cancels_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


@jobs.command
async def cancels_everybody(others_only: bool) -> None:
    """Every task of the event loop; or all but the main one."""
    own = asyncio.current_task()
    for task in asyncio.all_tasks():
        if not (others_only and (task is own or task.get_name() == "Task-1")):
            task.cancel()
    await asyncio.sleep(0.1)


@jobs.command
async def well() -> str:
    return "well"


@jobs.command
def hangs() -> str:
    note("hangs")
    until("go on")
    note("ended")
    return "done"


@jobs.command(process=True)
def in_a_process() -> str:
    note("in a process")
    until("go on")
    return "done"


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(process)d %(asctime)s %(message)s")
    logging.getLogger("dbjobs").addHandler(SayReady())
    settings: dict[str, Any] = {name: float(value) for name, _, value in (word.partition("=") for word in sys.argv[1:])}
    asyncio.run(jobs.run_forever(**settings))
