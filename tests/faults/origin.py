"""Which loop of the engine, or which call of a client, makes a round trip: read from the stack."""

from __future__ import annotations

import sys
from types import FrameType

# The function that a loop or a call begins with -> what the tests call it. The outermost that is found counts.
LOOPS = {
    "Dispatcher.run": "claims",
    "Finisher.run": "finisher",
    "Reporter.run": "reporter",
    "Waker.listen": "listener",
    "Timekeeper.promote": "promote",
    "Timekeeper.expire": "expire",
    "ClockSteps.look": "clocks",
    "Janitor.rescue": "rescue",
    "Janitor.housekeep": "housekeep",
    "Janitor.fold": "fold",
    "Vacuum.look": "vacuum",
    "Dependencies.look": "dependencies",
    "Engine._count_last": "last count",
    "Tally.flush": "statistics",
    "Causes.flush": "causes",
    "Cancellations.look": "cancellations",
    "Draining.look": "draining",
    "Stacks.look": "stacks",
    "Node._main": "heartbeat",
    "Shutdown.run": "shutdown",
    "Transients._live": "transient run",
    "Completion.opened": "handler's transaction",
    "Opening.open": "opening",
    "Client.enqueue": "enqueue",
    "Client.enqueue_many": "enqueue_many",
    "Coalescer._run": "coalescer",
    "Notices._send_late": "late notices",
    "Client.get_many": "get",
    "Client.cancel": "cancel",
    "Client.cancel_many": "cancel_many",
    "Client.requeue": "requeue",
    "Waits._run": "wait",
    "QueueAdmin.pause": "queues",
    "QueueAdmin.resume": "queues",
    "QueueAdmin.limit": "queues",
    "Schedules.put": "schedules",
    "Schedules.pause": "schedules",
    "Schedules.remove": "schedules",
    "Schedules.runs": "schedules",
}
# What encloses several of them: it counts where none of them is on the stack.
AROUND = {"Jobs.start": "starting", "Opening._open_for_engine": "starting"}
UNKNOWN = "unknown: "


def caller_of_database() -> str:
    """The loop or call that this round trip is made for; with ``UNKNOWN`` in front, the outermost function of ours."""
    ours: list[str] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("dbjobs."):
            ours.append(frame.f_code.co_qualname)
        frame = frame.f_back
    for known in (LOOPS, AROUND):
        for name in reversed(ours):
            if name in known:
                return known[name]
    return UNKNOWN + (ours[-1] if ours else "no function of the library")
