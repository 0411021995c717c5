"""The thin repository: one typed function per statement, the same for every dialect.

Functions take a *session* (one transaction) or the *database* itself (a transaction of its own): both
have ``fetch``. What belongs together in one transaction is put together in ``enqueueing``,
``settlement``, ``cancelling`` and ``rescue``, next to this folder.
"""

from dbjobs.store.repository.checks import (
    current_month,
    find_risks,
    find_stranded,
    list_partitions,
    oldest_queued,
    server_version,
)
from dbjobs.store.repository.claims import Wanted, claim_jobs, claim_lanes, release_workers, skip_lanes
from dbjobs.store.repository.dependencies import Told, find_dependency_work, release_children, resolve_children
from dbjobs.store.repository.due import find_expired, next_due, promote_jobs
from dbjobs.store.repository.enqueue import (
    add_dependencies,
    add_queues,
    add_refs,
    add_to_batches,
    discard_jobs,
    find_ends,
    find_parents,
    find_refs,
    insert_jobs,
    notify,
)
from dbjobs.store.repository.nodes import (
    bury_node,
    find_cancel_requests,
    find_held,
    find_held_workers,
    find_orphans,
    find_unknown,
    heartbeat,
    list_nodes,
    register_node,
    remove_node,
)
from dbjobs.store.repository.outcomes import (
    cancel_jobs,
    execute_jobs,
    finish_jobs,
    hand_back_jobs,
    requeue_jobs,
    retry_jobs,
)
from dbjobs.store.repository.reading import find_live, get_jobs, list_jobs
from dbjobs.store.repository.reports import insert_logs, list_logs, update_progress
from dbjobs.store.repository.rows import Fetcher
from dbjobs.store.repository.settings import (
    count_live,
    drop_batches,
    fold_batches,
    fold_stats,
    forget_refs,
    get_batch,
    list_queues,
    list_stats,
    set_queue,
)

__all__ = [
    "Fetcher",
    "Told",
    "Wanted",
    "add_dependencies",
    "add_queues",
    "add_refs",
    "add_to_batches",
    "bury_node",
    "cancel_jobs",
    "claim_jobs",
    "claim_lanes",
    "count_live",
    "current_month",
    "discard_jobs",
    "drop_batches",
    "execute_jobs",
    "find_cancel_requests",
    "find_dependency_work",
    "find_ends",
    "find_expired",
    "find_held",
    "find_held_workers",
    "find_live",
    "find_orphans",
    "find_parents",
    "find_refs",
    "find_risks",
    "find_stranded",
    "find_unknown",
    "finish_jobs",
    "fold_batches",
    "fold_stats",
    "forget_refs",
    "get_batch",
    "get_jobs",
    "hand_back_jobs",
    "heartbeat",
    "insert_jobs",
    "insert_logs",
    "list_jobs",
    "list_logs",
    "list_nodes",
    "list_partitions",
    "list_queues",
    "list_stats",
    "next_due",
    "notify",
    "oldest_queued",
    "promote_jobs",
    "register_node",
    "release_children",
    "release_workers",
    "remove_node",
    "requeue_jobs",
    "resolve_children",
    "retry_jobs",
    "server_version",
    "set_queue",
    "skip_lanes",
    "update_progress",
]
