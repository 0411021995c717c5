"""Fixtures for the admin page: an application with jobs, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright

from dbjobs import Jobs
from dbjobs.admin.api import commands, job_finding, request_sums, requests

CHROMIUM = os.environ.get("DBJOBS_TEST_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def jobs(url: str) -> Jobs:
    """An application on a database of its own, not opened yet."""
    return Jobs(url)


@pytest.fixture(autouse=True)
def patient_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look finds all of the few rows that a test has, however slow the machine is at that moment."""
    for module in (commands, job_finding, request_sums, requests):
        monkeypatch.setattr(module, "LOOK_SECONDS", 10.0)


def is_trouble(line: ConsoleMessage) -> bool:
    """An error in the console; an open page that asks a server which the test has stopped, or stops, has none."""
    return line.type == "error" and not any(f"ERR_CONNECTION_{how}" in line.text for how in ("REFUSED", "RESET"))


@pytest.fixture
async def browser_page() -> AsyncIterator[Page]:
    """A page of a real browser. An error in its console fails the test."""
    if CHROMIUM is None:
        message = "no browser: install chromium, or set DBJOBS_TEST_BROWSER to one"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(20_000)
        page = await context.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if is_trouble(line) else None)
        yield page
        await browser.close()
    assert not troubles
