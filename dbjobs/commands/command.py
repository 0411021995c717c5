"""A registered handler: its arguments, and how its requests and responses are read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from dbjobs.commands import codec, versions
from dbjobs.commands.dependencies import Wanted
from dbjobs.commands.signature import Handler
from dbjobs.context import JobContext
from dbjobs.errors import InvalidRequest
from dbjobs.models import Job
from dbjobs.store.records import NewJob

log = logging.getLogger("dbjobs")

# Types whose every value comes back from JSON equal.
_EXACT = (int, str, bool)
ShouldRetry = Callable[[JobContext, BaseException], bool]


class Command(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A registered handler.

    Attributes:
        name: what jobs refer to; of a version above 1 with the version, as in ``send@2``.
        handler: the function to call; None if only other processes have it.
        request_type: declared type of the request; ``Any`` if undeclared.
        takes_request, takes_context: the handler takes a request, a JobContext.
        request_optional: its request has a default.
        request_default: that default; the handler gets it when a job has no request.
        is_async: awaited on the event loop; otherwise called in a thread.
        process: called in a worker process, which a timeout really kills.
        template: a row with this command's default options.
        should_retry: asked after a failure, in addition to the retry limit.
        decode_response: gives a response, which is decoded JSON, the type that the handler declares; None if it
            declares none.
        version: of the request.
        upgrade: makes the JSON of the current version of a request of this older one.
        tags: labels to find it by.
        wanted: arguments of its class's constructor.
        is_delivery: its jobs tell the ``reply_to`` of others; they have places of their own.
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
    version: int = 1
    upgrade: versions.Upgrade | None = None
    tags: tuple[str, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    is_delivery: bool = False

    @property
    def own_name(self) -> str:
        """The name without a version."""
        return self.name if self.version == 1 else self.name.rpartition("@")[0]

    def typed(self, job: Job[Any]) -> Job[Any]:
        """The job with its response as the type that the handler declares to return, and a request of today's version.

        Where one does not fit (the handler has changed since, or returns something else), it stays decoded JSON.
        """
        if self.upgrade is not None:
            try:
                upgraded = msgspec.json.decode(self.upgrade(codec.dumps(job.request)))
                job = msgspec.structs.replace(job, request=upgraded)
            except Exception as error:
                log.warning("job %s: the request of %r cannot be upgraded: %s", job.id, self.name, error)
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
                return text  # true for most requests of enqueue_many; errors are raised below
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
        # The handler must get a value equal to the caller's. Check it here, where the mistake can be corrected, and not
        # when the job runs.
        if text is not None and self.takes_request and self.request_type is not Any:
            codec.check(request, text, self.request_type, self.decode, what=what)
        return text
