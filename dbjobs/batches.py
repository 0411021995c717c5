"""Jobs that are counted together: ``jobs.batch(...)``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from dbjobs import joints
from dbjobs.client.client import Client
from dbjobs.commands.options import text
from dbjobs.commands.registry import Command, Registry
from dbjobs.errors import InvalidOption
from dbjobs.graphs import Graph, GraphJob, MakeRow
from dbjobs.models import BatchProgress, JobRef
from dbjobs.store import repository
from dbjobs.store.records import NewJob


class Batch(Graph):
    """Jobs that are counted together. ``await`` it for the counts; its block stores members and what follows them.

    Attributes:
        batch_id: what its jobs have in common.
    """

    def __init__(
        self,
        client: Client,
        registry: Registry,
        make_row: MakeRow,
        batch_id: str,
        connection: Any,
        *,
        callback: Any,
        on_failed: Any,
        joint: Command,
        cancel: Callable[..., Any],
        requeue: Callable[..., Any],
    ) -> None:
        super().__init__(client, make_row, connection, where="batch.add")
        self.batch_id = _checked(batch_id)
        self._callback = None if callback is None else registry.find(callback)
        self._on_failed = None if on_failed is None else registry.find(on_failed)
        self._joint = joint
        self._cancel = cancel
        self._requeue = requeue
        self._callback_ref: JobRef[Any] | None = None
        self._check_ref: JobRef[Any] | None = None
        self._refuses_existing = True  # or members could be added to a batch whose callback has run

    def __await__(self) -> Generator[Any, Any, BatchProgress | None]:
        return self.progress().__await__()

    async def progress(self) -> BatchProgress | None:
        """Its counts; None if no job was ever stored with this batch_id."""
        return await repository.get_batch(self._client.db, self.batch_id)

    async def cancel(self, *, reason: str = "cancelled") -> int:
        """Cancel its jobs that have not ended (callback and on_failed then run); returns how many it reached."""
        reached: int = await self._cancel(batch_id=self.batch_id, reason=reason)
        return reached

    async def requeue(self) -> int:
        """Run its failed and cancelled jobs again; how many came back. Callback and on_failed do not run once more."""
        revived: int = await self._requeue(batch_id=self.batch_id)
        return revived

    @property
    def callback_ref(self) -> JobRef[Any] | None:
        """The job of its callback, after the block; None without one."""
        return self._callback_ref

    @property
    def check_ref(self) -> JobRef[Any] | None:
        """The job that looks, when all members have ended, whether ``on_failed`` is to run; None without one.

        Its response is the number of members that have not completed.
        """
        return self._check_ref

    @property
    def on_failed_ref_id(self) -> str:
        """The ref_id of the job of ``on_failed``, which exists once a member has failed and all have ended."""
        return f"batch-failed:{self.batch_id}"

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
        if self._callback is None and self._on_failed is None:
            await super()._store()
            return
        if not self._jobs:
            what = "a callback" if self._callback is not None else "on_failed"
            raise InvalidOption(f"batch {self.batch_id!r}: it has {what} and no jobs, so it would never be done")
        members = len(self._jobs)
        try:
            callback, check = self._add_what_follows()
            await super()._store()
        finally:
            del self._jobs[members:]
        self._callback_ref = None if callback is None else callback.ref
        self._check_ref = None if check is None else check.ref

    def _add_what_follows(self) -> tuple[GraphJob[Any] | None, GraphJob[Any] | None]:
        """Add the callback, and the check for on_failed, behind all members."""
        callback = (
            None if self._callback is None else self._row_of(self._callback, "callback", f"batch:{self.batch_id}")
        )
        on_failed = (
            None if self._on_failed is None else self._row_of(self._on_failed, "on_failed", self.on_failed_ref_id)
        )
        like = callback or on_failed
        assert like is not None
        before = joints.parted(
            self._jobs[:],
            lambda some, of_joints: self._append(self._joint_row(like, of_joints=of_joints), some),
        )
        called = None if callback is None else self._append(replace(callback, depends_on_policy="finished"), before)
        if on_failed is None:
            return called, None
        of_joints = joints.is_joint(before[0]._row)
        row = self._joint_row(on_failed, f"batch-check:{self.batch_id}", of_joints=of_joints, on_failed=on_failed)
        return called, self._append(row, before)

    def _row_of(self, command: Command | None, what: str, ref_id: str) -> NewJob | None:
        if command is None:
            return None
        request = self.batch_id if command.takes_request else None
        row, _ = self._make_row(command, request, {"ref_id": ref_id}, where=f"{what} of batch {self.batch_id!r}")
        return replace(row, batch_id=None)

    def _joint_row(
        self, like: NewJob, ref_id: str | None = None, *, of_joints: bool, on_failed: NewJob | None = None
    ) -> NewJob:
        follows = None if on_failed is None else joints.as_text(on_failed)
        return joints.joint_row(self._joint, like, joints.Joint(self.batch_id, of_joints, follows), ref_id)

    def _append(self, row: NewJob, after: Sequence[GraphJob[Any]]) -> GraphJob[Any]:
        job: GraphJob[Any] = GraphJob(self, len(self._jobs) + 1, row, ())
        self._jobs.append(job._depend_on(after))
        return job


def _checked(batch_id: Any) -> str:
    try:
        checked = text(batch_id)
    except InvalidOption as error:
        raise InvalidOption(f"batch: batch_id={batch_id!r} {error}") from None
    if checked is None:
        raise InvalidOption("batch: batch_id=None must be a string")
    return checked
