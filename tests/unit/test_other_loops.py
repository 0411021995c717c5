"""uvloop is an asyncio event loop like any other; what is none is refused with one error."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from dbjobs import Jobs, WrongLoop


def test_jobs_run_on_uvloop_and_then_on_another(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")

    @jobs.command
    async def echo(request: int) -> int:
        return request

    @jobs.command
    def plain(request: int) -> int:
        return request

    async def main() -> list[int]:
        async with jobs.start():
            refs = [await jobs.enqueue(echo, 1), await jobs.enqueue(plain, 2)]
            return [(await jobs.wait(ref, timeout=30)).response for ref in refs]

    for _ in range(2):
        assert uvloop.run(main()) == [1, 2]


def test_without_asyncio_there_is_one_clear_error(tmp_path: Path) -> None:
    """As under trio: no asyncio event loop runs there."""
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")

    async def main() -> None:
        async with jobs:
            pass

    with pytest.raises(WrongLoop, match=r"dbjobs runs on asyncio \(or uvloop\).*Trio.*jobs\.sync"):
        main().send(None)


def test_under_trio_itself_too(tmp_path: Path) -> None:
    pytest.importorskip("trio", reason="trio is not installed")
    jobs = Jobs(f"sqlite:///{tmp_path}/jobs.db")

    async def main() -> None:
        async with jobs.start():
            pass

    with pytest.raises(WrongLoop, match="Trio, alone or as anyio's backend"):
        anyio.run(main, backend="trio")
