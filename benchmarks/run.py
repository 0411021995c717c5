"""One run from start to end: the databases, the contestants, the rounds, the report."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from benchmarks import peers as libraries
from benchmarks.ours.contestant import Ours
from benchmarks.peers import Dialect, Peer, Unavailable
from benchmarks.raw.mysql import RawMysql
from benchmarks.raw.postgres import RawPostgres
from benchmarks.raw.sqlite import RawSqlite
from benchmarks.report import table
from benchmarks.report.acceptance import acceptance
from benchmarks.report.chart import write_chart
from benchmarks.report.figures import OURS, RAW, Figures
from benchmarks.report.machine import machine_facts
from benchmarks.report.results import write_results
from benchmarks.rounds import run_rounds
from benchmarks.scenarios import SCENARIOS, Field
from benchmarks.server import fresh_database, running_server
from benchmarks.tables.mysql import MysqlTables
from benchmarks.tables.postgres import PostgresTables
from benchmarks.tables.site import Site
from benchmarks.tables.sqlite import SqliteTables

if TYPE_CHECKING:
    from benchmarks.raw.sqlserver import RawSqlServer

Raw: TypeAlias = "RawPostgres | RawSqlite | RawMysql | RawSqlServer"


@dataclass(frozen=True)
class Run:
    """How the command was called."""

    dialect: Dialect
    scenarios: Sequence[str]
    url: str | None
    peers: bool
    scale: float
    repeat: int
    chart: Path | None


def run(chosen: Run) -> bool:
    """Measure and report; False if dbjobs failed in a scenario."""
    found = libraries.peers(chosen.dialect) if chosen.peers else []
    present = [peer for peer in found if not isinstance(peer, Unavailable)]
    absent = [peer for peer in found if isinstance(peer, Unavailable)]
    with ExitStack() as stack:
        if chosen.dialect == "sqlite":
            url, *peer_urls = [stack.enter_context(_fresh_file()) for _ in range(1 + len(present))]
            tables = SqliteTables(url)
            site = Site("sqlite", url, tables)
            raw: Raw = RawSqlite(tables)
        else:
            server = stack.enter_context(running_server(chosen.dialect, chosen.url))
            url, *peer_urls = [stack.enter_context(fresh_database(server)) for _ in range(1 + len(present))]
            if chosen.dialect == "postgres":
                site = Site("postgres", url, PostgresTables(url))
                raw = RawPostgres(site)
            elif chosen.dialect == "sqlserver":
                site, raw = _sqlserver(url)
            else:
                site = Site(chosen.dialect, url, MysqlTables(url))
                raw = RawMysql(site)
        return asyncio.run(_run(chosen, site, raw, dict(zip(peer_urls, present, strict=True)), absent))


def _sqlserver(url: str) -> tuple[Site, RawSqlServer]:
    # Not at the top: its driver needs a library of the system's, which the other databases can do without.
    from benchmarks.raw.sqlserver import RawSqlServer
    from benchmarks.tables.sqlserver import SqlServerTables

    site = Site("sqlserver", url, SqlServerTables(url))
    return site, RawSqlServer(site)


async def _run(
    chosen: Run,
    site: Site,
    raw: Raw,
    peers: Mapping[str, Peer],
    absent: Sequence[Unavailable],
) -> bool:
    ours = Ours(site)
    await ours.prepare()
    async with AsyncExitStack() as stack:
        await site.tables.open()
        stack.push_async_callback(site.tables.close)
        await ours.check_fill()
        for url, peer in peers.items():
            await peer.prepare(url)
            stack.push_async_callback(peer.close)
        facts = machine_facts(await site.tables.version())
        print("; ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
        contestants = {OURS: {"settings": ours.settings, "keeps": ours.keeps}, RAW: {"settings": raw.settings}}
        contestants |= {
            peer.name: {"version": peer.version, "settings": peer.settings, "keeps": peer.keeps}
            for peer in peers.values()
        }
        field = Field(site, ours, raw, list(peers.values()), chosen.scale)
        figures = await run_rounds(field, [SCENARIOS[name] for name in chosen.scenarios], chosen.repeat)
    for library in absent:
        contestants[library.name] = {"not available": library.reason}
    _report(chosen, facts, contestants, figures, [peer.name for peer in peers.values()])
    return not any(who == OURS for _, who in figures.failures)


def _report(
    chosen: Run,
    facts: Mapping[str, str | int],
    contestants: Mapping[str, Mapping[str, str]],
    figures: Figures,
    peers: list[str],
) -> None:
    print(f"\n{table.figures_table(figures)}\n")
    for (row, who), reason in figures.failures.items():
        print(f"{row}: {who}: {reason}")
    if note := table.raw_note(figures):
        print(note)
    for name, told in contestants.items():
        print(f"{name}: {'; '.join(f'{word}: {text}' for word, text in told.items())}")
    lines = acceptance(figures, chosen.dialect, peers)
    print(f"\n{table.acceptance_table(lines)}")
    if chosen.scale < 1:
        print(f"(with --jobs-scale {chosen.scale:g} start and stop weigh more than they should: indicative only)")
    stamp = str(facts["date"]).replace(":", "").replace(" ", "-").removesuffix("-UTC")
    called = {
        "database": chosen.dialect,
        "scenarios": list(chosen.scenarios),
        "jobs_scale": chosen.scale,
        "repeat": chosen.repeat,
    }
    path = write_results(
        f"{chosen.dialect}-{stamp}", facts=facts, run=called, contestants=contestants, figures=figures, lines=lines
    )
    print(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    if chosen.chart is not None:
        write_chart(chosen.chart, figures, f"{facts['database']}, {facts['processors']} x {facts['processor']}")
        print(f"drawn in {chosen.chart}")


@contextmanager
def _fresh_file() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="dbjobs-bench-") as folder:
        yield f"sqlite:///{folder}/jobs.db"
