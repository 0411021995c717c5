"""The shop's web application: API jobs call it, and its requests fill the request log."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dbjobs.demo.shop.application import jobs
from dbjobs.requestlog import RequestLog


class OutOfStock(RuntimeError):
    """An article that is out of stock."""


async def _home(request: Request) -> Response:
    await asyncio.sleep(random.uniform(0.002, 0.02))
    return Response("<h1>Lamps and chairs</h1>" * 40, media_type="text/html")


async def _product(request: Request) -> Response:
    await asyncio.sleep(random.uniform(0.005, 0.06))
    number = request.path_params["product_id"]
    if random.random() < 0.04:
        return JSONResponse({"detail": f"no product {number}"}, status_code=404)
    return JSONResponse({"product": number, "price": random.randint(900, 90_000)})


async def _search(request: Request) -> Response:
    await asyncio.sleep(random.lognormvariate(-2.5, 0.8))
    return JSONResponse({"found": random.randint(0, 60)})


async def _order(request: Request) -> Response:
    order = await request.json()
    await asyncio.sleep(random.lognormvariate(-1.6, 0.7))
    luck = random.random()
    if luck < 0.05:
        return JSONResponse({"detail": [{"loc": ["body", "amount"], "msg": "must be > 0"}]}, status_code=422)
    if luck < 0.08:
        raise OutOfStock(f"article {order.get('sku')} is not in the warehouse")
    return JSONResponse({"order": random.randint(10_000, 99_999)}, status_code=201)


async def _ship(request: Request) -> Response:
    await asyncio.sleep(random.lognormvariate(-1, 0.5))
    if random.random() < 0.1:
        return JSONResponse({"detail": "the carrier does not answer"}, status_code=503)
    return JSONResponse({"tracking": f"DE{random.getrandbits(40):012d}"})


async def _stock(request: Request) -> Response:
    await asyncio.sleep(random.uniform(0.01, 0.09))
    return JSONResponse({"stock": random.randint(0, 50)})


site = Starlette(
    routes=[
        Route("/", _home),
        Route("/products/{product_id}", _product),
        Route("/search", _search),
        Route("/orders", _order, methods=["POST"]),
        Route("/orders/{order_id}/ship", _ship, methods=["POST"]),
        Route("/api/stock/{sku}", _stock),
    ]
)
jobs.mount_api(site)
jobs.api_options("POST", "/orders/{order_id}/ship", queue="shipping", retry_limit=3)
logged = RequestLog(
    site,
    jobs=jobs,
    request_headers=True,
    response_headers=True,
    request_body=True,
    response_body=True,
    session_cookie="session",
    user=lambda scope: dict(scope["headers"]).get(b"x-user", b"").decode() or None,
)


async def visit(method: str, path: str, headers: dict[str, str], ip: str, body: bytes = b"") -> None:
    """Call the shop as a server would."""
    path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (ip, 40_000), "server": ("shop.example", 443),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        """Nobody reads it."""

    await logged(scope, receive, send)
