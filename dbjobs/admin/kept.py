"""Keeps answers for some seconds, so many browsers cost one look at the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
# Most answers of one kind kept for one database.
MOST = 200


class Kept(Generic[T]):
    """Keeps answers in this process, separately for each ``Jobs``; concurrent callers share one look."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Any, dict[Hashable, tuple[float, asyncio.Future[T]]]] = WeakKeyDictionary()

    async def get(self, owner: object, key: Hashable, seconds: float, make: Callable[[], Awaitable[T]]) -> T:
        """The answer; made again if the kept one is older than this many seconds.

        Raises:
            Exception: whatever ``make`` raised; it is not kept.
        """
        answers = self._kept.setdefault(owner, {})
        known = answers.get(key)
        loop = asyncio.get_running_loop()
        if known is not None and time.monotonic() < known[0] and known[1].get_loop() is loop:
            with_others = await asyncio.wait({known[1]})
            answer = next(iter(with_others[0]))
            if not answer.cancelled() and answer.exception() is None:
                return answer.result()
        future: asyncio.Future[T] = loop.create_future()
        if len(answers) >= MOST:
            now = time.monotonic()
            for old in [other for other, (until, _) in answers.items() if until < now] or list(answers):
                del answers[old]
        answers[key] = (time.monotonic() + seconds, future)
        try:
            made = await make()
        except BaseException:
            future.cancel()
            answers.pop(key, None)
            raise
        future.set_result(made)
        answers[key] = (time.monotonic() + seconds, future)
        return made
