"""Python imports this first: a system without what Windows lacks, as far as that can be taken away here."""

import asyncio
import os
import select


def _no_signals(self: object, *arguments: object) -> None:
    raise NotImplementedError


asyncio.SelectorEventLoop.add_signal_handler = _no_signals  # type: ignore[assignment]
del select.poll
del os.killpg
del os.setsid
