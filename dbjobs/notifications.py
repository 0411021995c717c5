"""Notifiers: who tells the ``reply_to`` of a job how that has ended, by the scheme of its text."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal, Protocol, TypedDict, TypeVar, Unpack, overload, runtime_checkable

from msgspec.structs import replace

from dbjobs.client.client import Client
from dbjobs.commands.options import switch
from dbjobs.commands.registry import Command, Registry
from dbjobs.delivery import Delivery, Notify
from dbjobs.delivery import ReplyTo as ReplyTo
from dbjobs.errors import InvalidOption, NotDelivered
from dbjobs.models import Backoff, Job
from dbjobs.reply_to import scheme_of
from dbjobs.store.records import NewJob
from dbjobs.store.transactions.delivering import (
    DELIVERY_BACKOFF,
    DELIVERY_PREFIX,
    DELIVERY_QUEUE,
    DELIVERY_RETRY_LIMIT,
    DELIVERY_TIMEOUT_SECONDS,
)

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,31}")
_OPTIONS = frozenset({"retry_limit", "retry", "timeout", "priority"})


F = TypeVar("F", bound=Notify)


@runtime_checkable
class Notifier(Protocol):
    """A notifier that knows its schemes; ``check(text)``, if it has one, is asked when a job is enqueued."""

    @property
    def schemes(self) -> Sequence[str]: ...

    def __call__(self, job: Job[Any], target: ReplyTo, /) -> Coroutine[Any, Any, Any]: ...


N = TypeVar("N", bound=Notifier)


class DeliveryOptions(TypedDict, total=False):
    """Options of the deliveries of a notifier.

    Attributes:
        retry_limit: how often one is tried again (18: about two days).
        retry: Backoff between tries.
        timeout: seconds (or timedelta) for one try (60).
        priority: lower goes first.
    """

    retry_limit: int
    retry: Backoff
    timeout: float | timedelta
    priority: int


class Notifications:
    """The notifiers of one application."""

    def __init__(self, registry: Registry, client: Callable[[], Client]) -> None:
        self._registry = registry
        self._client = client
        self._commands: dict[str, Command] = {}
        self._checks: dict[str, Callable[[str], None]] = {}

    def add(self, what: Sequence[Any], elsewhere: bool, options: Mapping[str, Any]) -> Any:
        """See ``Jobs.notifier``."""
        switch(elsewhere, "notifier: elsewhere")
        for name in options:
            if name not in _OPTIONS:
                raise InvalidOption(f"notifier: unknown option {name!r}; the options are {', '.join(sorted(_OPTIONS))}")
        if not what:
            raise InvalidOption('notifier: name a scheme, as in @jobs.notifier("slack"), or give a notifier')
        *schemes, last = what
        if isinstance(last, str):
            names = self._new([*schemes, last])
            if elsewhere:
                self._put(names, None, options)
                return None

            def register(notify: Any) -> Any:
                self._put(self._new(names), notify, options)
                return notify

            return register
        if elsewhere:
            raise InvalidOption("notifier: elsewhere=True takes schemes alone; the notifier is in other processes")
        if not schemes:
            if not isinstance(last, Notifier) or isinstance(last, type):
                raise InvalidOption(
                    f"notifier: {last!r} knows no schemes of its own; name them: jobs.notifier('slack', notify)"
                )
            schemes = [last.schemes] if isinstance(last.schemes, str) else [*last.schemes]
        self._put(self._new(schemes), last, options)
        return last

    def _new(self, schemes: Sequence[Any]) -> list[str]:
        """Schemes that have no notifier yet.

        Raises:
            InvalidOption.
        """
        for scheme in schemes:
            if not isinstance(scheme, str) or not _SCHEME.fullmatch(scheme):
                raise InvalidOption(
                    f"notifier: {scheme!r} is not a scheme: lower-case letters, digits and +.-, as in 'https'"
                )
            if scheme in self._commands:
                raise InvalidOption(f"notifier: there is one for {scheme!r} already")
        if self._client().is_working:
            raise InvalidOption("notifier: register notifiers before the workers of this process start")
        return list(dict.fromkeys(schemes))

    def _put(self, schemes: Sequence[str], notify: Any, options: Mapping[str, Any]) -> None:
        if notify is not None and (not callable(notify) or isinstance(notify, type)):
            raise InvalidOption(f"notifier: {notify!r} cannot be called with (job, target)")
        if notify is not None:
            try:
                inspect.signature(notify).bind(None, None)
            except TypeError as error:
                raise InvalidOption(f"notifier: {notify!r} cannot be called with (job, target): {error}") from None
            except ValueError:
                pass  # written in C
        defaults: dict[str, Any] = {
            "retry_limit": DELIVERY_RETRY_LIMIT,
            "retry": DELIVERY_BACKOFF,
            "timeout": DELIVERY_TIMEOUT_SECONDS,
            **options,
        }
        for scheme in schemes:
            name = f"{DELIVERY_PREFIX}{scheme}"
            if notify is None:
                command = self._registry.declare(name, defaults)
            else:
                command = self._registry.add(
                    Delivery(scheme, notify, self._client, partial(self._row, scheme)),
                    name=name,
                    process=False,
                    should_retry=_has_point,
                    defaults=defaults,
                )
            template = replace(command.template, queue=DELIVERY_QUEUE, depends_on_policy="finished")
            command = replace(command, is_delivery=True, template=template)
            self._registry.put(command)
            self._commands[scheme] = command
            if callable(check := getattr(notify, "check", None)):
                self._checks[scheme] = check

    def _row(self, scheme: str) -> NewJob:
        return self._commands[scheme].template

    def deliver(self, job: NewJob) -> NewJob | None:
        """The job that tells this one's ``reply_to`` of its end; None if no notifier is for that.

        Raises:
            InvalidOption: the notifier cannot send anything there.
        """
        text = job.reply_to
        scheme = None if text is None else scheme_of(text)
        if text is None or scheme not in self._commands or job.command.startswith(DELIVERY_PREFIX):
            return None
        check = self._checks.get(scheme)
        if check is not None:
            try:
                check(text)
            except InvalidOption as error:
                raise InvalidOption(f"job of {job.command!r}: option reply_to: {error}") from None
        return replace(self._row(scheme), reply_to=text)


class NotifierCalls:
    """The part of ``Jobs`` that registers notifiers."""

    _notifications: Notifications

    @overload
    def notifier(self, notifier: N, /, **options: Unpack[DeliveryOptions]) -> N: ...
    @overload
    def notifier(self, scheme: str, notify: F, /, **options: Unpack[DeliveryOptions]) -> F: ...
    @overload
    def notifier(self, *schemes: str, elsewhere: Literal[True], **options: Unpack[DeliveryOptions]) -> None: ...
    @overload
    def notifier(self, *schemes: str, **options: Unpack[DeliveryOptions]) -> Callable[[F], F]: ...
    def notifier(self, *what: Any, elsewhere: bool = False, **options: Unpack[DeliveryOptions]) -> Any:
        """Register who tells the ``reply_to`` of jobs how they ended, by the scheme of its text.

        ::

            jobs.notifier(HttpNotifier(secret="$WEBHOOK_SECRET"))   # reply_to="https://..."

            @jobs.notifier("slack")                                 # reply_to="slack:#ops"
            async def slack(job: Job, target: ReplyTo) -> None: ...

        A job that is enqueued where its scheme is registered gets a delivery: a job of its own that waits for the end
        of the other one, however that comes, and is then tried again until the notifier has not raised. In all other
        processes a ``reply_to`` is text that is stored.

        Args:
            what: schemes, and behind them the notifier (without it this is a decorator); or a notifier that knows its
                schemes. It is called with ``(job, target)``, plain ones in a thread, and may raise ``NotDelivered``.
            elsewhere: only other processes can deliver these schemes; jobs that are enqueued here get their deliveries.
            options: see DeliveryOptions.

        Returns:
            The notifier itself, unchanged; with schemes alone a decorator.

        Raises:
            InvalidOption: a scheme has one already, or is none; the notifier cannot be called so; the workers run.
        """
        return self._notifications.add(what, elsewhere, options)


def _has_point(job: Any, error: BaseException) -> bool:
    """Whether another try could have another outcome."""
    return not (isinstance(error, NotDelivered) and error.final)
