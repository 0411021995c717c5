"""Tells the ``reply_to`` of one job how that has ended: the command behind each notifier."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from msgspec.structs import replace

from dbjobs.client.client import Client
from dbjobs.context import JobContext
from dbjobs.errors import Cancel, NotDelivered, RetryAfter
from dbjobs.models import Job
from dbjobs.reply_to import mask_reply_to
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.delivering import FIRED_AGAIN_SECONDS, TELLS_OF, delivery_ref


class ReplyTo(msgspec.Struct, frozen=True, kw_only=True):
    """What a notifier gets in addition to the job.

    Attributes:
        text: the ``reply_to`` as it was given, credentials included. Keep it out of logs and errors.
        scheme: what stands before its first colon: ``https``.
        id: the same for all tries to tell of this end of this job, so that a receiver can drop repeats.
        attempt: number of this try, from 1.
    """

    text: str
    scheme: str
    id: str
    attempt: int

    def __repr__(self) -> str:
        return f"ReplyTo(text={mask_reply_to(self.text)!r}, id={self.id!r}, attempt={self.attempt})"


# Plain ones are called in a thread.
Notify = Callable[[Job[Any], ReplyTo], Any]


class Delivery:
    """The handler of deliveries of one scheme: tells the target of the job how that has ended.

    Args:
        row: what a delivery of this scheme is made of.
    """

    def __init__(self, scheme: str, notify: Notify, client: Callable[[], Client], row: Callable[[], NewJob]) -> None:
        self._scheme = scheme
        self._notify = notify
        self._client = client
        self._row = row
        self._is_async = inspect.iscoroutinefunction(notify) or inspect.iscoroutinefunction(
            getattr(notify, "__call__", None)  # noqa: B004 - is it written as `async def`?
        )

    async def __call__(self, job: JobContext) -> Any:
        """Deliver; the response is what the notifier returns, or why nothing was sent."""
        text = job.reply_to
        if (ref_id := job.meta.get(TELLS_OF)) is not None:
            return await self._make(job, ref_id)
        ended = next(iter(await job.parents()), None)
        if text is None or ended is None:
            raise Cancel("the job that this is to tell of is gone")
        if not ended.finished:
            # It was requeued. The delivery that came with the requeue waits for the next end; the first one is over.
            if job.ref_id == delivery_ref(ended.id):
                return "requeued: its next end is told by another delivery"
            return f"delivery {await self._enqueue(job, ended.id, None)} waits for its next end"
        target = ReplyTo(text=text, scheme=self._scheme, id=_id_of(ended), attempt=job.attempt)
        try:
            return await self._tell(ended, target)
        except (Cancel, RetryAfter, NotDelivered):
            raise
        except Exception as error:
            if text not in str(error):
                raise
            told = str(error).replace(text, str(mask_reply_to(text)))
            raise NotDelivered(f"{type(error).__name__}: {told}") from None

    async def _make(self, job: JobContext, ref_id: str) -> str:
        """Make the delivery of a scheduled task's job, whichever node has fired it."""
        id = await self._client().find_ref(ref_id)
        if id is None:
            if job.last_try:
                raise Cancel(f"there is no job with ref_id {ref_id!r}")
            raise RetryAfter(FIRED_AGAIN_SECONDS, f"there is no job with ref_id {ref_id!r} yet")
        return f"delivery {await self._enqueue(job, id, delivery_ref(id))} waits for its end"

    async def _enqueue(self, job: JobContext, id: int, ref_id: str | None) -> int:
        row = replace(self._row(), reply_to=job.reply_to, parent_id=id, ref_id=ref_id, depends_on="[]")
        return (await self._client().enqueue(row, (id,), connection=None, refuse_existing=False)).id

    async def _tell(self, ended: Job[Any], target: ReplyTo) -> Any:
        if self._is_async:
            return await self._notify(ended, target)
        told = await anyio.to_thread.run_sync(self._notify, ended, target, abandon_on_cancel=True)
        return await told if inspect.isawaitable(told) else told


def _id_of(ended: Job[Any]) -> str:
    """The id of one end of one job. With the time of its enqueue, so that jobs of two databases differ."""
    return f"job-{ended.id}-{ended.attempt}-{int(ended.created_at.timestamp() * 1000)}"
