"""What class commands ask for by type: opened together, closed in reverse order; what is missing is named."""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from dbjobs import InvalidOption, Jobs
from dbjobs.commands import dependencies
from dbjobs.commands.dependencies import Dependencies, Wanted, wanted_by
from dbjobs.errors import NotRunning


class Pool: ...


class Mailer:
    def __init__(self, pool: Pool | None = None) -> None:
        self.pool = pool


class Clock: ...


def of(*kinds: Any) -> list[tuple[str, tuple[Wanted, ...]]]:
    return [("command 'send'", tuple(Wanted(f"p{number}", kind, False) for number, kind in enumerate(kinds)))]


async def value(open_in: Dependencies, kind: Any) -> Any:
    async with open_in.opened(of(kind)):
        return open_in.arguments([Wanted("it", kind, False)], "command 'send'")["it"]


def as_function() -> Pool:
    return Pool()


async def as_async_function() -> Pool:
    return Pool()


def as_generator() -> Iterator[Pool]:
    yield Pool()


async def as_async_generator() -> AsyncIterator[Pool]:
    yield Pool()


@contextmanager
def as_context_manager() -> Iterator[Pool]:
    yield Pool()


@asynccontextmanager
async def as_async_context_manager() -> AsyncIterator[Pool]:
    yield Pool()


@pytest.mark.parametrize(
    "factory",
    [
        Pool,
        as_function,
        as_async_function,
        as_generator,
        as_async_generator,
        as_context_manager,
        as_async_context_manager,
        lambda: as_async_context_manager(),
    ],
)
async def test_a_factory_has_any_form(factory: Any) -> None:
    known = Dependencies()
    known.provide(Pool, factory)
    assert type(await value(known, Pool)) is Pool


async def test_they_open_in_the_order_of_need_once_and_close_in_reverse() -> None:
    told: list[str] = []
    known = Dependencies()

    async def pool() -> AsyncIterator[Pool]:
        told.append("pool opens")
        yield Pool()
        await anyio.lowlevel.checkpoint()
        told.append("pool closes")

    def mailer(pool: Pool) -> Iterator[Mailer]:
        told.append("mailer opens")
        yield Mailer(pool)
        told.append("mailer closes")

    known.provide(Mailer, mailer)
    known.provide(Pool, pool)
    known.provide(Clock, lambda: told.append("nobody asks for it"))
    async with known.opened(of(Mailer, Pool)):
        given = known.arguments([Wanted("mailer", Mailer, False), Wanted("pool", Pool, False)], "")
        assert given["mailer"].pool is given["pool"]
        told.append("work")
    assert told == ["pool opens", "mailer opens", "work", "mailer closes", "pool closes"]
    with pytest.raises(NotRunning, match="command 'send' needs a Mailer, and dependencies are open while workers run"):
        known.arguments([Wanted("mailer", Mailer, False)], "command 'send'")


async def test_what_has_to_end_in_its_own_task_does_so_even_when_the_caller_is_cancelled() -> None:
    """A task group of anyio's may be left in the task that entered it only; and its end may have to wait."""
    known = Dependencies()
    closed: list[str] = []

    async def pool() -> AsyncIterator[Pool]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            yield Pool()
            await asyncio.sleep(0.01)
            closed.append("after a wait")
            tasks.cancel_scope.cancel()

    known.provide(Pool, pool)
    inside = asyncio.Event()

    async def work() -> None:
        async with known.opened(of(Pool)):
            inside.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["after a wait"]


async def test_a_close_that_hangs_or_raises_is_told_and_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dependencies, "CLOSE_SECONDS", 0.05)
    hanging, raising = Dependencies(), Dependencies()

    async def hangs() -> AsyncIterator[Pool]:
        yield Pool()
        await asyncio.sleep(3600)

    def raises() -> Iterator[Pool]:
        yield Pool()
        raise RuntimeError("in the close")

    hanging.provide(Pool, hangs)
    raising.provide(Pool, raises)
    with caplog.at_level(logging.ERROR, "dbjobs"):
        await value(hanging, Pool)
        await value(raising, Pool)
    assert [record.getMessage() for record in caplog.records] == [
        "dependencies were not closed within 0.05 s; they are left as they are",
        "closing dependencies raised RuntimeError('in the close')",
    ]


async def test_what_was_opened_is_closed_when_a_later_one_fails() -> None:
    known = Dependencies()
    closed: list[str] = []

    def pool() -> Iterator[Pool]:
        yield Pool()
        closed.append("pool")

    def mailer() -> Mailer:
        raise OSError("no route to host")

    known.provide(Pool, pool)
    known.provide(Mailer, mailer)
    with pytest.raises(OSError, match="no route to host") as raised:
        await _open(known, Pool, Mailer)
    assert raised.value.__notes__ == ["(dbjobs: while opening a Mailer for command 'send')"]
    assert closed == ["pool"]


async def _open(known: Dependencies, *kinds: Any) -> None:
    async with known.opened(of(*kinds)):
        pass


async def test_an_override_wins_and_nothing_is_opened_for_it() -> None:
    known = Dependencies()
    opened: list[str] = []
    known.provide(Pool, lambda: opened.append("pool"))
    fake, other = Pool(), Pool()
    with known.override(Pool, fake):
        assert await value(known, Pool) is fake
        with known.override(Pool, other):
            assert known.arguments([Wanted("it", Pool, False)], "")["it"] is other
        assert known.arguments([Wanted("it", Pool, False)], "")["it"] is fake
    assert opened == []


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_container_is_asked_for_what_nobody_provides(is_async: bool) -> None:
    clock, asked = Clock(), []

    def plain(kind: Any) -> Any:
        asked.append(kind)
        return clock

    async def awaited(kind: Any) -> Any:
        return plain(kind)

    known = Dependencies(awaited if is_async else plain)
    known.provide(Pool, Pool)
    async with known.opened([("command 'send'", wanted_by(Uses, ""))]):
        given = known.arguments(wanted_by(Uses, ""), "")
    assert given["clock"] is clock
    assert given.keys() == {"pool", "clock"}  # the default stands, and the container was not asked for a float
    assert asked == [Clock]


class Uses:
    def __init__(self, pool: Pool, clock: Clock, patience: float = 5.0, untyped=None) -> None:  # type: ignore[no-untyped-def]
        pass


async def test_what_is_missing_is_named_with_who_asks() -> None:
    known = Dependencies()
    with pytest.raises(InvalidOption, match=r"command 'send' needs a Mailer \(p0\), which nobody provides: jobs\.prov"):
        await _open(known, Mailer)

    def mailer(clock: Clock) -> Mailer:
        return Mailer()

    known.provide(Mailer, mailer)
    with pytest.raises(InvalidOption, match=r"command 'send' needs a Clock \(clock, through Mailer\), which nobody"):
        await _open(known, Mailer)

    def fails(kind: Any) -> Any:
        raise LookupError("not registered")

    with pytest.raises(InvalidOption, match=r"a Pool, and Jobs\(resolve=\.\.\.\) raised LookupError: not registered"):
        await _open(Dependencies(fails), Pool)
    with pytest.raises(InvalidOption, match="which nobody provides"):
        await _open(Dependencies(lambda kind: None), Pool)


async def test_a_circle_is_refused() -> None:
    known = Dependencies()

    def mailer(clock: Clock) -> Mailer:
        return Mailer()

    def clock(mailer: Mailer) -> Clock:
        return Clock()

    known.provide(Mailer, mailer)
    known.provide(Clock, clock)
    with pytest.raises(InvalidOption, match="its dependencies go round in a circle: Mailer -> Clock -> Mailer"):
        await _open(known, Mailer)


def test_wrong_registrations_are_refused_at_once() -> None:
    jobs = Jobs("sqlite:///never-opened.db")
    jobs.provide(Pool, Pool)
    with pytest.raises(InvalidOption, match=r"provide\(Pool\): it is provided already; in tests: with jobs\.override"):
        jobs.provide(Pool, Pool)
    with pytest.raises(InvalidOption, match=r"provide\(Clock\): the factory must be callable, not a Clock; for a"):
        jobs.provide(Clock, Clock())  # type: ignore[arg-type]
    with pytest.raises(InvalidOption, match=r"provide\(Clock\): 'zone' has no type, and dependencies are found by"):
        jobs.provide(Clock, lambda zone: Clock())
    with pytest.raises(InvalidOption, match="'pool' has no type, and dependencies are found by type: annotate it"):

        @jobs.command
        class Untyped:
            def __init__(self, pool) -> None: ...  # type: ignore[no-untyped-def]

            async def run(self) -> None: ...

    with pytest.raises(InvalidOption, match="the class NoRun has no method run"):

        @jobs.command
        class NoRun: ...

    with pytest.raises(InvalidOption, match="the class Abstract is abstract"):

        @jobs.command
        class Abstract(abc.ABC):
            @abc.abstractmethod
            async def run(self) -> None: ...

    with pytest.raises(InvalidOption, match="process=True needs a function"):

        @jobs.command(process=True)
        class InProcess:
            def run(self) -> None: ...

    with pytest.raises(InvalidOption, match="command 'TooMany' takes 3 arguments"):

        @jobs.command
        class TooMany:
            async def run(self, one: int, two: int, three: int) -> None: ...

    with pytest.raises(InvalidOption, match="must be a function that takes a type"):
        Jobs("sqlite:///never-opened.db", resolve="container")  # type: ignore[arg-type]
    assert jobs.commands == []
