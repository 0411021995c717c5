"""What is measured: each scenario, and who takes part in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.ours import bloat, loads
from benchmarks.ours.contestant import Ours
from benchmarks.ours.cost import drain_cost
from benchmarks.ours.open_callers import open_callers
from benchmarks.peers import Peer
from benchmarks.report.figures import DRAIN, OURS, RAW, RAW_ONE, percentiles
from benchmarks.tables.site import Site

TASKS = 50
STEADY_SECONDS = 180

Measured = float | Mapping[str, float]


class Contestant(Protocol):
    """What dbjobs, the bare driver and every peer can do. Every call starts from empty tables."""

    async def enqueue_one(self, jobs: int) -> float: ...

    async def enqueue_concurrent(self, jobs: int, tasks: int) -> float: ...

    async def enqueue_many(self, jobs: int) -> float: ...

    async def drain(self, jobs: int) -> float: ...


@dataclass(frozen=True)
class Field:
    """Who takes part, where, and how many jobs there are."""

    site: Site
    ours: Ours
    raw: Contestant
    peers: Sequence[Peer]
    scale: float

    def scaled(self, jobs: int) -> int:
        """So many jobs at scale 1."""
        return max(10, round(jobs * self.scale))


@dataclass(frozen=True)
class Turn:
    """One contestant's part of a round: a value, or one for each part of the scenario."""

    who: str
    measure: Callable[[], Awaitable[Measured]]


@dataclass(frozen=True)
class Scenario:
    """One thing that is measured, in the same rounds for everybody.

    Attributes:
        parts: the scenario's rows, if it has several; a turn that returns one value has it in each.
    """

    name: str
    unit: str
    about: str
    turns: Callable[[Field], list[Turn]]
    parts: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows of the table that it fills."""
        return tuple(f"{self.name} {part}" for part in self.parts) or (self.name,)


def _each(field: Field, call: Callable[[Contestant], Awaitable[float]]) -> list[Turn]:
    def turn(who: str, contestant: Contestant) -> Turn:
        return Turn(who, lambda: call(contestant))

    everybody: list[tuple[str, Contestant]] = [(OURS, field.ours), (RAW, field.raw)]
    everybody += [(peer.name, peer) for peer in field.peers]
    return [turn(who, contestant) for who, contestant in everybody]


def _enqueue_one(field: Field) -> list[Turn]:
    return _each(field, lambda contestant: contestant.enqueue_one(field.scaled(2_000)))


def _enqueue_concurrent(field: Field) -> list[Turn]:
    turns = _each(field, lambda contestant: contestant.enqueue_concurrent(field.scaled(10_000), TASKS))
    return [*turns, Turn(RAW_ONE, lambda: field.raw.enqueue_one(field.scaled(2_000)))]


def _enqueue_many(field: Field) -> list[Turn]:
    return _each(field, lambda contestant: contestant.enqueue_many(field.scaled(50_000)))


def _drain(field: Field) -> list[Turn]:
    return _each(field, lambda contestant: contestant.drain(field.scaled(20_000)))


def _cost(field: Field) -> list[Turn]:
    return [Turn(OURS, lambda: drain_cost(field.site, field.ours, field.scaled(20_000)))]


def _latency(field: Field) -> list[Turn]:
    def turn(who: str, contestant: Ours | Peer) -> Turn:
        async def measure() -> Measured:
            return percentiles(await contestant.latency(field.scaled(200)))

        return Turn(who, measure)

    return [turn(OURS, field.ours), *(turn(peer.name, peer) for peer in field.peers)]


def _beside_drain(measure: Callable[[Field], Awaitable[Measured]]) -> Callable[[Field], list[Turn]]:
    """A load of our own, with a plain drain of ours and of the bare driver in the same round."""

    def turns(field: Field) -> list[Turn]:
        jobs = field.scaled(20_000)
        return [
            Turn(DRAIN, lambda: loads.plain(field.site, jobs)),
            Turn(OURS, lambda: measure(field)),
            Turn(RAW, lambda: field.raw.drain(jobs)),
        ]

    return turns


def _io_bound(field: Field) -> list[Turn]:
    jobs = field.scaled(2_000)

    async def ideal() -> float:
        return loads.ideal_io_bound(jobs)

    return [Turn(OURS, lambda: loads.io_bound(field.site, jobs)), Turn("ideal", ideal)]


def _bloat(field: Field) -> list[Turn]:
    seconds = max(3.0, STEADY_SECONDS * field.scale)
    jobs = field.scaled(500_000)

    parts: dict[str, Callable[[], Awaitable[float]]] = {
        "steady": lambda: bloat.steady(field.site, seconds),
        "steady pinned": lambda: bloat.steady(field.site, seconds, pinned=True),
        "saturated": lambda: bloat.saturated(field.site, jobs),
        "saturated pinned": lambda: bloat.saturated(field.site, jobs, pinned=True),
    }

    async def measure() -> Measured:
        values: dict[str, float] = {}
        for part, load in parts.items():
            await field.site.tables.reset()
            values[part] = await load()
        return values

    return [Turn(OURS, measure)]


def _memory(field: Field) -> list[Turn]:
    return [Turn(OURS, lambda: loads.memory(field.site, field.scaled(200_000)))]


def _open_callers(field: Field) -> list[Turn]:
    return [Turn(OURS, lambda: open_callers(field.site, field.scaled(1_000)))]


async def _polled(field: Field) -> Measured:
    jobs = field.scaled(20_000)
    plain = await bloat.polled(field.site, jobs)
    await field.site.tables.reset()
    return {"plain": plain, "pinned": await bloat.polled(field.site, jobs, pinned=True)}


_ALL = (
    Scenario("enqueue_one", "jobs/s", "one caller, one job after another", _enqueue_one),
    Scenario("enqueue_concurrent", "jobs/s", f"{TASKS} callers at once", _enqueue_concurrent),
    Scenario("enqueue_many", "jobs/s", "one call with 50,000 jobs", _enqueue_many),
    Scenario("drain", "jobs/s", "20,000 jobs that do nothing", _drain),
    Scenario("cost", "per 100 jobs", "statements and commits of that drain", _cost, ("statements", "commits")),
    Scenario(
        "drain_two",
        "jobs/s",
        "the same by two worker processes",
        _beside_drain(lambda f: loads.drain_two(f.site, f.scaled(20_000))),
    ),
    Scenario(
        "latency",
        "ms",
        "from the enqueue call to the start of the handler, idle worker",
        _latency,
        ("p50", "p95", "p99"),
    ),
    Scenario(
        "backlog",
        "jobs/s",
        "200,000 jobs are queued; the first 20,000 and the next",
        _beside_drain(lambda f: loads.backlog(f.site, f.scaled(200_000), f.scaled(20_000))),
        ("first", "next"),
    ),
    Scenario(
        "scheduled",
        "jobs/s",
        "20,000 jobs beside 1,000,000 that are scheduled",
        _beside_drain(lambda f: loads.scheduled(f.site, f.scaled(1_000_000), f.scaled(20_000))),
    ),
    Scenario(
        "pinned",
        "jobs/s",
        "100,000 jobs while another session holds an old snapshot; all, and the last 10,000",
        _beside_drain(lambda f: loads.pinned(f.site, f.scaled(100_000), f.scaled(10_000))),
        ("all", "last"),
    ),
    Scenario(
        "lanes",
        "jobs/s",
        "50,000 free jobs beside 100,000 that wait for two busy named workers",
        _beside_drain(lambda f: loads.lanes(f.site, f.scaled(100_000), f.scaled(50_000))),
    ),
    Scenario(
        "many_lanes",
        "jobs/s",
        "20,000 named workers with 3 jobs each",
        _beside_drain(lambda f: loads.many_lanes(f.site, f.scaled(20_000), 3)),
    ),
    Scenario(
        "names",
        "jobs/s",
        "20,000 jobs in 3,000 queues and 10,000 batches, with 40 months of history",
        _beside_drain(
            lambda f: loads.names(f.site, f.scaled(20_000), queues=f.scaled(3_000), batches=f.scaled(10_000), months=40)
        ),
    ),
    Scenario(
        "polled",
        "jobs/s",
        "the same drain while somebody looks at counts and list twice a second; also beside an old snapshot",
        _beside_drain(_polled),
        ("plain", "pinned"),
    ),
    Scenario(
        "bloat",
        "uncleaned",
        f"dead rows, at most, at {bloat.JOBS_PER_SECOND} jobs/s for three minutes and in a drain of 500,000",
        _bloat,
        ("steady", "steady pinned", "saturated", "saturated pinned"),
    ),
    Scenario("io_bound", "s", "2,000 jobs that sleep 50 ms, 100 at a time", _io_bound),
    Scenario(
        "memory",
        "MB",
        "a worker process after 20,000, 100,000 and 200,000 jobs",
        _memory,
        ("before", "half", "after"),
    ),
    Scenario(
        "open_callers",
        "of the rate without",
        "1,000 jobs enqueued and run beside an open transaction of a caller's, of each kind at each level",
        _open_callers,
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
