"""What is on or off takes True or False: every other value would pass as one of them, "no" as True."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from dbjobs import InvalidOption, Jobs, NotDelivered, Schedule, models
from dbjobs.bulk import BulkActions
from dbjobs.client.sync import SyncJobs
from dbjobs.inspect.workers import WorkerAdmin
from dbjobs.queues import QueueAdmin
from dbjobs.requestlog import RequestLog
from dbjobs.requestlog.settings import RequestLogOptions
from dbjobs.requests import RequestAdmin
from dbjobs.requests.filters import RequestFilter
from dbjobs.runs import RunsAdmin
from dbjobs.schedules import Schedules
from dbjobs.testing import drain
from dbjobs.webhooks import HttpNotifier

URL = "sqlite:///never-opened.db"
YEARLY = Schedule.cron("0 0 1 1 *")


def application() -> Jobs:
    jobs = Jobs(URL)

    @jobs.command
    def work() -> None: ...

    return jobs


@dataclass
class Order:
    """What an API handler is found by."""


async def take(request: Order) -> None: ...


async def app(scope: Any, receive: Any, send: Any) -> None: ...


CALLS: dict[str, Callable[[Any], Any]] = {
    "Jobs.__init__: migrate": lambda value: Jobs(URL, migrate=value),
    "Jobs.__init__: user_resolver_in_thread": lambda value: Jobs(URL, user_resolver_in_thread=value),
    "Jobs.command: process": lambda value: application().command(name="a", process=value)(lambda: None),
    "Jobs.api: process": lambda value: application().api(name="a", process=value)(take),
    "Jobs.run_forever: signals": lambda value: application().run_forever(signals=value),
    "Jobs.wait: raise_on_failure": lambda value: application().wait(1, raise_on_failure=value),
    "Jobs.list: history_only": lambda value: application().list(history_only=value),
    "Jobs.cancel_many: preview": lambda value: application().cancel_many(queue="a", preview=value),
    "Jobs.requeue_many: preview": lambda value: application().requeue_many(queue="a", preview=value),
    "Jobs.notifier: elsewhere": lambda value: application().notifier("slack", elsewhere=value),
    "TaskOptions: run_at_once": lambda value: application().recurring(YEARLY, run_at_once=value)(take),
    "TaskOptions: transient": lambda value: application().schedules.put("a", YEARLY, "work", transient=value),
    "ApiCommandOptions: keep_body": lambda value: application().api_options("GET", "/", keep_body=value),
    "RunOptions: exclusive": lambda value: application().run("work", worker="a", exclusive=value),
    "RequestFilter: failed": lambda value: application().requests.list(failed=value),
    "RequestLog.__init__: migrate": lambda value: RequestLog(app, url=URL, migrate=value),
    "RequestLogOptions: request_headers": lambda value: RequestLog(app, url=URL, request_headers=value),
    "RequestLogOptions: response_headers": lambda value: RequestLog(app, url=URL, response_headers=value),
    "RequestLogOptions: errors": lambda value: RequestLog(app, url=URL, errors=value),
    "HttpNotifier.__init__: allow_private": lambda value: HttpNotifier(allow_private=value),
    "NotDelivered.__init__: final": lambda value: NotDelivered("no", final=value),
    "drain: raise_on_failure": lambda value: drain(application(), raise_on_failure=value),
}
# jobs.sync opens its database before it looks at an argument.
SYNC = "SyncJobs.wait: raise_on_failure"


@pytest.mark.parametrize("value", ["no", "x", "", 0, 1, 1.0, [], None])
@pytest.mark.parametrize("name", CALLS)
async def test_a_switch_takes_true_or_false(name: str, value: Any) -> None:
    if value is None and name == "RequestFilter: failed":
        return  # left out, like every filter

    async def call() -> None:
        called = CALLS[name](value)
        if inspect.isawaitable(called):
            await called

    option = name.rpartition(" ")[2]
    with pytest.raises(InvalidOption, match=rf"{option}=.* must be True or False"):
        await call()


async def test_a_switch_of_a_blocking_call_takes_true_or_false(tmp_path: Any) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")
    with pytest.raises(InvalidOption, match="raise_on_failure='no' must be True or False"):
        await asyncio.to_thread(lambda: jobs.sync.wait(1, raise_on_failure="no"))  # type: ignore[call-overload]
    await asyncio.to_thread(jobs.sync.close)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) or get_origin(hint) is Union else ()


def test_no_switch_is_left_out() -> None:
    kinds = (
        Jobs, SyncJobs, BulkActions, Schedules, QueueAdmin, WorkerAdmin, RequestAdmin, RunsAdmin, RequestLog,
        HttpNotifier, NotDelivered,
    )  # fmt: skip
    found = {
        f"{kind.__name__}.{name}: {parameter.name}"
        for kind in kinds
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if name == "__init__" or not name.startswith("_")
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation == "bool"
    }
    options = [one for name, one in vars(models).items() if name.endswith("Options")]
    for kind in (*options, RequestFilter, RequestLogOptions):
        hints = get_type_hints(kind)
        own = [name for name in kind.__annotations__ if bool in (hints[name], *_alternatives(hints[name]))]
        found |= {f"{kind.__name__}: {name}" for name in own}
    # A function of the request will do, too; what it inherits, and a run that is scheduled, is the same check.
    found -= {"RequestLogOptions: request_body", "RequestLogOptions: response_body"}
    found -= {f"{kind}: {name}" for kind in ("RecurringOptions",) for name in ("run_at_once", "transient")}
    found -= {"SubmitOptions: exclusive"}
    assert found | {"drain: raise_on_failure"} == {*CALLS, SYNC}


@pytest.mark.parametrize(
    "call",
    [
        lambda: Jobs(URL, max_payload_bytes=True),
        lambda: Jobs(URL, pool_size=True),
        lambda: Jobs(URL, max_transient=True),
        lambda: application().admin(environment=5),
    ],
)
def test_true_is_no_number_and_no_number_a_text(call: Callable[[], Any]) -> None:
    with pytest.raises(InvalidOption, match="must be a"):
        call()


async def test_true_is_no_number_of_months() -> None:
    with pytest.raises(InvalidOption, match="retention_months=True must be a whole number"):
        async with application().start(retention_months=True):
            pass
