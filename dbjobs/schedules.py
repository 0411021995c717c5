"""Scheduled tasks: ``jobs.recurring`` in code, ``jobs.schedules`` at run time."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar, Unpack, cast

import msgspec

from dbjobs.asgi.api_jobs import ApiJobs
from dbjobs.client.client import IDS_PER_STATEMENT, Client
from dbjobs.commands import options as job_options
from dbjobs.commands.registry import Registry
from dbjobs.errors import InvalidOption, UnknownTask
from dbjobs.models import Job, JobRef, JobState, RecurringOptions, RunOptions, TaskOptions
from dbjobs.schedule import Schedule
from dbjobs.scheduled import ScheduledTask, TaskRun, run_of, task_of
from dbjobs.store import repository
from dbjobs.store.records import NewJob
from dbjobs.store.repository.tasks import TaskRow
from dbjobs.store.transactions import scheduling
from dbjobs.store.transactions.scheduling import runs_of
from dbjobs.task_rules import RULES, check_schedule, name_of_task, split

F = TypeVar("F", bound=Callable[..., Any])
List = list  # `Schedules.list` hides the builtin in the annotations below it

_MOST_TIMES = 1000


@dataclass(frozen=True)
class _Declared:
    """What code has declared; checked against its command when the node starts, if that is registered later."""

    name: str
    schedule: Schedule
    command: Any
    request: Any
    how: Mapping[str, Any] = field(default_factory=dict)


class Schedules:
    """Scheduled tasks, for all nodes: ``jobs.schedules``."""

    def __init__(self, client: Client, registry: Registry, api: ApiJobs, max_payload_bytes: int) -> None:
        self._client = client
        self._api = api
        self._registry = registry
        self._max_payload_bytes = max_payload_bytes
        self._declared: dict[str, _Declared] = {}

    # --- in code --------------------------------------------------------------------------------

    def declare(self, schedule: Schedule, **how: Unpack[RecurringOptions]) -> Callable[[F], F]:
        """See ``Jobs.recurring``."""
        given: dict[str, Any] = dict(how)
        name, request = given.pop("name", None), given.pop("request", None)
        check_schedule(schedule, "recurring")
        split(given, "recurring")

        def register(handler: F) -> F:
            by_default = handler if isinstance(handler, str) else _name_of(handler, self._registry)
            task = name_of_task(by_default if name is None else name, "recurring")
            if task in self._declared:
                raise InvalidOption(f"recurring: task {task!r} is declared already; give one of them another name=")
            declared = _Declared(task, schedule, handler, request, given)
            if self._registry.knows(handler):
                self._row(declared, f"recurring task {task!r}", declared=True)
            self._declared[task] = declared
            return handler

        return register

    @property
    def names(self) -> List[str]:
        """Names of the tasks that this process declares."""
        return list(self._declared)

    async def register(self) -> None:
        """Store what this process declares, where it is new or has changed; called when a node starts.

        Raises:
            UnknownCommand, InvalidOption, InvalidRequest: a task's handler is not a command; its request does not fit.
        """
        tasks = [
            (self._row(task, f"recurring task {task.name!r}", declared=True), bool(task.how.get("run_at_once")))
            for task in self._declared.values()
        ]
        if tasks:
            await scheduling.declare(self._client.db, tasks)

    # --- at run time ----------------------------------------------------------------------------

    async def put(
        self, name: str, schedule: Schedule, command: Any, request: Any = None, /, **how: Unpack[TaskOptions]
    ) -> bool:
        """Store a task, or make the one of this name what it is to be.

        A task that is paused stays so. If its times have changed, it counts anew from now.

        Args:
            name: at most 200 characters, by which it is known to all nodes.
            schedule: when it recurs.
            command: a registered command, or its name. Every node that has its handler may fire the task.
            request: what each of its jobs gets; must fit the command's declared type.
            how: see TaskOptions.

        Returns:
            False if the task was there and is the same.

        Raises:
            UnknownCommand, InvalidRequest, PayloadTooLarge, InvalidOption: nothing is stored.
        """
        given: dict[str, Any] = dict(how)
        where = f"schedules.put of {name!r}"
        check_schedule(schedule, where)
        wanted = _Declared(name_of_task(name, where), schedule, command, request, given)
        row = self._row(wanted, where, declared=False)
        stored = await repository.list_tasks(self._client.db, name)
        if stored and stored[0].declared:
            raise InvalidOption(
                f"{where}: a task of this name is declared in code (@jobs.recurring); take another name, or remove it"
            )
        changed = await scheduling.put(self._client.db, row, at_once=bool(given.get("run_at_once")))
        self._client.tasks_changed()
        return changed

    async def put_api(self, name: str, schedule: Schedule, what: Any, path: str | None = None, /, **how: Any) -> bool:
        """Store a task whose jobs call an API (see ``put``).

        Args:
            what, path: what ``enqueue_api`` takes: a method and a path, a route's own function, or a request.
            how: what else ``enqueue_api`` takes (``json``, ``headers``, path parameters), and TaskOptions.

        Returns:
            False if the task was there and is the same.

        Raises:
            UnknownCommand, InvalidRequest, PayloadTooLarge, InvalidOption: nothing is stored.
        """
        own = {option: value for option, value in how.items() if option in RULES}
        given = {option: value for option, value in how.items() if option not in RULES}
        command, request, options = self._api.job(what, path, given)
        return await self.put(name, schedule, command, request, **cast(TaskOptions, {**own, **options}))

    async def remove(self, name: str) -> bool:
        """Remove a task; its jobs stay. False if there is none of this name.

        One that is declared in code comes back when a process that declares it starts.
        """
        return await repository.remove_task(self._client.db, name_of_task(name, "schedules.remove"))

    async def pause(self, name: str) -> None:
        """Stop firing a task, on every node, until it is resumed; starts and deploys leave it paused.

        Raises:
            UnknownTask.
        """
        await self._change(name, "schedules.pause", scheduling.paused)

    async def resume(self, name: str) -> None:
        """Fire a task again, from its next time on; times that passed meanwhile do not count as missed.

        Raises:
            UnknownTask.
        """
        await self._change(name, "schedules.resume", scheduling.resumed)

    async def run_now(self, name: str) -> JobRef[Any]:
        """Run a task once, now, in addition to its schedule, even if it is paused; returns its job.

        Raises:
            UnknownTask.
        """
        fired = await scheduling.run_now(self._client.db, name_of_task(name, "schedules.run_now"))
        if fired is None:
            raise await self._unknown(name)
        ref, job = fired
        await self._client.tell([job])
        return ref

    # --- look -----------------------------------------------------------------------------------

    async def list(self) -> List[ScheduledTask]:
        """All tasks, by name."""
        return await self._tasks(await repository.list_tasks(self._client.db))

    async def get(self, name: str) -> ScheduledTask | None:
        """The task of this name; None if there is none."""
        found = await self._tasks(await repository.list_tasks(self._client.db, name_of_task(name, "schedules.get")))
        return found[0] if found else None

    async def runs(self, name: str) -> List[TaskRun]:
        """The last 20 runs of a task, newest first.

        Raises:
            UnknownTask.
        """
        row = await self._stored(name, "schedules.runs")
        runs = runs_of(row)
        refs = await repository.find_refs(self._client.db, [ref for ref, _, _ in runs]) if runs else {}
        jobs = await self._client.get_many(refs.values())
        return [run_of(row, ref, moment, asked, _job(jobs, refs.get(ref))) for ref, moment, asked in reversed(runs)]

    async def next_runs(self, task: str | Schedule, n: int = 5) -> List[datetime]:
        """The next times of a task, or of a schedule, in UTC; fewer if it has an end. Jitter is not in them.

        Args:
            task: the name of a task, or any schedule, which then counts from now.
            n: how many, at most 1000.

        Raises:
            UnknownTask.
        """
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= _MOST_TIMES:
            raise InvalidOption(f"schedules.next_runs: n={n!r} must be between 1 and {_MOST_TIMES}")
        if isinstance(task, Schedule):
            now = await repository.database_time(self._client.db) if self._client.opening.is_open else datetime.now(UTC)
            return list(islice(task.times_after(now), n))
        row = await self._stored(task, "schedules.next_runs")
        if row.next_run_at is None:
            return []
        end = scheduling.rules_of(row).end
        later = scheduling.schedule_of(row).times_after(row.next_run_at, row.next_run_at)
        times = [row.next_run_at, *islice(later, n - 1)]
        return [time for time in times if end is None or time <= end]

    # --- parts ----------------------------------------------------------------------------------

    async def _tasks(self, rows: Sequence[TaskRow]) -> List[ScheduledTask]:
        """With what their jobs say: looked up by key, and only the last job of each as a whole."""
        db = self._client.db
        wanted = [ref for row in rows for ref, _, _ in runs_of(row)]
        refs: dict[str, int] = {}
        for start in range(0, len(wanted), IDS_PER_STATEMENT):
            refs |= await repository.find_refs(db, wanted[start : start + IDS_PER_STATEMENT])
        ids = list(refs.values())
        ended: dict[int, JobState] = {}
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            ended |= await repository.find_ends(db, ids[start : start + IDS_PER_STATEMENT])
        last = {row.name: refs.get(runs[-1][0]) for row in rows if (runs := runs_of(row))}
        jobs = await self._client.get_many(id for id in last.values() if id is not None)
        nodes = await repository.list_nodes(db) if any(row.declared for row in rows) else []
        return [task_of(row, nodes, refs, ended, _job(jobs, last.get(row.name))) for row in rows]

    async def _stored(self, name: str, where: str) -> TaskRow:
        stored = await repository.list_tasks(self._client.db, name_of_task(name, where))
        if not stored:
            raise await self._unknown(name)
        return stored[0]

    async def _change(self, name: str, where: str, how: Callable[[TaskRow, datetime], TaskRow]) -> None:
        if not await scheduling.change(self._client.db, name_of_task(name, where), how):
            raise await self._unknown(name)
        self._client.tasks_changed()

    async def _unknown(self, name: str) -> UnknownTask:
        names = [row.name for row in await repository.list_tasks(self._client.db)]
        near = difflib.get_close_matches(name, names, 1)
        return UnknownTask(f"there is no scheduled task {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))

    def _row(self, task: _Declared, where: str, *, declared: bool) -> TaskRow:
        """The row of a task, checked as far as it can be before it is stored."""
        rules, given = split(task.how, where)
        command = self._registry.find(task.command)
        template, _ = job_options.apply(command.template, self._registry.named(given), where=where)
        if template.run_after is not None:
            raise InvalidOption(f"{where}: run_after must be a delay; a task's first time is start=")
        body = command.encode_request(task.request, self._max_payload_bytes)
        if rules.transient:
            for option in given:
                if option not in RunOptions.__annotations__:
                    raise InvalidOption(f"{where}: option {option!r} is one of stored jobs; leave transient=True out")
        job: NewJob = template
        if body is not None:
            job = msgspec.structs.replace(template, request=type(task.request).__name__, request_body=body)
        if job.reply_to is not None:
            rules = msgspec.structs.replace(rules, delivery=self._client.delivery_of(job))
        return scheduling.make_task(task.name, task.schedule, rules, job, declared=declared)


def _name_of(handler: Any, registry: Registry) -> str:
    if registry.knows(handler):
        return registry.find(handler).own_name
    return cast(str, getattr(handler, "__name__", type(handler).__name__))


def _job(jobs: Mapping[int, Job], id: int | None) -> Job | None:
    return None if id is None else jobs.get(id)
