"""What stands where the database of a Jobs object does in inline mode: runs a job when it is enqueued."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn

import anyio
import anyio.to_thread
import msgspec
from msgspec.structs import replace

from dbjobs.client.client import Client
from dbjobs.client.opening import Opening
from dbjobs.commands import codec
from dbjobs.commands.registry import Command, Registry
from dbjobs.context import JobContext, current_job
from dbjobs.engine.attempt import Attempt, Stop
from dbjobs.engine.failure import failed, stopped
from dbjobs.errors import InvalidResponse, NotRunning, RefIdExists, RetryAfter, UnknownCommand, UnknownJob
from dbjobs.jobs import Jobs
from dbjobs.models import Job, JobRef, JobState, LiveFilter
from dbjobs.store.database import Database
from dbjobs.store.records import NewJob, Outcome
from dbjobs.store.repository.rows import error_of, json_of
from dbjobs.store.transactions.delivering import delivery_ref
from dbjobs.store.transactions.enqueueing import Parent
from dbjobs.testing.rows import claimed_job, stored_job
from dbjobs.transaction import Transaction

Errors = Literal["raise", "record"]


class InlineClient(Client):
    """Stands where the open database of a Jobs object does.

    Attributes:
        stored: the jobs by id.
        lines: what they logged.
    """

    def __init__(self, jobs: Jobs, errors: Errors) -> None:
        self._registry: Registry = jobs._registry
        self._max_payload_bytes = jobs._max_payload_bytes
        self._errors = errors
        self._ids = itertools.count(1)
        self._refs: dict[str, int] = {}
        self.stored: dict[int, Job] = {}
        self.lines: dict[int, list[str]] = {}
        self.deliver = jobs._notifications.deliver
        self._targets: dict[int, str] = {}
        self.engine = None
        self.opening = _NoDatabase()
        self.waits = _Ends(self)  # type: ignore[assignment]
        self._services = _Services(jobs, self)

    def check_open(self) -> None:
        """Transient runs need no database."""

    def poke_queues(self) -> None:
        _refuse()

    # --- enqueue --------------------------------------------------------------------------------

    async def enqueue(
        self, job: NewJob, parents: Sequence[Parent], *, connection: Any, refuse_existing: bool
    ) -> JobRef:
        if job.ref_id is not None and job.ref_id in self._refs:
            if refuse_existing:
                raise RefIdExists(f"ref_id {job.ref_id!r} is taken by job {self._refs[job.ref_id]}")
            return JobRef(self._refs[job.ref_id], job.ref_id, created=False)
        ids = tuple(self._known(parent) for parent in parents)
        delivery = None if job.reply_to is None else self.delivery_of(job)
        id = next(self._ids)
        if job.reply_to is not None:
            self._targets[id] = job.reply_to
        if job.ref_id is not None:
            self._refs[job.ref_id] = id
        stored = self.stored[id] = stored_job(id, job, ids)
        doomed = next((parent for parent in ids if self.stored[parent].state is not JobState.COMPLETED), None)
        command = self._registry.get(job.command)
        if doomed is not None and job.depends_on_policy == "completed":
            reason = f"job {doomed}, which it depends on, did not complete"
            self._change(stored, state=JobState.CANCELLED, error_code="parent", error=reason)
        elif command is not None and command.handler is not None:  # others are only declared here, and stay queued
            try:
                await self._run(stored, job, command)
            finally:
                await self._deliver(id, delivery)
            return JobRef(id, job.ref_id)
        await self._deliver(id, delivery)
        return JobRef(id, job.ref_id)

    async def _deliver(self, id: int, delivery: NewJob | None) -> None:
        if delivery is not None and self.stored[id].finished:
            delivery = replace(delivery, parent_id=id, ref_id=delivery_ref(id))
            await self.enqueue(delivery, (id,), connection=None, refuse_existing=False)

    async def enqueue_many(self, jobs: Sequence[NewJob], *, connection: Any) -> list[JobRef]:
        return [await self.enqueue(job, (), connection=connection, refuse_existing=False) for job in jobs]

    def _known(self, parent: Parent) -> int:
        id = self._refs.get(parent) if isinstance(parent, str) else parent
        if id is None or id not in self.stored:
            what = "ref_id" if isinstance(parent, str) else "job"
            raise UnknownJob(f"depends_on names {what} {parent!r}, but there is no such job")
        return id

    # --- run ------------------------------------------------------------------------------------

    async def _run(self, stored: Job, row: NewJob, command: Command) -> None:
        job = claimed_job(stored, row)
        context = JobContext(job, self._services, 0)
        token = current_job.set(context)
        began = time.monotonic()
        try:
            with anyio.move_on_after(row.timeout_seconds or None) as limit:
                response = await self._call(command, row.request_body, context)
                what = f"the response of {command.name!r}"
                body = codec.encode(response, what=what, limit=self._max_payload_bytes, invalid=InvalidResponse)
                if row.callback is not None:
                    await self._call(self._callback(row.callback), body, context)
            if limit.cancelled_caught:
                raise TimeoutError(f"timed out after {row.timeout_seconds:g} s")
        except Exception as error:
            # The engine's own words for it; there are no tries but this one.
            again = 1 if isinstance(error, RetryAfter) else 0
            attempt = Attempt(msgspec.structs.replace(job, retry_limit=again), command, 0, context)
            attempt.stop = Stop.TIMEOUT if limit.cancelled_caught else None
            duration_ms = (time.monotonic() - began) * 1000
            outcome = stopped(attempt, duration_ms) if attempt.stop is not None else failed(attempt, error, duration_ms)
            assert outcome is not None
            self._ended(stored, context, outcome)
            if outcome.kind == "failed" and self._errors == "raise":
                raise
        else:
            duration_ms = (time.monotonic() - began) * 1000
            outcome = Outcome(id=stored.id, attempt=1, kind="completed", duration_ms=duration_ms)
            self._ended(stored, context, outcome, response=json_of(body))
        finally:
            context._settled = True
            current_job.reset(token)

    async def _call(self, command: Command, body: str | None, context: JobContext) -> Any:
        handler = command.handler
        assert handler is not None
        if self._registry.users is not None:
            await self._registry.users.know(context)
        arguments: tuple[Any, ...] = (context,) if command.takes_context else ()
        if command.takes_request:
            if body is None and command.request_optional:
                request = command.request_default
            else:
                request = codec.decode_request(command.decode, body, command=command.name)
            arguments = (request, *arguments)
        if command.is_async:
            result = handler(*arguments)
        else:
            result = await anyio.to_thread.run_sync(lambda: handler(*arguments))
        return await result if hasattr(type(result), "__await__") else result

    def _callback(self, name: str) -> Command:
        command = self._registry.get(name)
        if command is None or command.handler is None:
            raise UnknownCommand(f"callback {name!r} is not registered here")
        return command

    def _ended(self, stored: Job, context: JobContext, outcome: Outcome, **changes: Any) -> None:
        state = JobState.SCHEDULED if outcome.kind == "retry" else JobState(outcome.kind)
        self._change(
            stored,
            state=state,
            attempt=1,
            started_at=stored.created_at,
            completed_at=datetime.now(UTC) if state.finished else None,
            duration_ms=outcome.duration_ms,
            error_code=outcome.error_code,
            error=outcome.error,
            errors=() if outcome.failure is None else (error_of(json_of(outcome.failure)),),
            progress=context.progress_value,
            status=context.status,
            **changes,
        )

    def _change(self, stored: Job, **changes: Any) -> None:
        self.stored[stored.id] = msgspec.structs.replace(stored, **changes)

    # --- look and intervene ---------------------------------------------------------------------

    async def get_many(self, ids: Iterable[int]) -> dict[int, Job]:
        return {id: self.stored[id] for id in ids if id in self.stored}

    async def get_reply_to(self, id: int) -> str | None:
        return self._targets.get(id)

    async def find_ref(self, ref_id: str) -> int | None:
        return self._refs.get(ref_id)

    async def cancel(self, ids: Sequence[int], reason: str) -> int:
        live = [id for id in ids if id in self.stored and not self.stored[id].finished]
        for id in live:
            self._change(self.stored[id], state=JobState.CANCELLED, error_code="cancelled", error=reason)
        return len(live)

    async def cancel_many(self, reason: str, filters: LiveFilter) -> int:
        _refuse()

    async def requeue(self, ids: Sequence[int], *, as_they_were: bool = False) -> int:
        _refuse()


class _NoDatabase(Opening):
    """Stands where the opening of the database does."""

    def __init__(self) -> None:
        self.migrates = True

    def make(self) -> Database:
        _refuse()

    def database(self) -> Database:
        _refuse()

    @property
    def unchecked(self) -> Database:
        _refuse()

    @property
    def is_open(self) -> bool:
        return True

    @property
    def is_alive(self) -> bool:
        return True

    async def open(self) -> None:
        """Nothing is opened: an application's own block around its jobs stays as it is."""

    async def close(self) -> None:
        """See ``open``."""

    def for_engine(self, lease_seconds: float) -> Any:
        _refuse()


class _Ends:
    """Waits for jobs, all of which have ended."""

    def __init__(self, client: InlineClient) -> None:
        self._client = client

    async def job(self, id: int) -> Job:
        job = self._client.stored.get(id)
        if job is None:
            raise UnknownJob(f"there is no job {id}")
        if not job.finished:
            raise NotRunning(f"job {id} ({job.command}) is {job.state}, and in inline mode nothing runs it later")
        return job


class _Services:
    """What a handler's context needs."""

    def __init__(self, jobs: Jobs, client: InlineClient) -> None:
        self._client = client
        self.enqueue: Callable[..., Awaitable[JobRef]] = jobs.enqueue
        self.get_many: Callable[..., Awaitable[dict[int, Job]]] = jobs._get_many

    @property
    def reports(self) -> _Services:
        return self

    def log(self, context: JobContext, level: str, message: str) -> None:
        self._client.lines.setdefault(context.id, []).append(message)

    def progress(self, context: JobContext) -> None:
        """It is read when the job has ended."""

    def transaction(self, context: JobContext, /) -> AbstractAsyncContextManager[Transaction]:
        _refuse()


def _refuse() -> NoReturn:
    raise NotRunning(
        "in inline mode there is no database, so this cannot be done: use temporary_database(jobs) and drain(jobs)"
    )
