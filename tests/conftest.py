"""The fixtures that every test may use: a database to run on, and processes that never outlive their test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.choice import chosen, runs_in_full
from tests.conformance.callers import CALLERS, is_variant
from tests.conformance.sync_callers import SYNC_CALLERS
from tests.servers import Fleet, LeftOut, Target, available_targets
from tests.servers.processes import Processes, Spawn
from tests.servers.recycling import Recycler
from tests.skips import fold

FLEET = pytest.StashKey[Fleet]()
# What became of each database, by name, in this process and in the processes that share the tests (pytest-xdist).
RECYCLERS = pytest.StashKey[dict[str, Recycler]]()
VERSIONS = pytest.StashKey[dict[str, str]]()
LEFT_OUT = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    try:
        config.stash[FLEET] = Fleet(available_targets())
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[VERSIONS], config.stash[LEFT_OUT] = {}, {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    fleet = session.config.stash[FLEET]
    versions = {name: target.version for name, target in fleet.opened.items()}
    _note(session.config, versions, fleet.left_out)
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # to the process that has started this one
        output["databases"] = (versions, fleet.left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _note(node.config, *getattr(node, "workeroutput", {}).get("databases", ({}, {})))


def _note(config: pytest.Config, versions: dict[str, str], left_out: dict[str, str]) -> None:
    config.stash[VERSIONS].update(versions)
    config.stash[LEFT_OUT].update(left_out)


def pytest_unconfigure(config: pytest.Config) -> None:
    for recycler in config.stash.get(RECYCLERS, {}).values():
        recycler.close()
    if FLEET in config.stash:
        config.stash[FLEET].close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" not in metafunc.fixturenames:
        return
    dialects = metafunc.definition.get_closest_marker("dialect")
    sources = metafunc.config.stash[FLEET].sources.values()
    wanted = [source for source in sources if dialects is None or source.dialect in dialects.args]
    first = {source.kind: source for source in reversed(wanted)}
    if not runs_in_full():
        path = metafunc.definition.path.relative_to(metafunc.config.rootpath)
        wanted = chosen(path, {mark.name for mark in metafunc.definition.iter_markers()}, wanted)
    if "caller_kind" in metafunc.fixturenames:
        kinds = []
        for source in wanted:
            callers = [*CALLERS[source.dialect], *SYNC_CALLERS[source.dialect]]
            if metafunc.definition.get_closest_marker("of_the_driver") and not runs_in_full():
                callers = [kind for kind in callers if not is_variant(kind)]
            # What the others say is the drivers' own doing: the first server of each kind hears all of them.
            kinds += [(source.name, kind) for kind in (callers if source is first[source.kind] else callers[:1])]
        metafunc.parametrize(("target", "caller_kind"), kinds, indirect=["target"], scope="session")
        return
    metafunc.parametrize("target", [source.name for source in wanted], indirect=True, scope="session")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    fold(terminalreporter.stats.get("skipped", ()), "tests")
    versions, left_out = config.stash[VERSIONS], config.stash[LEFT_OUT]
    if not versions and not left_out:
        return
    terminalreporter.section("databases")
    for name in config.stash[FLEET].sources:
        if name in left_out:
            terminalreporter.line(f"{name}: LEFT OUT: {left_out[name]}", red=True, bold=True)
        elif name in versions:
            terminalreporter.line(f"{name}: version {versions[name]}, ran")
        else:
            terminalreporter.line(f"{name}: no test asked for it")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Every async test and fixture runs on asyncio: the database drivers know no other event loop."""
    return "asyncio"


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> Target:
    """The database under test: a test that asks for it runs once on each chosen target."""
    try:
        return request.config.stash[FLEET].open(request.param)
    except LeftOut as error:
        # A green run must mean that every database was tested: all of them in CI, elsewhere those that were named.
        if os.environ.get("CI") or request.config.stash[FLEET].sources[request.param].is_named:
            pytest.fail(f"{request.param} LEFT OUT: {error}", pytrace=False)
        pytest.skip(f"{request.param} is left out (see 'databases')")


@pytest.fixture
def url(target: Target, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of this test's own.

    In the conformance suite and the tests of a dialect it has its tables and may be handed on from test to test, unless
    the test is marked ``fresh``. Elsewhere it has nothing and is removed afterwards: processes may outlive their test.
    """
    if {"conformance", "dialects"}.isdisjoint(request.node.path.parts) or request.node.get_closest_marker("fresh"):
        fresh = target.new_url()
        yield fresh
        target.discard(fresh)
        return
    recyclers = request.config.stash.setdefault(RECYCLERS, {})
    recycler = recyclers.setdefault(target.name, Recycler(target))
    recycled = recycler.take()
    yield recycled
    recycler.give_back(recycled)


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start ``sys.executable`` with these arguments; what still runs when the test ends is killed."""
    with Processes() as processes:
        yield processes.spawn
