"""A worker in a process of its own: ``python -m benchmarks.ours.worker URL``.

It opens the database, says ``ready`` and then obeys its standard input, a word a line: ``go`` starts the
workers, ``report`` prints what was seen so far as JSON; the end of the input stops the process.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.ours.workload import CONCURRENCY, Workload


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    import os

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _main(url: str) -> None:
    workload = Workload(url)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(workload.jobs)
        print("ready", flush=True)
        while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if word == "go":
                await stack.enter_async_context(workload.jobs.start(concurrency=CONCURRENCY))
                print("started", flush=True)
            elif word == "report":
                seen = {"rss": resident_bytes(), "runs": workload.tally.runs, "stamps": workload.stamps}
                print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
