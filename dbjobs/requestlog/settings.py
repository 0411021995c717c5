"""The options of the request log, checked once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import translate
from typing import Any, TypedDict

from dbjobs.errors import InvalidOption
from dbjobs.requestlog.agents import Agent, agent_of
from dbjobs.requestlog.clients import Proxies
from dbjobs.requestlog.masking import Masks
from dbjobs.requestlog.routes import Scope
from dbjobs.requestlog.seen import Seen

Decides = Callable[[Scope], bool]
Names = Callable[[Scope], "str | None"]


class RequestLogOptions(TypedDict, total=False):
    """Options of ``RequestLog``; docs/request-log.md explains each."""

    request_headers: bool
    response_headers: bool
    request_body: bool | Decides
    response_body: bool | Decides
    errors: bool
    max_body_bytes: int
    exclude: Iterable[str]
    skip: Decides | None
    hide_bodies: Iterable[str]
    mask: Iterable[str]
    user: Names | None
    route: Names | None
    api_key: Names | None
    session_cookie: str | None
    trusted_proxies: Iterable[str]
    user_agent: Callable[[str], Agent]
    on_request: Callable[[Seen], bool | None] | None
    retention_months: int | None
    flush_seconds: float | timedelta
    close_seconds: float | timedelta
    buffer: int


@dataclass(frozen=True)
class Settings:
    """The same, ready for use."""

    request_headers: bool = False
    response_headers: bool = False
    request_body: bool | Decides = False
    response_body: bool | Decides = False
    errors: bool = True
    max_body_bytes: int = 16_384
    skip: Decides | None = None
    user: Names | None = None
    route: Names | None = None
    api_key: Names | None = None
    session_cookie: str | None = None
    user_agent: Callable[[str], Agent] = agent_of
    on_request: Callable[[Seen], bool | None] | None = None
    retention_months: int | None = 12
    flush_seconds: float = 1.0
    close_seconds: float = 5.0
    buffer: int = 10_000
    excludes: re.Pattern[str] | None = None
    hides_bodies: re.Pattern[str] | None = None
    masks: Masks = field(default_factory=Masks)
    proxies: Proxies = field(default_factory=lambda: Proxies(()))

    def wants(self, what: bool | Decides, scope: Scope) -> bool:
        """Whether to keep a body for this request."""
        if what is False or (self.hides_bodies is not None and self.hides_bodies.match(scope["path"])):
            return False
        return what is True or bool(what(scope))


_HIDDEN = ("*login*", "*signin*", "*register*", "*password*", "*/token*", "*oauth*")
_FUNCTIONS = ("skip", "user", "route", "api_key", "on_request", "user_agent")
_SWITCHES = ("request_headers", "response_headers", "errors")
_NUMBERS = {"max_body_bytes": 1, "buffer": 1, "retention_months": 1}


def make_settings(given: RequestLogOptions) -> Settings:
    """Check the options.

    Raises:
        InvalidOption: an option of another name, of a wrong type, or out of range.
    """
    known = RequestLogOptions.__annotations__
    for name in given:
        if name not in known:
            raise InvalidOption(f"RequestLog: there is no option {name!r}; known options are {', '.join(known)}")
    checked: dict[str, Any] = dict(given)
    for name in _SWITCHES:
        if not isinstance(checked.get(name, False), bool):
            raise InvalidOption(f"RequestLog: {name}={checked[name]!r} must be True or False")
    for name in ("request_body", "response_body"):
        if not isinstance(checked.get(name, False), bool) and not callable(checked[name]):
            raise InvalidOption(f"RequestLog: {name}={checked[name]!r} must be True, False or a function of the scope")
    for name in _FUNCTIONS:
        if checked.get(name) is not None and not callable(checked[name]):
            raise InvalidOption(f"RequestLog: {name}={checked[name]!r} must be a function")
    for name, least in _NUMBERS.items():
        value = checked.get(name, least)
        if name == "retention_months" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidOption(f"RequestLog: {name}={value!r} must be a whole number >= {least}")
    for name in ("flush_seconds", "close_seconds"):
        if name in checked:
            checked[name] = _seconds(checked[name], name)
    return Settings(
        **{name: value for name, value in checked.items() if name in Settings.__dataclass_fields__},
        excludes=_paths("exclude", checked.pop("exclude", ())),
        hides_bodies=_paths("hide_bodies", checked.pop("hide_bodies", _HIDDEN)),
        masks=Masks(_texts("mask", checked.pop("mask", ()))),
        proxies=Proxies(_texts("trusted_proxies", checked.pop("trusted_proxies", ()))),
    )


def _seconds(value: Any, name: str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 3600:
        raise InvalidOption(f"RequestLog: {name}={value!r} must be a number of seconds, or a timedelta, > 0 and <= 1 h")
    return float(seconds)


def _paths(option: str, patterns: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern for paths like ``/health`` or ``/static/*``; case does not matter."""
    given = _texts(option, patterns)
    return re.compile("|".join(map(translate, given)), re.IGNORECASE) if given else None


def _texts(option: str, given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise InvalidOption(f"RequestLog: {option}={given!r} must be a list of texts, such as [{given!r}]")
    texts = list(given)
    for text in texts:
        if not isinstance(text, str) or not text:
            raise InvalidOption(f"RequestLog: {option}: {text!r} is not text")
    return texts
