"""Makes a command of a handler: what may be one, what it takes, and its default options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from dbjobs.commands import codec, options
from dbjobs.commands.classes import ClassHandler
from dbjobs.commands.command import Command, ShouldRetry
from dbjobs.commands.dependencies import Dependencies, Wanted
from dbjobs.commands.quick import retrying
from dbjobs.commands.signature import Handler, first_default, is_coroutine_function, response_type, signature
from dbjobs.errors import InvalidOption
from dbjobs.models import JobState, QuickRetry
from dbjobs.store.records import NewJob

Named = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def made(
    handler: Handler,
    name: str,
    base: NewJob,
    named: Named,
    dependencies: Dependencies,
    *,
    process: bool,
    should_retry: ShouldRetry | None,
    defaults: Mapping[str, Any],
    tags: Sequence[str],
    quick_retry: QuickRetry | None,
) -> Command:
    """The command of a handler.

    Args:
        base: the row that all commands start from.
        named: gives options in which the callback is a name.
        dependencies: where a class gets what it asks for.

    Raises:
        InvalidOption: the handler cannot be called, or an option is wrong.
    """
    where = f"command {name!r}"
    options.check_names(defaults, where=where, job_only=False)
    options.switch(process, f"{where}: process")
    call: Handler = handler
    wanted: tuple[Wanted, ...] = ()
    if inspect.isclass(handler):
        if process:
            raise InvalidOption(f"{where}: process=True needs a function; what a class asks for stays here")
        call = of_class = ClassHandler(handler, where, dependencies)
        function, wanted = of_class.run, of_class.wanted
    elif inspect.isroutine(handler) or isinstance(handler, partial):
        function = handler
    else:
        function = handler.__call__  # type: ignore[operator]
    # A plain wrapper (functools.wraps) around an async function returns an awaitable.
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))
    if should_retry is not None:
        _check_hook(should_retry, where)
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise InvalidOption(f"{where} is a generator; a command returns one response")
    if process and is_async:
        raise InvalidOption(f"{where}: process=True needs a plain function, not an async one")
    takes_request, takes_context, request_type, request_optional = signature(function, where)
    if process and takes_context:
        raise InvalidOption(f"{where}: process=True handlers take (request) only; the job context stays here")
    if quick_retry is not None:
        if not isinstance(quick_retry, QuickRetry):
            raise InvalidOption(f"{where}: quick_retry={quick_retry!r} must be a dbjobs.QuickRetry")
        if process:
            raise InvalidOption(f"{where}: process=True has no quick retries; use retry_limit and retry")
        call = retrying(call, quick_retry, is_async=is_async)
    template, _ = options.apply(msgspec.structs.replace(base, command=name), named(defaults), where=where)
    return Command(
        name=name,
        handler=call,
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
        tags=_checked_tags(tags, where),
        wanted=wanted,
    )


def _check_hook(should_retry: Any, where: str) -> None:
    if not callable(should_retry):
        raise InvalidOption(f"{where}: should_retry={should_retry!r} must be a function (job, error) -> bool")
    if is_coroutine_function(should_retry):
        raise InvalidOption(f"{where}: should_retry must be a plain function; an async one always counts as true")
    try:
        inspect.signature(should_retry).bind(None, None)
    except TypeError as error:
        raise InvalidOption(f"{where}: should_retry cannot be called with (job, error): {error}") from None
    except ValueError:
        pass  # written in C


def declared(name: str, base: NewJob, named: Named, defaults: Mapping[str, Any]) -> Command:
    """A command that only other processes can run.

    Args:
        base, named: as above.

    Raises:
        InvalidOption: an option is wrong.
    """
    where = f"command {name!r}"
    options.check_names(defaults, where=where, job_only=False)
    template, _ = options.apply(msgspec.structs.replace(base, command=name), named(defaults), where=where)
    return Command(
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


def _checked_tags(tags: Any, where: str) -> tuple[str, ...]:
    if isinstance(tags, str | bytes) or not isinstance(tags, Sequence):
        raise InvalidOption(f"{where}: tags={tags!r} must be a list of texts")
    try:
        if None in tags:
            raise InvalidOption("must be a string")
        return tuple(dict.fromkeys(options.text(tag) or "" for tag in tags))
    except InvalidOption as error:
        raise InvalidOption(f"{where}: tags={tags!r}: each {error}") from None


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
