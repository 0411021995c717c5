"""Invented requests of the shop's visitors: for its past, and for its workers to go on with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

from dbjobs.demo.shop.clock import moments
from dbjobs.demo.shop.past import USERS
from dbjobs.requestlog.seen import Seen
from dbjobs.requests import hash_of

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
BROWSERS = (
    (40, CHROME),
    (14, "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    (18, f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Mobile/15E148 Safari/604.1"),
    (9, "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"),
    (5, CHROME + " Edg/142.0"),
    (3, f"Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) {WEBKIT} Version/18.1 Safari/604.1"),
    (4, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    (2, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    (1, "GPTBot/1.2 (+https://openai.com/gptbot)"),
    (4, "python-httpx/0.28.1"),
)  # fmt: skip
ROUTES = (
    (22, "GET", "/", "/", 9),
    (34, "GET", "/products/{product_id}", "/products/{}", 30),
    (20, "GET", "/search", "/search", 90),
    (9, "POST", "/orders", "/orders", 210),
    (4, "POST", "/orders/{order_id}/ship", "/orders/{}/ship", 380),
    (9, "GET", "/api/stock/{sku}", "/api/stock/lamp-{}", 45),
    (2, "GET", None, "/wp-login.php", 2),
)
KEYS = tuple(f"sk_live_{name}" for name in ("warehouse", "marketplace", "mobile-app", "reporting"))
ADDRESSES = tuple(f"203.0.113.{number}" for number in range(1, 60)) + tuple(
    f"2001:db8:17::{number:x}" for number in range(1, 20)
)
_TRACE = """Traceback (most recent call last):
  File "/srv/shop/web.py", line 61, in order
    await stock.take(order.sku, order.amount)
  File "/srv/shop/stock.py", line 88, in take
    raise OutOfStock(f"article {sku} is not in the warehouse")
shop.stock.OutOfStock: article lamp-{} is not in the warehouse
"""
_AGENT_WEIGHTS = [weight for weight, _ in BROWSERS]
_ROUTE_WEIGHTS = [route[0] for route in ROUTES]


def visits(count: int, since: datetime, until: datetime, *, seed: int = 2) -> Iterator[tuple[datetime, Seen]]:
    """About this many requests between two moments, in order, each with its time in UTC without a zone."""
    dice = random.Random(seed)
    for at in moments(count, since, until, dice):
        yield at.astimezone(UTC).replace(tzinfo=None), one(dice)


def one(dice: random.Random) -> Seen:
    """A request."""
    (_, method, route, path, median_ms) = dice.choices(ROUTES, _ROUTE_WEIGHTS)[0]
    number = dice.randint(1, 900)
    api = path.startswith("/api") or dice.random() < 0.03
    agent = "python-httpx/0.28.1" if api else dice.choices(BROWSERS, _AGENT_WEIGHTS)[0][1]
    user = dice.choice(USERS) if dice.random() < 0.45 else None
    posts = method == "POST"
    status = _status(dice, route, posts)
    body = f'{{"sku":"lamp-{number}","amount":{number % 7},"card":{{"number":"***"}}}}' if posts else None
    seen = Seen(
        began=0.0,
        method=method,
        path=path.replace("{}", str(number)),
        query=f"q=lamp+{number}&page=1" if route == "/search" else None,
        host="shop.example",
        http_version="1.1",
        route=route,
        endpoint=None if route is None else "shop.web.endpoint",
        status=status,
        duration_ms=round(median_ms * dice.lognormvariate(0, 0.7) * (40 if dice.random() < 0.004 else 1), 3),
        user=user,
        api_key=hash_of(dice.choice(KEYS)) if api else None,
        session=hash_of(f"session-{user}") if user else None,
        ip=ADDRESSES[min(int(dice.expovariate(0.06)), len(ADDRESSES) - 1)],
        referer="https://shop.example/" if dice.random() < 0.4 else None,
        user_agent=agent,
        trace_id=f"{dice.getrandbits(128):032x}" if posts else None,
        request_bytes=len(body or ""),
        response_bytes=int(dice.lognormvariate(7.5, 1)),
        request_headers=[("host", "shop.example"), ("user-agent", agent), ("cookie", "***"), ("accept", "*/*")],
        response_headers=[("content-type", "application/json"), ("set-cookie", "***")],
        request_body=body,
        response_body='{"detail":"not found"}' if status == 404 else f'{{"order":{number}}}' if posts else None,
    )
    if status == 500:
        seen.error = f"OutOfStock: article lamp-{number} is not in the warehouse"
        seen.traceback = _TRACE.replace("lamp-{}", f"lamp-{number}")
    return seen


def _status(dice: random.Random, route: str | None, posts: bool) -> int:
    luck = dice.random()
    if route is None:
        return 404
    if posts:
        return 201 if luck < 0.88 else 422 if luck < 0.94 else 409 if luck < 0.96 else 500 if luck < 0.985 else 503
    return 200 if luck < 0.95 else 304 if luck < 0.965 else 404 if luck < 0.995 else 500
