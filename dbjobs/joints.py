"""Jobs of dbjobs itself, which stand between the members of a batch and what follows from their ends.

A joint waits for some of the members, however they end, and responds how many of them have not completed. What waits
for more than ten thousand jobs waits for joints instead, so no row has endless parents and no statement endless edges.
The last joint of a batch with ``on_failed`` enqueues that, under a ref_id that can be there only once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio
import msgspec
from msgspec.structs import replace

from dbjobs.client.client import Client
from dbjobs.commands.registry import Command, Registry, base_row
from dbjobs.context import JobContext
from dbjobs.models import Backoff, JobState
from dbjobs.store import repository
from dbjobs.store.records import NewJob

JOINT = "dbjobs.joint"
# Jobs that one job of a batch waits for directly; more are put together.
MOST_PARENTS = 10_000
# Jobs that a joint puts together: 500 children are resolved in one statement, with all their edges.
PARTS = 200
IDS_PER_LOOK = 1_000
# Looks for members that seem not to have ended (they run again, or their month is gone), and the pause before another.
LOOKS = 5
LOOK_SECONDS = 0.2
# It has nothing to fail of but the database, which comes back.
RETRIES = 1_000
RETRY = Backoff(first_seconds=1, max_seconds=60)

T = TypeVar("T")


class Joint(msgspec.Struct):
    """The request of a joint.

    Attributes:
        of_joints: its parents are joints; else members.
        on_failed: the job to enqueue if a member has not completed, as JSON; None for none.
    """

    batch_id: str
    of_joints: bool = False
    on_failed: str | None = None


def joint_command(client: Callable[[], Client]) -> Command:
    """The command of joints, for a registry (see ``Registry.internal``)."""

    async def joint(request: Joint, job: JobContext) -> int:
        missed = await _missed(client(), job.depends_on, of_joints=request.of_joints)
        if missed and request.on_failed is not None:
            row = msgspec.json.decode(request.on_failed, type=NewJob)
            await client().enqueue(row, (), connection=None, refuse_existing=False)
        return missed

    return Registry(base_row(retry_limit=RETRIES, timeout_seconds=600.0)).add(
        joint, name=JOINT, process=False, should_retry=None, defaults={"retry": RETRY}
    )


async def _missed(client: Client, ids: Sequence[int], *, of_joints: bool) -> int:
    """How many members have not completed; one that is not there, or was brought back since, has not."""

    async def counts_of(some: Sequence[int]) -> dict[int, int]:
        found = await client.get_many(some)
        return {id: job.response for id, job in found.items() if isinstance(job.response, int)}

    async def misses_of(some: Sequence[int]) -> dict[int, int]:
        ends = await repository.find_ends(client.db, some)
        return {id: int(state is not JobState.COMPLETED) for id, state in ends.items()}

    missed = 0
    for start in range(0, len(ids), IDS_PER_LOOK):
        some = ids[start : start + IDS_PER_LOOK]
        known = await _known(counts_of if of_joints else misses_of, some)
        missed += sum(known.get(id, 1) for id in some)
    return missed


async def _known(look: Callable[[Sequence[int]], Awaitable[dict[int, int]]], ids: Sequence[int]) -> dict[int, int]:
    """What looks find of these jobs.

    One may pass by what somebody has locked at this moment, so those that it does not find are looked for again.
    """
    known = await look(ids)
    for _ in range(LOOKS - 1):
        left = [id for id in ids if id not in known]
        if not left:
            break
        await anyio.sleep(LOOK_SECONDS)
        known |= await look(left)
    return known


def joint_row(command: Command, like: NewJob, joint: Joint, ref_id: str | None = None) -> NewJob:
    """The row of a joint, which waits for any end.

    Args:
        like: what it works for: it stands in the same queue.
    """
    return replace(
        command.template,
        ref_id=ref_id,
        queue=like.queue,
        priority=like.priority,
        depends_on_policy="finished",
        request="Joint",
        request_body=msgspec.json.encode(joint).decode(),
    )


def as_text(row: NewJob) -> str:
    """A row as a joint's request keeps it."""
    return msgspec.json.encode(row).decode()


def parted(jobs: Sequence[T], make: Callable[[Sequence[T], bool], T]) -> Sequence[T]:
    """At most ``MOST_PARENTS`` jobs that stand for all of these.

    Args:
        make: makes a joint of some jobs; told whether they are joints.
    """
    are_joints = False
    while len(jobs) > MOST_PARENTS:
        jobs = [make(jobs[start : start + PARTS], are_joints) for start in range(0, len(jobs), PARTS)]
        are_joints = True
    return jobs


def is_joint(row: NewJob) -> bool:
    """True for the row of a joint."""
    return row.command == JOINT
