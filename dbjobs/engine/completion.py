"""Completes a job in a transaction of its handler."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from dbjobs.commands import codec
from dbjobs.context import JobContext
from dbjobs.engine.reporter import Reporter
from dbjobs.engine.tally import Tally
from dbjobs.errors import AttemptLost, InvalidResponse
from dbjobs.store import repository
from dbjobs.store.database import Database
from dbjobs.store.records import Outcome
from dbjobs.store.transactions.partitions import make_partitions
from dbjobs.store.transactions.settlement import settle_in
from dbjobs.transaction import Transaction


class Completion:
    """Opens transactions in which a handler's writes and its job's completion commit together.

    Args:
        tally: counts what was completed.
        parents_ended: called with the ids of jobs that have ended and have children.
        on_finished: called with the ids of jobs that have ended.
        max_payload_bytes: of a response.
    """

    def __init__(
        self,
        db: Database,
        reports: Reporter,
        tally: Tally,
        parents_ended: Callable[[Iterable[int]], None],
        on_finished: Callable[[Sequence[int]], None],
        *,
        max_payload_bytes: int,
    ) -> None:
        self._db = db
        self._reports = reports
        self._tally = tally
        self._told = parents_ended
        self._on_finished = on_finished
        self._max_payload_bytes = max_payload_bytes

    @asynccontextmanager
    async def opened(self, context: JobContext) -> AsyncIterator[Transaction]:
        """The handler's writes and its job's completion in one transaction (see JobContext.transaction)."""
        month = context.created_at.strftime("%Y%m")
        if month != datetime.now(UTC).strftime("%Y%m"):
            await make_partitions(self._db, [month])  # what the handler does cannot be repeated afterwards
        async with self._reports.set_aside(context) as lines, self._db.handler_transaction() as session:
            transaction = Transaction(session)
            yield transaction
            transaction.end()
            response = context.response
            body = codec.encode(
                response,
                what=f"the response of {context.command!r}",
                limit=self._max_payload_bytes,
                invalid=InvalidResponse,
            )
            outcome = Outcome(
                id=context.id,
                attempt=context.attempt,
                kind="executed" if context._callback_pending else "completed",
                response=None if body is None else type(response).__name__,
                response_body=body,
                progress=context.progress_value,
                status=context.status,
            )
            count = len(lines)  # threads may add some
            if count:
                await repository.insert_logs(session, context.node_id, lines[:count], time.monotonic())
            settlement = await settle_in(session, context.node_id, [outcome])
            if settlement.lost:
                raise AttemptLost(f"job {context.id}: this attempt is no longer ours; its transaction is rolled back")
        del lines[:count]
        if context._callback_pending:
            context._executed_body = (body,)
            self._reports.go_on(context)
            return
        context._settled = True
        self._tally.add(context._job, "completed", None, time.monotonic())
        if settlement.parents:
            self._told(settlement.parents)
        self._on_finished([context.id])
