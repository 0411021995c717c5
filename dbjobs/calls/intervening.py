"""Intervene: cancel, requeue."""

from __future__ import annotations

from typing import Unpack

from dbjobs.calls.looking import LookCalls
from dbjobs.calls.reference import Reference, id_of
from dbjobs.client.client import Client
from dbjobs.commands.registry import Registry
from dbjobs.errors import UnknownJob
from dbjobs.inspect import acting
from dbjobs.inspect.conditions import JobSearch
from dbjobs.inspect.spelled import spelled_out


class InterveneCalls(LookCalls):
    """Calls that change jobs that are stored."""

    _registry: Registry
    _client: Client
    _max_payload_bytes: int

    async def cancel(self, job: Reference, *, reason: str = "cancelled") -> bool:
        """Cancel a job, with the jobs that depend on it.

        One that has not started is cancelled at once. A running one, on whatever node, is asked to
        stop and ends a moment later.

        Returns:
            False if it had ended before.

        Raises:
            UnknownJob.
        """
        id = id_of(job)
        if await self._client.cancel((id,), acting.reason_of(reason, "cancel")):
            return True
        if await self.get(id) is None:
            raise UnknownJob(f"there is no job {id}")
        return False

    async def cancel_many(
        self,
        *,
        reason: str = "cancelled",
        at_most: int | None = None,
        preview: bool = False,
        **search: Unpack[JobSearch],
    ) -> int:
        """Cancel all live jobs that match everything that is given; returns how many it reached.

        Args:
            reason: kept as the error text of those that had not started.
            at_most: reach at most this many, the newest first.
            preview: change nothing; return how many there are, counted up to ``at_most`` or 100,000.
            search: see JobSearch; the same as for ``find``.

        Raises:
            InvalidOption: no filter was given (to cancel everything, name a queue or a state), or one that is not
                known.
        """
        wanted = spelled_out(search, self._registry.stored_names)
        return await acting.cancel_many(self._client, wanted, acting.reason_of(reason, "cancel_many"), at_most, preview)

    async def cancel_worker(self, worker: str, *, reason: str = "cancelled") -> int:
        """Cancel all jobs of a named worker, including the running one; returns how many it reached."""
        return await self.cancel_many(worker=worker, reason=reason)

    async def requeue(self, job: Reference) -> bool:
        """Run a failed or cancelled job again, under its own id, with a fresh set of tries.

        Returns:
            False if it is not in the failed history (it is live, or it completed).
        """
        return await self._client.requeue((id_of(job),)) == 1

    async def requeue_many(
        self, *, at_most: int | None = None, preview: bool = False, **search: Unpack[JobSearch]
    ) -> int:
        """Run again all failed or cancelled jobs that match everything that is given; returns how many came back.

        Args:
            at_most: bring at most this many back, the newest first.
            preview: change nothing; return how many there are, counted up to ``at_most`` or 100,000.
            search: see JobSearch; the same as for ``find``.

        Raises:
            InvalidOption: no filter was given (to requeue everything that failed, say ``state="failed"``), one that
                is not known, or another state.
        """
        wanted = spelled_out(search, self._registry.stored_names)
        return await acting.requeue_many(self._client, wanted, at_most, preview)
