"""Jobs that depend on each other, stored together: ``jobs.graph()`` and ``jobs.batch(...)``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import Any, Generic, Self, Unpack, overload

from msgspec.structs import replace

from dbjobs.client.client import Client
from dbjobs.commands.registry import Registry
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
from dbjobs.models import BatchProgress, JobOptions, JobRef, ResponseT
from dbjobs.store import repository
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.enqueueing import Parent
from dbjobs.store.transactions.graphing import Planned
from dbjobs.wording import counted

# Jobs of one batch with a callback, which waits for each of them.
MOST_MEMBERS = 10_000

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
        """Let it depend on these jobs of the graph, too; returns itself."""
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
        row, parents = self._make_row(command, request, how, where=self._where)
        job: GraphJob[Any] = GraphJob(self, len(self._jobs) + 1, row, parents)
        job.after(*after)
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
        refs = await self._client.enqueue_graph(planned, connection=self._connection)
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


class Batch(Graph):
    """Jobs that are counted together. ``await`` it for the counts; its block stores members, and their one callback.

    Attributes:
        batch_id: what its jobs have in common.
    """

    def __init__(
        self,
        client: Client,
        registry: Registry,
        make_row: MakeRow,
        batch_id: str,
        callback: Any,
        connection: Any,
        *,
        cancel: Callable[..., Any],
        requeue: Callable[..., Any],
    ) -> None:
        super().__init__(client, make_row, connection, where="batch.add")
        self.batch_id = batch_id
        self._registry = registry
        self._callback = None if callback is None else registry.find(callback)
        self._cancel = cancel
        self._requeue = requeue
        self._callback_ref: JobRef[Any] | None = None
        self._refuses_existing = True  # or members could be added to a batch whose callback has run

    def __await__(self) -> Generator[Any, Any, BatchProgress | None]:
        return self.progress().__await__()

    async def progress(self) -> BatchProgress | None:
        """Its counts; None if no job was ever stored with this batch_id."""
        return await repository.get_batch(self._client.db, self.batch_id)

    async def cancel(self, *, reason: str = "cancelled") -> int:
        """Cancel its jobs that have not ended (the callback then runs); how many it reached."""
        reached: int = await self._cancel(batch_id=self.batch_id, reason=reason)
        return reached

    async def requeue(self) -> int:
        """Run its failed and cancelled jobs again; how many came back. The callback does not run once more."""
        revived: int = await self._requeue(batch_id=self.batch_id)
        return revived

    @property
    def callback_ref(self) -> JobRef[Any] | None:
        """The job of its callback, after the block; None without one."""
        return self._callback_ref

    def add(
        self, command: Any, request: Any = None, /, *, after: Sequence[GraphJob[Any]] = (), **how: Any
    ) -> GraphJob[Any]:
        """Add a member (see ``Graph.add``)."""
        if "batch_id" in how:
            raise InvalidOption("batch.add: a member has the batch_id of its batch; leave it out")
        return super().add(command, request, after=after, batch_id=self.batch_id, **how)

    def add_many(self, command: Any, requests: Iterable[Any], /, **how: Any) -> list[GraphJob[Any]]:
        """Add a member for each request."""
        return [self.add(command, request, **how) for request in requests]

    @property
    def _block(self) -> str:
        return f"batch({self.batch_id!r}) as batch"

    async def _store(self) -> None:
        if self._callback is None:
            await super()._store()
            return
        if not self._jobs:
            raise InvalidOption(f"batch {self.batch_id!r}: it has a callback and no jobs, so it would never be done")
        if len(self._jobs) > MOST_MEMBERS:
            raise InvalidOption(
                f"batch {self.batch_id!r}: {counted(len(self._jobs), 'job')}; a batch with a callback has at most "
                f"{MOST_MEMBERS}: divide it"
            )
        request = self.batch_id if self._callback.takes_request else None
        how = {"ref_id": f"batch:{self.batch_id}", "depends_on_policy": "finished"}
        row, _ = self._make_row(self._callback, request, how, where=f"callback of batch {self.batch_id!r}")
        members = list(self._jobs)
        callback: GraphJob[Any] = GraphJob(self, len(members) + 1, replace(row, batch_id=None), ())
        self._jobs.append(callback.after(*members))
        try:
            await super()._store()
        finally:
            self._jobs.pop()
        self._callback_ref = callback.ref
