"""The texts that travel between nodes, on databases that have notices.

``ready 0 j default``   a new job of priority 0 may run in queue `default` (j: free job, l: a named worker's)
``again 0 j default``   the same for a job that is not new
``cancel 17``           somebody wants running job 17 cancelled
``queues``              settings of queues have changed
``children``            a child waits for its parents to be told of it
"""

from __future__ import annotations

from collections.abc import Iterable

from dbjobs.store.records import Ready

QUEUES = "queues"
CHILDREN = "children"


def ready_notices(ready: Iterable[Ready]) -> list[str]:
    """One notice for each queue and kind, with the most urgent priority."""
    most_urgent: dict[tuple[str, bool, bool], int] = {}
    for job in ready:
        key = (job.queue, job.lane, job.behind)
        most_urgent[key] = min(job.priority, most_urgent.get(key, job.priority))
    return [
        f"{'again' if behind else 'ready'} {priority} {'l' if lane else 'j'} {queue}"
        for (queue, lane, behind), priority in most_urgent.items()
    ]


def parse_ready(notice: str) -> Ready | None:
    """The Ready of a notice; None if it is of another kind."""
    words = notice.split(" ", 3)
    if len(words) != 4 or words[0] not in ("ready", "again"):
        return None
    return Ready(words[3], int(words[1]), words[2] == "l", words[0] == "again")


def parse_cancel(notice: str) -> int | None:
    """The job id of a cancel notice; None if it is of another kind."""
    kind, _, rest = notice.partition(" ")
    return int(rest) if kind == "cancel" else None
