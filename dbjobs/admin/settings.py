"""How an admin page is set up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict
from zoneinfo import ZoneInfo

from dbjobs.admin.visitor import ALL_VERBS, Authorize, Verb
from dbjobs.errors import InvalidOption

COLOURS = ("slate", "green", "amber", "red", "blue", "violet")
# A shorter token could be guessed.
SHORTEST_TOKEN = 16
Redact = Callable[[str, Any], Any]


class AdminOptions(TypedDict, total=False):
    """Options of ``jobs.admin()``.

    Attributes:
        title: what the page calls itself.
        environment: which installation this is, such as ``"production"``: shown beside the title.
        colour: of the environment's mark: slate, green, amber, red, blue or violet.
        authorize: says who may come in and what they may do (see ``Authorize``). Without it and without tokens, only
            this machine may: a loopback peer with a loopback Host and no forwarding header.
        tokens: secrets and the verbs that each gives, for ``Authorization: Bearer`` and the login form.
        explore: names of the commands that visitors may run from a form on the page.
        redact: ``(name, value) -> value``: called for each value of a request, response, args and meta with its path,
            such as ``"request.card.number"``; the page shows what it returns.
        allowed_hosts: names by which the page may be called (the Host header, without a port); all of them if
            ``authorize`` or ``tokens`` is given and this is not.
        origins: other origins whose pages may post here, such as ``"https://ops.example.com"``.
        peers: names and URLs of other installations' pages.
        time_zone: of the times shown when scripts are off; otherwise the browser's own zone is used.
    """

    title: str
    environment: str | None
    colour: str
    authorize: Authorize | None
    tokens: Mapping[str, Iterable[Verb]]
    explore: Iterable[str]
    redact: Redact | None
    allowed_hosts: Iterable[str]
    origins: Iterable[str]
    peers: Mapping[str, str]
    time_zone: str


@dataclass(frozen=True)
class AdminSettings:
    """The options, checked."""

    title: str = "dbjobs"
    environment: str | None = None
    colour: str = "slate"
    authorize: Authorize | None = None
    tokens: Mapping[str, frozenset[Verb]] = field(default_factory=dict, repr=False)
    explore: frozenset[str] = frozenset()
    redact: Redact | None = None
    allowed_hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    peers: Mapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


def make_settings(options: AdminOptions) -> AdminSettings:
    """Check the options.

    Raises:
        InvalidOption: one is unknown or wrong.
    """
    for name in options:
        if name not in AdminOptions.__annotations__:
            known = ", ".join(AdminOptions.__annotations__)
            raise InvalidOption(f"admin: there is no option {name!r}; the options are {known}")
    title = options.get("title", "dbjobs")
    colour = options.get("colour", "slate")
    if not isinstance(title, str) or not title.strip():
        raise InvalidOption(f"admin: title={title!r} must be a text")
    if colour not in COLOURS:
        raise InvalidOption(f"admin: colour={colour!r} must be one of {', '.join(COLOURS)}")
    environment = options.get("environment")
    if environment is not None and not isinstance(environment, str):
        raise InvalidOption(f"admin: environment={environment!r} must be a text")
    authorize = options.get("authorize")
    if authorize is not None and not callable(authorize):
        raise InvalidOption(f"admin: authorize={authorize!r} must be a function")
    redact = options.get("redact")
    if redact is not None and not callable(redact):
        raise InvalidOption(f"admin: redact={redact!r} must be a function")
    zone = options.get("time_zone", "UTC")
    try:
        in_zone = ZoneInfo(zone)
    except (KeyError, OSError, ValueError, TypeError):  # not there; a folder; a path
        raise InvalidOption(f"admin: there is no time zone {zone!r}") from None
    return AdminSettings(
        title=title,
        environment=environment,
        colour=colour,
        authorize=authorize,
        tokens={_token(token): _verbs(verbs) for token, verbs in _mapping("tokens", options).items()},
        explore=frozenset(_texts("explore", options.get("explore", ()))),
        redact=redact,
        allowed_hosts=frozenset(host.lower() for host in _texts("allowed_hosts", options.get("allowed_hosts", ()))),
        origins=frozenset(_origin(origin) for origin in _texts("origins", options.get("origins", ()))),
        peers=dict(_mapping("peers", options)),
        zone=in_zone,
    )


def _mapping(name: Literal["tokens", "peers"], options: AdminOptions) -> Mapping[str, Any]:
    value: Any = options.get(name, {})
    if not isinstance(value, Mapping):
        # The value may be a secret.
        what = "a dict of token to verbs" if name == "tokens" else "a dict of name to URL"
        raise InvalidOption(f"admin: {name} must be {what}, not a {type(value).__name__}")
    return value


def _texts(name: str, values: Iterable[str]) -> list[str]:
    if not isinstance(values, Iterable):
        raise InvalidOption(f"admin: {name}={values!r} must be a list of texts")
    texts = [] if isinstance(values, str) else list(values)
    if isinstance(values, str) or not all(isinstance(value, str) for value in texts):
        raise InvalidOption(f"admin: {name}={values!r} must be a list of texts")
    return texts


def _token(token: str) -> str:
    if not isinstance(token, str) or len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise InvalidOption(f"admin: a token must be a text of at least {SHORTEST_TOKEN} printable ASCII characters")
    return token


def _verbs(verbs: Iterable[Verb]) -> frozenset[Verb]:
    chosen = set(verbs)
    if isinstance(verbs, str) or not chosen or not chosen <= ALL_VERBS:
        raise InvalidOption(f"admin: verbs={verbs!r} must be a list of some of {', '.join(sorted(ALL_VERBS))}")
    return frozenset(chosen)


def _origin(origin: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#@]+", origin):
        raise InvalidOption(f"admin: origin {origin!r} must be a scheme and a host, such as https://ops.example.com")
    return origin.lower()
