"""A time limit for a blocking call: another thread cancels it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def cut_off(cancel: Callable[[], object], seconds: float | None) -> Iterator[None]:
    """Call ``cancel()`` from another thread if the block takes longer; it then raises TimeoutError.

    Args:
        cancel: asks the server to end what runs on the connection; safe in any thread.
        seconds: None: no limit.
    """
    if seconds is None:
        yield
        return
    lock = threading.Lock()
    is_over = is_cut = False

    def cut() -> None:
        nonlocal is_cut
        with lock:
            if not is_over:
                is_cut = True
                cancel()

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if is_cut:
            raise TimeoutError(f"cancelled after {seconds:g} s") from error
        raise
    finally:
        with lock:
            is_over = True
        timer.cancel()
