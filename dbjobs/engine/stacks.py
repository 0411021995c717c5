"""Where running jobs are: the stack of one, read and written down when somebody asks its node for it.

Nothing is kept for it while jobs run. An async handler's stack is the chain of coroutines that wait for one another.
The stack of a handler in a thread is found by the frame in which the thread calls it. A handler in a process of its own
is not looked into.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from dbjobs.engine.attempt import Attempt
from dbjobs.engine.blocking import Call, ProcessCall
from dbjobs.store import repository
from dbjobs.store.database import Database

ASKED = "asked"
# How many stacks one look answers, and how many frames a stack has at most.
MOST_STACKS = 20
MOST_FRAMES = 60
_ENGINE = str(Path(__file__).parent)


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job was at one moment.

    Attributes:
        at: by the node's clock.
        attempt: which of its attempts.
        frames: the innermost one last, each with its line of code, but without the values of variables.
        note: what a reader must know about it, in words; or why there are no frames.
    """

    at: datetime
    attempt: int
    frames: list[str]
    note: str


def stack_setting(node_id: int, job_id: int) -> str:
    """The setting by which a node is asked for the stack of a job, and by which it answers."""
    return f"stack:{node_id}:{job_id}"


class Stacks:
    """Answers requests for the stack of a job of this node.

    Args:
        current_node: the node's id; None while it has none.
        held: every attempt in memory, by job id.
        seconds: between two looks.
    """

    def __init__(
        self, db: Database, current_node: Callable[[], int | None], held: Mapping[int, Attempt], *, seconds: float
    ) -> None:
        self._db = db
        self._current_node = current_node
        self._held = held
        self._seconds = seconds

    async def look(self) -> float:
        """Answer all requests; seconds until the next look."""
        id = self._current_node()
        if id is not None:
            asked = await repository.list_settings(self._db, f"stack:{id}:", f"stack:{id};", MOST_STACKS)
            for name, value in asked.items():
                if value == ASKED:
                    stack = self._stack(int(name.rpartition(":")[2]))
                    await repository.put_setting(self._db, name, msgspec.json.encode(stack).decode())
        return self._seconds

    def _stack(self, job_id: int) -> Stack:
        attempt, now = self._held.get(job_id), datetime.now(UTC)
        if attempt is None:
            return Stack(at=now, attempt=0, frames=[], note="this node no longer holds the job")
        frames, note = _frames(attempt)
        return Stack(at=now, attempt=attempt.job.attempt, frames=frames[-MOST_FRAMES:], note=note)


def _frames(attempt: Attempt) -> tuple[list[str], str]:
    """The frames of a handler, outermost first, and what they are."""
    if isinstance(attempt.call, ProcessCall):
        return [], "the handler runs in a process of its own, whose stack is not read"
    if attempt.call is not None:
        frames = _of_thread(attempt.call)
        return _told(frames), "a thread, read while it kept running" if frames else "its thread has just ended"
    waiting = getattr(attempt.steps, "_coroutine", None)
    if waiting is None:
        return [], "its handler has not begun, or has just ended"
    return _told(list(_of_coroutine(waiting))), "the task of the handler, without the tasks that it has started"


def _of_coroutine(waiting: Any) -> Iterator[FrameType]:
    """The frames of a coroutine and of what it waits for, as far as Python tells."""
    for _ in range(10_000):
        frame = _first(waiting, "cr_frame", "gi_frame", "ag_frame")
        if frame is None:
            return
        yield frame
        waiting = _first(waiting, "cr_await", "gi_yieldfrom", "ag_await")


def _first(waiting: Any, *names: str) -> Any:
    """The first of these that a coroutine, a generator or an asynchronous generator has."""
    return next((found for name in names if (found := getattr(waiting, name, None)) is not None), None)


def _of_thread(call: Call) -> list[FrameType]:
    """The frames of the thread that works for a call, from its handler on."""
    for innermost in sys._current_frames().values():
        frames: list[FrameType] = []
        frame: FrameType | None = innermost
        while frame is not None:
            if frame.f_code is Call._work.__code__ and frame.f_locals.get("self") is call:
                return frames[::-1]
            frames.append(frame)
            frame = frame.f_back
    return []


def _told(frames: list[FrameType]) -> list[str]:
    """Frames as tracebacks show them, from the application's first one on."""
    own = next((at for at, one in enumerate(frames) if not one.f_code.co_filename.startswith(_ENGINE)), 0)
    return traceback.StackSummary.extract([(one, one.f_lineno) for one in frames[own:]]).format()
