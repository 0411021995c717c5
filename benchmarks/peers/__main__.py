"""A quick table of the other libraries alone: ``python -m benchmarks.peers --db postgres --url URL``."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from benchmarks.peers import NotOffered, Peer, PeerResult, Unavailable, peers
from benchmarks.peers.measure import measure

_DATABASE = "dbjobs_bench_peer"


def main() -> None:
    """Measure every peer of one dialect and print what it did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--db", choices=("postgres", "sqlite"), required=True)
    parser.add_argument("--url", help="PostgreSQL server; each peer gets a database of its own on it")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--tasks", type=int, default=50, help="callers of the concurrent scenario")
    parser.add_argument("--latency-jobs", type=int, default=100)
    parser.add_argument("--only", help="measure only the peers whose name contains this")
    given = parser.parse_args()
    if given.db == "postgres" and not given.url:
        parser.error("--db postgres needs --url")
    for peer in peers(given.db):
        if given.only and given.only.lower() not in peer.name.lower():
            continue
        if isinstance(peer, Unavailable):
            print(f"{peer.name}\n  not available: {peer.reason}\n")
        else:
            asyncio.run(_show(peer, given.url, given.jobs, given.tasks, given.latency_jobs))


async def _show(peer: Peer, server: str | None, jobs: int, tasks: int, latency_jobs: int) -> None:
    print(f"{peer.name} {peer.version}\n  settings: {peer.settings}\n  keeps:    {peer.keeps}", flush=True)
    async with _fresh_database(server) as url:
        await peer.prepare(url)
        try:
            async for scenario, result in measure(peer, jobs=jobs, tasks=tasks, latency_jobs=latency_jobs):
                print(f"  {scenario:<20}{_text(result)}", flush=True)
        finally:
            await peer.close()
    print()


def _text(result: PeerResult | NotOffered) -> str:
    if isinstance(result, NotOffered):
        return f"not offered: {result}"
    if result.unit == "ms":
        tail = ", ".join(f"{name} {result.extra[name]:.1f}" for name in ("p95", "p99", "max"))
        return f"{result.value:>10.1f} ms (median; {tail})"
    return f"{result.value:>10,.0f} jobs/s"


@asynccontextmanager
async def _fresh_database(server: str | None) -> AsyncIterator[str]:
    """An empty database: on the PostgreSQL server when one is named, else a SQLite file."""
    if server is None:
        with tempfile.TemporaryDirectory(prefix="dbjobs-bench-") as folder:
            yield f"sqlite:///{Path(folder) / 'peer.db'}"
        return
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {_DATABASE}")
        yield urlunsplit(urlsplit(server)._replace(path=f"/{_DATABASE}"))
        await connection.execute(f"DROP DATABASE {_DATABASE} WITH (FORCE)")
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
