"""Explore: run or enqueue a command with a request from a form. Off unless the application allows commands."""

from __future__ import annotations

import re
import shlex
import time
import traceback
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from dbjobs.admin.call import Call, NotFound, shown
from dbjobs.admin.operations import Nothing, Operations
from dbjobs.admin.paths import path_of
from dbjobs.admin.request_forms import WHOLE, BadFields, Field, Form, errors_of, form_of, request_of
from dbjobs.commands.command import Command
from dbjobs.errors import DbjobsError, InvalidOption, InvalidRequest, PayloadTooLarge, UnknownCommand

OPERATIONS = Operations("explore")
# Limits for a run from here: its caller waits.
SECONDS = 30.0
MOST_SECONDS = 300.0
_LONGEST_TRACE = 20_000
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|m|h|d)?\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Do = Literal["check", "run", "enqueue"]


class Explorable(msgspec.Struct, frozen=True, kw_only=True):
    """A command that visitors may run from here.

    Attributes:
        runs_here: this process has its handler and can run it at once; otherwise it can only be enqueued.
        tags: labels that the application gave it.
        queue, timeout_seconds, retry_limit: defaults of its jobs.
    """

    command: str
    runs_here: bool
    tags: list[str]
    fields: list[Field]
    single: bool
    queue: str
    timeout_seconds: float
    retry_limit: int


class ExplorableList(msgspec.Struct, frozen=True, kw_only=True):
    """Commands that the application allows here, as far as this process knows them."""

    commands: list[Explorable]


class AskExplore(msgspec.Struct, frozen=True, kw_only=True):
    """Input that checks, runs or enqueues.

    Attributes:
        do: ``check``: only say whether the request fits; ``run``: at once, in this process, without storing a job;
            ``enqueue``: as a job.
        request: as JSON text; nothing: none, or its defaults.
        timeout: seconds after which a run is stopped.
        after: earliest start of an enqueued job: seconds (90, 10m, 2h, 1d) from now, or a time (UTC if no zone).
    """

    command: Annotated[str, Meta(min_length=1, max_length=255)]
    do: Do = "check"
    request: str | None = None
    timeout: Annotated[float, Meta(gt=0, le=MOST_SECONDS)] = SECONDS
    after: Annotated[str, Meta(max_length=50)] | None = None


class Explored(msgspec.Struct, frozen=True, kw_only=True):
    """The result.

    Attributes:
        outcome: ``valid`` or ``invalid``: it was only checked, or could not be run; ``completed``, ``failed`` or
            ``timeout``: of a run; ``enqueued``.
        errors: what is wrong with the request, by field.
        response: what the handler returned.
        milliseconds: how long it ran.
        error, trace: what it raised.
        job, job_text: the enqueued job.
        request: the request it got, as JSON text.
        message: for a person.
    """

    outcome: Literal["valid", "invalid", "completed", "failed", "timeout", "enqueued"]
    message: str
    request: str = ""
    errors: dict[str, str] = {}
    response: Any = None
    milliseconds: float | None = None
    error: str | None = None
    trace: str | None = None
    job: int | None = None
    job_text: str | None = None


@OPERATIONS.get("/explore", verb="explore")
async def list_explorable(call: Call, asked: Nothing) -> ExplorableList:
    """Commands that you may run from here, with the fields of their requests."""
    found = []
    for name in sorted(call.settings.explore):
        try:
            found.append(_explorable(_command(call, name)))
        except DbjobsError:  # the application allows it, but this process does not know it
            continue
    return ExplorableList(commands=found)


@OPERATIONS.post("/explore", verb="explore")
async def explore(call: Call, asked: AskExplore) -> Explored:
    """Check, run or enqueue a command with this request."""
    command = _command(call, asked.command)
    call.target = f"{asked.do} {command.own_name}"
    form = form_of(command)
    filled = await _filled(call)
    done = await _done(call, command, form, asked, filled)
    if filled is None:
        return done
    page: Explored = await show(call, command.own_name, asked, filled, done)  # a form gets a page as its answer
    return page


async def show(call: Call, name: str, asked: AskExplore, filled: dict[str, str], done: Explored | None) -> Any:
    """The page of a command, with the filled-in form and the result."""
    listed = await list_explorable(call, Nothing())
    chosen = next((one for one in listed.commands if one.command == name), None)
    if name and chosen is None:
        raise NotFound(f"{name!r} is not among the commands that may be run from here")
    request = "" if done is None else done.request
    return await call.render(
        "explore.html", title="Explore", listed=listed, chosen=chosen, asked=asked, filled=filled, done=done,
        python=python_of(name, request), curl=curl_of(call, name, request), most_seconds=MOST_SECONDS,
    )  # fmt: skip


def python_of(name: str, request: str) -> str:
    """The Python call that enqueues the same."""
    if not request or request == "null":
        return f"await jobs.enqueue({name!r})"
    return f"await jobs.enqueue({name!r}, {msgspec.json.decode(request)!r})"


def curl_of(call: Call, name: str, request: str) -> str:
    """The shell command that enqueues the same."""
    url = call.request.url
    root = str(call.request.scope.get("root_path", "")).rstrip("/")
    body = msgspec.json.encode({"command": name, "do": "enqueue", "request": request or None}).decode()
    return (
        f'curl {shlex.quote(f"{url.scheme}://{url.netloc}{root}/api/explore")} -H "authorization: Bearer $TOKEN"'
        f" -H 'content-type: application/json' -d {shlex.quote(body)}"
    )


# --- parts ----------------------------------------------------------------------------------


def _command(call: Call, name: str) -> Command:
    """A command that visitors may run from here.

    Raises:
        NotFound: the application does not allow it, or this process does not know it.
    """
    if name not in call.settings.explore:
        raise NotFound(f"{name!r} is not among the commands that may be run from here (jobs.admin(explore=[...]))")
    try:
        return call.jobs._registry.find(name)
    except UnknownCommand as error:
        raise NotFound(str(error)) from None


def _explorable(command: Command) -> Explorable:
    form = form_of(command)
    template = command.template
    return Explorable(
        command=command.own_name, runs_here=command.handler is not None, tags=list(command.tags), fields=form.fields,
        single=form.single, queue=template.queue, timeout_seconds=template.timeout_seconds,
        retry_limit=template.retry_limit,
    )  # fmt: skip


async def _filled(call: Call) -> dict[str, str] | None:
    """The fields of a form, by name; None if this is a call of the API."""
    if not path_of(call.request).startswith("/act/"):
        return None
    form = await call.request.form()
    return {name.removeprefix("f."): str(form[name]) for name in form if name.startswith("f.")}


async def _done(call: Call, command: Command, form: Form, asked: AskExplore, filled: dict[str, str] | None) -> Explored:
    try:
        if filled is not None:
            request = request_of(form, filled)
        else:
            request = None if asked.request is None else msgspec.json.decode(asked.request)
        after = _moment(asked.after)
        text = command.encode_request(request, call.jobs._max_payload_bytes) or "null"
    except BadFields as error:
        return Explored(outcome="invalid", message="the request does not fit", errors=error.errors)
    except msgspec.DecodeError as error:
        return Explored(outcome="invalid", message="the request is not JSON", errors={WHOLE: str(error)})
    except (InvalidRequest, PayloadTooLarge) as error:
        kept = msgspec.json.encode(request, enc_hook=str).decode()
        return Explored(
            outcome="invalid", message="the request does not fit", errors=errors_of(form, error), request=kept
        )
    if asked.do == "check":
        return Explored(outcome="valid", message="the request fits; nothing was run", request=text)
    if asked.do == "enqueue":
        options: dict[str, Any] = {} if after is None else {"run_after": after}
        ref = await call.jobs.enqueue(command.own_name, request, created_by=call.visitor.name, **options)
        call.target += f" as job {ref.id}"
        return Explored(
            outcome="enqueued", message=f"enqueued as job {ref.id}", job=ref.id, job_text=str(ref.id), request=text
        )
    return await _run(call, command, request, asked.timeout, text)


async def _run(call: Call, command: Command, request: Any, seconds: float, text: str) -> Explored:
    if command.handler is None:
        raise InvalidOption(f"{command.own_name!r} has no handler in this process: enqueue it instead")
    began = time.monotonic()
    try:
        response = await call.jobs.run(command.own_name, request, timeout=seconds, created_by=call.visitor.name)
    except TimeoutError as error:
        took = (time.monotonic() - began) * 1000
        return Explored(
            outcome="timeout", message=f"it was ended after {seconds:g} s", milliseconds=took, error=str(error),
            request=text,
        )  # fmt: skip
    except Exception as error:
        took = (time.monotonic() - began) * 1000
        trace = "".join(traceback.format_exception(error))[-_LONGEST_TRACE:]
        return Explored(
            outcome="failed", message=f"it has raised {type(error).__name__}", milliseconds=took,
            error=f"{type(error).__name__}: {error}", trace=trace, request=text,
        )  # fmt: skip
    took = (time.monotonic() - began) * 1000
    plain = shown(call, "response", msgspec.to_builtins(response, enc_hook=_plain))
    return Explored(outcome="completed", message="it has completed", milliseconds=took, response=plain, request=text)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)


def _moment(text: str | None) -> datetime | timedelta | None:
    if text is None or not text.strip():
        return None
    match = _DURATION.fullmatch(text.strip())
    if match is not None:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2] or "s"])
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadFields({"after": f"{text!r} is neither seconds (90, 10m, 2h, 1d) nor a time"}) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
