"""Browser, device and bot from a User-Agent header: families for charts, no versions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class Agent(NamedTuple):
    """What a User-Agent says.

    Attributes:
        browser: a family, such as "Firefox", or a program, such as "curl"; None if unknown.
        device: "desktop", "mobile", "tablet" or "other".
        bot: its name, if it is one.
    """

    browser: str | None
    device: str
    bot: str | None


# The first match counts, so browsers that also name others come before those.
_BROWSERS = [
    (name, re.compile(pattern))
    for name, pattern in (
        ("Edge", r"Edg(?:e|A|iOS)?/"),
        ("Opera", r"OPR/|Opera|OPiOS/"),
        ("Samsung Internet", r"SamsungBrowser/"),
        ("Vivaldi", r"Vivaldi/"),
        ("Yandex", r"YaBrowser/"),
        ("Firefox", r"Firefox/|FxiOS/"),
        ("Chrome", r"Chrome/|CriOS/|Chromium/"),
        ("Safari", r"Version/\S+ (?:Mobile/\S+ )?Safari/"),
        ("Internet Explorer", r"MSIE |Trident/"),
    )
]
_PROGRAM = re.compile(
    r"(?:^|\s)(curl|Wget|python-requests|python-httpx|python-httpx2|aiohttp|Python-urllib|okhttp|Go-http-client|axios"
    r"|node-fetch|undici|Java|Apache-HttpClient|PostmanRuntime|insomnia|Dart|Ruby|Faraday|GuzzleHttp|libwww-perl)\b",
    re.IGNORECASE,
)
_KNOWN_BOT = re.compile(
    r"\b(facebookexternalhit|WhatsApp|Bytespider|UptimeRobot|Pingdom|kube-probe|ELB-HealthChecker|GoogleHC"
    r"|Google-InspectionTool|HeadlessChrome|Lighthouse|Mediapartners-Google|ia_archiver|StatusCake|Slack-ImgProxy)\b",
    re.IGNORECASE,
)
_ANY_BOT = re.compile(r"\b([\w.-]*(?:bot|crawler|spider|slurp|scraper)(?![a-z])[\w-]*)", re.IGNORECASE)
_TABLET = re.compile(r"iPad|Tablet|Kindle|Silk/|PlayBook|Android(?!.*Mobi)")
_MOBILE = re.compile(r"Mobi|iPhone|iPod|Android|Windows Phone")
_DESKTOP = re.compile(r"Windows NT|Macintosh|X11|CrOS|Linux")
_LONGEST = 512  # how much of it we read: anybody can send it


@lru_cache(maxsize=4096)
def agent_of(text: str) -> Agent:
    """What a User-Agent header says."""
    text = text[:_LONGEST]
    found = _KNOWN_BOT.search(text) or _ANY_BOT.search(text)
    browser = next((name for name, pattern in _BROWSERS if pattern.search(text)), None)
    if browser is None and (program := _PROGRAM.search(text)):
        browser = program[1].lower()
    if _TABLET.search(text):
        device = "tablet"
    elif _MOBILE.search(text):
        device = "mobile"
    else:
        device = "desktop" if _DESKTOP.search(text) else "other"
    return Agent(browser, device, found[1][:60] if found else None)
