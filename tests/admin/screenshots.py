"""Pictures of every page, light and dark, into docs/images: ``python -m tests.admin.screenshots``.

It starts the demo, lets it run for a while, and takes one picture of each page as WebP (made by the browser itself).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Literal

from playwright.async_api import Browser, Page, async_playwright

from dbjobs.admin.contents import PAGES
from tests.admin.conftest import CHROMIUM

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "images"
WIDE, TALL = 1280, 800
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
MOST_BYTES = 150_000
# Tried one after another until the picture is small enough.
QUALITIES = (0.92, 0.85, 0.75, 0.6)
_TO_WEBP = """async ([png, quality]) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""


@contextmanager
def demo(warm_seconds: float) -> Iterator[str]:
    """The address of a demo that has been running for a while."""
    process = Popen(
        [sys.executable, "-m", "dbjobs", "admin", "--demo", "--port", "0"], stdout=PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            if found := re.search(r"The admin page is at (http://\S+)/", line):
                break
        assert found is not None, "the demo has not started"
        time.sleep(warm_seconds)
        yield found[1]
    finally:
        process.terminate()
        process.wait(timeout=30)


def pictures(base: str) -> dict[str, str]:
    """Name of each picture, and the path that it is of: all pages, and the two panels."""
    found = {
        path.strip("/").replace("/", "-") or "overview": path
        for page in PAGES
        for path, _, _ in page.all
        if "{" not in path
    }
    failed = _first(base, "requests?failed=true&limit=1", "requests")
    if failed is not None:
        found["request"] = f"/requests?status=5xx&request={failed}"
    job = _first(base, "jobs?q=command:import_orders%20state:started&limit=1", "jobs") or _first(
        base, "jobs?q=state:failed&limit=1", "jobs"
    )
    if job is not None:
        found["job"] = f"/jobs?job={job}"
    found["route"] = "/requests/routes?name=/orders"
    return found


def _first(base: str, path: str, name: str) -> object:
    """The id of the first thing in an answer of the API; None if there is none."""
    try:
        with urllib.request.urlopen(f"{base}/api/{path}", timeout=30) as answer:
            rows = json.load(answer)[name]
        return rows[0]["id"] if rows else None
    except (OSError, KeyError, TypeError):
        return None


async def shoot(base: str, folder: Path, only: list[str]) -> None:
    """Take them all."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        converter = await browser.new_page()
        for name, path in (await asyncio.to_thread(pictures, base)).items():
            if only and name not in only:
                continue
            for theme in THEMES:
                file = folder / f"admin-{name}-{theme}.webp"
                picture = await _small(converter, await _picture(browser, base + path, theme))
                await asyncio.to_thread(file.write_bytes, picture)
                print(f"{file.name:<44} {len(picture):>7} bytes", flush=True)
        await browser.close()


async def _picture(browser: Browser, url: str, theme: Theme) -> bytes:
    context = await browser.new_context(viewport={"width": WIDE, "height": TALL}, color_scheme=theme, locale="en-GB")
    try:
        page = await context.new_page()
        answer = await page.goto(url, wait_until="load")
        assert answer is not None
        assert answer.status == 200, f"{url}: {answer.status}"
        await page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
        return await page.screenshot(animations="disabled")
    finally:
        await context.close()


async def _small(converter: Page, png: bytes) -> bytes:
    picture = b""
    for quality in QUALITIES:
        text = await converter.evaluate(_TO_WEBP, [base64.b64encode(png).decode(), quality])
        picture = base64.b64decode(text)
        if len(picture) <= MOST_BYTES:
            break
    return picture


def main() -> None:
    """Parse the arguments and take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.admin.screenshots", description=__doc__)
    parser.add_argument("only", nargs="*", help="names, such as overview or jobs (default: all)")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--warm", type=float, default=45.0, metavar="SECONDS", help="let the demo run for this long")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with demo(given.warm) as base:
        asyncio.run(shoot(base, given.folder, given.only))


if __name__ == "__main__":
    main()
