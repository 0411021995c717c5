"""Serves the page alone, for the command ``dbjobs admin``."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import uvicorn
from starlette.requests import Request

from dbjobs.admin.access import is_local
from dbjobs.admin.visitor import TRUSTED, Answer, Verb
from dbjobs.engine.signals import signalled
from dbjobs.errors import DbjobsError

# We cut open streams off this long after the signal.
GRACE_SECONDS = 2


class CannotListen(DbjobsError):
    """The address is taken, or does not belong to this machine."""


class _Server(uvicorn.Server):
    """Ends by ``should_exit``: we handle signals outside it, so the process exits with code 0."""

    def __init__(self, config: uvicorn.Config, told: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = told

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._told()


def options(tokens: Sequence[str], read_only: bool) -> dict[str, Any]:
    """Options of ``jobs.admin()``: who may come in.

    Args:
        tokens: each gives the same verbs; without any, this machine may come in.
        read_only: visitors may only look.
    """
    verbs: frozenset[Verb] = frozenset({"view"}) if read_only else TRUSTED
    if tokens:
        return {"tokens": dict.fromkeys(tokens, verbs)}
    return {"authorize": _local_reader} if read_only else {}


def _local_reader(request: Request) -> Answer:
    return frozenset[Verb]({"view"}) if is_local(request) else None


async def serve(page: Any, host: str, port: int, told: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        page: the ASGI application.
        port: 0: any free one.
        told: called with the address once the page answers.

    Raises:
        CannotListen.
    """
    listening = _listen(host, port)
    config = uvicorn.Config(
        page, log_level="warning", lifespan="off", proxy_headers=False, server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    server = _Server(config, lambda: told(f"http://{shown}:{listening.getsockname()[1]}/"))

    def stop(number: int) -> None:
        # Not `should_exit`: this call reaches open streams, and they end at once.
        server.handle_exit(number, None)

    with listening, signalled(stop):
        await server.serve(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
    except OSError as error:
        raise CannotListen(f"cannot listen at {host}: {error.strerror or error}") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise CannotListen(
            f"cannot listen at {host}, port {port}: {error.strerror} (choose another with --port)"
        ) from error
    return listening
