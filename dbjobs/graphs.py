"""Jobs that depend on each other, stored together: ``jobs.graph()``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Generic, Self, Unpack, overload

from dbjobs.client.client import Client
from dbjobs.client.graphing import enqueue_graph
from dbjobs.context import (
    AsyncBare,
    AsyncBareClass,
    AsyncClass,
    AsyncHandler,
    Named,
    P,
    PlainBare,
    PlainBareClass,
    PlainClass,
    PlainHandler,
    Q,
    R,
)
from dbjobs.errors import InvalidOption, NotRunning
from dbjobs.models import JobOptions, JobRef, ResponseT
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.enqueueing import Parent
from dbjobs.store.transactions.graphing import Planned

MakeRow = Callable[..., tuple[NewJob, tuple[Parent, ...]]]


class GraphJob(Generic[ResponseT]):
    """A job of a graph: what ``add`` returns. Its ``ref`` is there when the block has ended."""

    def __init__(self, graph: Graph, number: int, row: NewJob, parents: tuple[Parent, ...]) -> None:
        self._graph = graph
        self._number = number
        self._row = row
        self._parents = parents
        self._after: dict[GraphJob[Any], None] = {}
        self._ref: JobRef[ResponseT] | None = None

    def __repr__(self) -> str:
        return f"{self._row.command}#{self._number}"

    @property
    def ref(self) -> JobRef[ResponseT]:
        """A reference to the job.

        Raises:
            NotRunning: the block has not ended yet, so the job is not stored.
        """
        if self._ref is None:
            raise NotRunning(f"{self!r} of a graph is stored when the block of jobs.graph() has ended, and not before")
        return self._ref

    def after(self, *jobs: GraphJob[Any]) -> Self:
        """Let it depend on these jobs of the graph, too; returns itself.

        Raises:
            InvalidOption: one of them is not a job of this graph; the graph is stored already.
        """
        if not self._graph._is_open:
            raise InvalidOption(f"{self!r}: after() comes too late: the block of its graph has ended")
        return self._depend_on(jobs)

    def _depend_on(self, jobs: Sequence[GraphJob[Any]]) -> Self:
        for job in jobs:
            if not isinstance(job, GraphJob):
                raise InvalidOption(
                    f"{self!r}: after= takes jobs of the graph, not {job!r}; jobs that are stored go into depends_on="
                )
            if job._graph is not self._graph:
                raise InvalidOption(f"{self!r}: {job!r} belongs to another graph")
            self._after[job] = None
        return self


class Graph:
    """Collects jobs that depend on each other, and stores all of them in one transaction when its block ends.

    If the block raises, or the jobs depend on each other in a circle, nothing is stored.
    """

    def __init__(self, client: Client, make_row: MakeRow, connection: Any, *, where: str = "graph.add") -> None:
        self._client = client
        self._make_row = make_row
        self._connection = connection
        self._where = where
        self._jobs: list[GraphJob[Any]] = []
        self._is_open = False
        self._refuses_existing = False

    async def __aenter__(self) -> Self:
        if self._is_open or self._jobs:
            raise InvalidOption("a graph has one block: call jobs.graph() again for another one")
        _ = self._client.db  # open, and in this event loop
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        if error is None:
            await self._store()

    @property
    def jobs(self) -> list[GraphJob[Any]]:
        """All jobs of the graph, in the order in which they were added."""
        return list(self._jobs)

    @overload
    def add(
        self,
        command: str | Named,
        request: Any = None,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[Any]: ...
    @overload
    def add(
        self,
        command: AsyncBareClass[R],
        request: None = None,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[R]: ...
    @overload
    def add(
        self,
        command: AsyncClass[Q, R],
        request: Q,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[R]: ...
    @overload
    def add(
        self,
        command: PlainBareClass[P],
        request: None = None,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[P]: ...
    @overload
    def add(
        self,
        command: PlainClass[Q, P],
        request: Q,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[P]: ...
    @overload
    def add(
        self,
        command: AsyncBare[R],
        request: None = None,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[R]: ...
    @overload
    def add(
        self,
        command: AsyncHandler[Q, R],
        request: Q,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[R]: ...
    @overload
    def add(
        self,
        command: PlainBare[P],
        request: None = None,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[P]: ...
    @overload
    def add(
        self,
        command: PlainHandler[Q, P],
        request: Q,
        /,
        *,
        after: Sequence[GraphJob[Any]] = (),
        **how: Unpack[JobOptions],
    ) -> GraphJob[P]: ...
    def add(
        self, command: Any, request: Any = None, /, *, after: Sequence[GraphJob[Any]] = (), **how: Any
    ) -> GraphJob[Any]:
        """Add a job.

        Args:
            command, request: as for ``Jobs.enqueue``.
            after: jobs of this graph that it depends on.
            how: its options (see JobOptions); ``depends_on`` names jobs that are stored already.

        Raises:
            UnknownCommand, InvalidRequest, PayloadTooLarge, InvalidOption: the job is not added.
        """
        if not self._is_open:
            raise InvalidOption(f"{self._where}: jobs are added inside the block: async with jobs.{self._block}:")
        if isinstance(after, GraphJob) or not isinstance(after, Sequence):
            raise InvalidOption(f"{self._where}: after={after!r} must be a list of jobs of this graph")
        stored = how.get("depends_on")
        for one in stored if isinstance(stored, list | tuple) else (stored,):
            if isinstance(one, GraphJob):
                raise InvalidOption(f"{self._where}: depends_on takes jobs that are stored; {one!r} goes into after=")
        row, parents = self._make_row(command, request, how, where=self._where)
        job: GraphJob[Any] = GraphJob(self, len(self._jobs) + 1, row, parents)
        job._depend_on(after)
        self._jobs.append(job)
        return job

    @property
    def _block(self) -> str:
        return "graph() as graph"

    async def _store(self) -> None:
        ordered = in_order(self._jobs)
        places = {job: place for place, job in enumerate(ordered)}
        planned = [
            Planned(
                job._row,
                tuple(places[parent] for parent in job._after),
                job._parents,
                refuse_existing=self._refuses_existing,
            )
            for job in ordered
        ]
        refs = await enqueue_graph(self._client, planned, connection=self._connection)
        for job, ref in zip(ordered, refs, strict=True):
            job._ref = ref


def in_order(jobs: Sequence[GraphJob[Any]]) -> list[GraphJob[Any]]:
    """Jobs of a graph, parents first, else in the order in which they were added.

    Raises:
        InvalidOption: they depend on each other in a circle; names it.
    """
    ordered: list[GraphJob[Any]] = []
    state: dict[GraphJob[Any], bool] = {}  # False while those that a job depends on are looked at
    for job in jobs:
        if job in state:
            continue
        state[job] = False
        way = [(job, iter(job._after))]
        while way:
            at, rest = way[-1]
            parent = next(rest, None)
            if parent is None:
                state[at] = True
                ordered.append(at)
                way.pop()
            elif parent not in state:
                state[parent] = False
                way.append((parent, iter(parent._after)))
            elif not state[parent]:
                names = [one for one, _ in way]
                circle = [*names[names.index(parent) :], parent]
                raise InvalidOption(
                    "graph: jobs depend on each other in a circle: " + " after ".join(map(repr, circle))
                )
    return ordered
