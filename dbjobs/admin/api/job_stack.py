"""Where a running job is: we ask its node for the stack."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import ClassVar

import msgspec

from dbjobs.admin.api.job_looking import OneJob, find_job
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Operations
from dbjobs.engine.stacks import ASKED, Stack, stack_setting
from dbjobs.errors import InvalidOption
from dbjobs.models import JobState
from dbjobs.store import repository

OPERATIONS = Operations("jobs")
# A node checks every few seconds whether somebody asks (``Stacks``).
PATIENCE_SECONDS = 12.0
POLL_SECONDS = 0.25
# If nobody comes back for a stack, the next request drops it.
KEPT_SECONDS = 600.0


class JobStack(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running job was when its node looked.

    Attributes:
        id: of the job.
        id_text: the same as a string, for clients without 64-bit integers.
        command: what it runs.
        node: number of the node.
        at: when, by the node's clock.
        attempt: which of its attempts.
        frames: innermost last, as in a traceback.
        note: a remark, such as why there are no frames.
    """

    template: ClassVar[str] = "job_stack.html"

    id: int
    id_text: str
    command: str
    node: int
    at: datetime
    attempt: int
    frames: list[str]
    note: str


@OPERATIONS.post("/job/stack", verb="reveal")
async def ask_stack(call: Call, asked: OneJob) -> JobStack:
    """Where a running job is in its code: functions and lines, not the values of variables.

    We ask its node, which checks every few seconds. The audit records who asked.
    """
    job = await find_job(call, asked)
    call.target = f"job {job.id}"
    if job.state not in (JobState.STARTED, JobState.EXECUTED) or job.node_id is None:
        raise InvalidOption(f"job {job.id} is {job.state}: only a running job is somewhere")
    await repository.drop_settings(call.db, "stack:", "stack;", KEPT_SECONDS)
    name = stack_setting(job.node_id, job.id)
    await repository.put_setting(call.db, name, ASKED)
    until = time.monotonic() + PATIENCE_SECONDS
    while (answer := await repository.get_setting(call.db, name)) in (None, ASKED):
        if time.monotonic() > until:
            raise InvalidOption(
                f"node {job.node_id} has not answered within {PATIENCE_SECONDS:.0f} s: it is gone, its event loop "
                "stands still, or it runs an older release"
            )
        await asyncio.sleep(POLL_SECONDS)
    stack = msgspec.json.decode(answer or "", type=Stack)
    return JobStack(
        id=job.id, id_text=str(job.id), command=job.command, node=job.node_id, at=stack.at, attempt=stack.attempt,
        frames=stack.frames, note=stack.note,
    )  # fmt: skip
