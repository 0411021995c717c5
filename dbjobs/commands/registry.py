"""Commands: handlers known by name, with the types of their requests and their default options."""

from __future__ import annotations

import difflib
import inspect
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from dbjobs.commands import codec, options
from dbjobs.commands.signature import Handler, first_default, is_coroutine_function, response_type, signature
from dbjobs.context import JobContext
from dbjobs.errors import InvalidOption, InvalidRequest, UnknownCommand
from dbjobs.models import Job, JobState
from dbjobs.store.records import NewJob

log = logging.getLogger("dbjobs")

# What comes back from JSON as it went in, whatever its value.
_EXACT = (int, str, bool)
ShouldRetry = Callable[[JobContext, BaseException], bool]


class Command(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A registered handler.

    Attributes:
        name: what jobs refer to.
        handler: the function or object to call; None if only other processes have it.
        request_type: declared type of the request; ``Any`` if undeclared.
        takes_request, takes_context: what the handler wants to be called with.
        request_optional: its request has a default.
        request_default: that default; the handler gets it when a job has no request.
        is_async: awaited on the event loop; otherwise called in a thread.
        process: called in a worker process, which a timeout really kills.
        template: a row with this command's default options.
        should_retry: asked after a failure, beside the retry limit.
        decode_response: gives a response, which is decoded JSON, the type that the handler declares; None if it
            declares none.
    """

    name: str
    handler: Handler | None
    request_type: Any
    takes_request: bool
    takes_context: bool
    is_async: bool
    process: bool
    template: NewJob
    decode: codec.Decode
    should_retry: ShouldRetry | None
    request_optional: bool = False
    request_default: Any = None
    decode_response: Callable[[Any], Any] | None = None

    def typed(self, job: Job[Any]) -> Job[Any]:
        """The job with its response as the type that the handler declares to return.

        Where it does not fit (the handler has changed since, or returns something else), it stays decoded JSON.
        """
        if job.response is None or self.decode_response is None:
            return job
        try:
            return msgspec.structs.replace(job, response=self.decode_response(job.response))
        except Exception as error:
            log.warning(
                "job %s: the response of %r does not fit the type that it declares: %s", job.id, self.name, error
            )
            return job

    def encode_request(self, request: Any, limit: int) -> str | None:
        """JSON text of a request that fits the declared type.

        Raises:
            InvalidRequest, PayloadTooLarge.
        """
        if type(request) is self.request_type and self.request_type in _EXACT and self.takes_request:
            text = codec.encode_exact(request, limit)
            if text is not None:
                return text  # as it is for most of the many of one call; what is wrong with it is told below
        if self.takes_request and request is None and self.request_type is not Any and not self.request_optional:
            # A type that takes None says so itself; for all others the caller has forgotten the request.
            try:
                self.decode("null")
            except Exception:
                raise InvalidRequest(
                    f"the request of {self.name!r} does not fit its declared type {codec.told(self.request_type)}: "
                    "none was given"
                ) from None
        if not self.takes_request and request is not None and self.handler is not None:
            raise InvalidRequest(f"command {self.name!r} takes no request, but one was given")
        what = f"the request of {self.name!r}"
        text = codec.encode(request, what=what, limit=limit)
        # What the handler will get must be what was given: tell it here, where the mistake can be corrected, and not
        # when the job runs.
        if text is not None and self.takes_request and self.request_type is not Any:
            codec.check(request, text, self.request_type, self.decode, what=what)
        return text


class Registry:
    """The commands of one application.

    Args:
        base: the row that all commands start from (the application's own defaults).
    """

    def __init__(self, base: NewJob) -> None:
        self._base = base
        self._commands: dict[str, Command] = {}
        self._by_handler: dict[object, Command] = {}

    def add(
        self,
        handler: Handler,
        *,
        name: str | None,
        process: bool,
        should_retry: ShouldRetry | None,
        defaults: Mapping[str, Any],
    ) -> Command:
        """Register a handler.

        Raises:
            InvalidOption: the name is taken, the handler cannot be called, an option is wrong.
        """
        if not callable(handler):
            raise InvalidOption(f"a command must be callable, not a {type(handler).__name__}")
        if inspect.isclass(handler):
            raise InvalidOption(
                f"{handler.__name__} is a class; register an object of it: jobs.command({handler.__name__}(...)), "
                "whose __call__(self, request, job) is the handler"
            )
        name = _checked_name(name or getattr(handler, "__name__", None) or type(handler).__name__)
        if name in self._commands and self._commands[name].handler is not None:
            raise InvalidOption(f"command {name!r} is already registered; give one of them another name=")
        where = f"command {name!r}"
        options.check_names(defaults, where=where, job_only=False)
        function = handler if inspect.isroutine(handler) or isinstance(handler, partial) else handler.__call__  # type: ignore[operator]
        # A plain wrapper (functools.wraps) around an async function returns what has to be awaited.
        is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))
        if should_retry is not None and is_coroutine_function(should_retry):
            raise InvalidOption(f"{where}: should_retry must be a plain function; an async one always counts as true")
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise InvalidOption(f"{where} is a generator; a command returns one response")
        if process and is_async:
            raise InvalidOption(f"{where}: process=True needs a plain function, not an async one")
        takes_request, takes_context, request_type, request_optional = signature(function, where)
        if process and takes_context:
            raise InvalidOption(f"{where}: process=True handlers take (request) only; the job context stays here")
        template, _ = options.apply(
            msgspec.structs.replace(self._base, command=name), self.named(defaults), where=where
        )
        command = Command(
            name=name,
            handler=handler,
            request_type=request_type,
            takes_request=takes_request,
            takes_context=takes_context,
            is_async=is_async,
            process=process,
            template=template,
            decode=codec.decoder(request_type, command=name),
            should_retry=should_retry,
            request_optional=request_optional,
            request_default=first_default(function) if request_optional else None,
            decode_response=codec.response_decoder(response_type(function)),
        )
        self._commands[name] = command
        self._by_handler[_key(handler)] = command
        return command

    def declare(self, name: str, defaults: Mapping[str, Any]) -> Command:
        """Make a command known that only other processes can run."""
        name = _checked_name(name)
        if name in self._commands:
            return self._commands[name]
        where = f"command {name!r}"
        options.check_names(defaults, where=where, job_only=False)
        template, _ = options.apply(
            msgspec.structs.replace(self._base, command=name), self.named(defaults), where=where
        )
        command = Command(
            name=name,
            handler=None,
            request_type=Any,
            takes_request=True,
            takes_context=False,
            is_async=True,
            process=False,
            template=template,
            decode=msgspec.json.decode,
            should_retry=None,
        )
        self._commands[name] = command
        return command

    def find(self, wanted: Any) -> Command:
        """The command for a name, a Command or a handler.

        Raises:
            UnknownCommand: with the nearest name that is registered.
        """
        if isinstance(wanted, Command):
            return wanted
        if isinstance(wanted, str):
            command = self._commands.get(wanted)
            name = wanted
        else:
            command = self._by_handler.get(_key(wanted))
            name = getattr(wanted, "__name__", type(wanted).__name__)
        if command is not None:
            return command
        near = difflib.get_close_matches(str(name), self._commands, 1)
        hint = f"did you mean {near[0]!r}?" if near else "register it with @jobs.command, or jobs.declare(name)"
        raise UnknownCommand(f"no command named {name!r} is registered in this process; {hint}")

    def named(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Options in which the callback is a name.

        Raises:
            UnknownCommand: the callback is not registered.
        """
        callback = given.get("callback")
        return given if callback is None else {**given, "callback": self.find(callback).name}

    def runnable(self) -> list[str]:
        """Names of the commands that this process has handlers for."""
        return [name for name, command in self._commands.items() if command.handler is not None]

    def runnable_commands(self) -> list[Command]:
        """Those commands; safe in any thread."""
        return [command for command in [*self._commands.values()] if command.handler is not None]

    def get(self, name: str) -> Command | None:
        """The command of this name, if any."""
        return self._commands.get(name)


def base_row(*, retry_limit: int, timeout_seconds: float) -> NewJob:
    """A row with nothing but the application's defaults."""
    return NewJob(
        ref_id=None,
        parent_id=None,
        worker=None,
        queue="default",
        priority=0,
        tag=None,
        batch_id=None,
        callback=None,
        depends_on=None,
        depends_on_policy=str(JobState.COMPLETED),
        pending=0,
        delay_seconds=None,
        run_after=None,
        expires_seconds=None,
        created_by=None,
        user_id=None,
        request_type="command",
        command="",
        request=None,
        request_body=None,
        retry_limit=retry_limit,
        retry=None,
        on_failure="block",
        timeout_seconds=timeout_seconds,
        reply_to=None,
        args=None,
        meta=None,
        trace_context=None,
    )


def _key(handler: object) -> object:
    """What tells handlers apart: a bound method is a new object each time, but equal to itself."""
    try:
        hash(handler)
    except TypeError:
        return id(handler)
    return handler


def _checked_name(name: str) -> str:
    try:
        return options.text(name) or ""
    except InvalidOption as error:
        raise InvalidOption(f"a command's name {error}: {name!r}") from None
