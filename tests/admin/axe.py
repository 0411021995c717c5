"""axe-core, which finds what keeps people out of a page; fetched from npm once and kept in the tests' cache."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.servers.cache import cached

VERSION = "4.10.3"
FETCH_SECONDS = 120


def _fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm is not installed")
    command = [npm, "pack", "--silent", f"axe-core@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=FETCH_SECONDS)
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        source = archive.extractfile("package/axe.min.js")
        assert source is not None
        (folder / "axe.min.js").write_bytes(source.read())


@cache
def source() -> str:
    """The script. Where npm cannot fetch it, the test is skipped, and the summary says so."""
    try:
        return (cached(f"axe-core-{VERSION}", _fetch) / "axe.min.js").read_text()
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"axe-core LEFT OUT: {error}")


async def violations(page: Page, **options: Any) -> list[str]:
    """What axe-core finds on a page, a line each."""
    # Through the debugger: the page's Content-Security-Policy lets no script in.
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(source())
    given = {"resultTypes": ["violations"], "iframes": False, **options}
    found = await page.evaluate("options => axe.run(document, options)", given)
    return [
        f"{violation['id']}: {node['html'][:300]} ({node['failureSummary']})"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
