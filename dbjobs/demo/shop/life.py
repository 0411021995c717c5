"""What goes on in the shop while somebody looks: jobs of every state, and visitors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from dbjobs.demo.shop.application import (
    SUPPLIERS,
    Image,
    Import,
    Mail,
    Payment,
    charge_card,
    export_catalogue,
    import_orders,
    index_product,
    jobs,
    move_stock,
    order_complete,
    resize_image,
    send_email,
    send_newsletter,
    write_invoice,
)
from dbjobs.demo.shop.past import USERS
from dbjobs.demo.shop.visitors import KEYS, one
from dbjobs.demo.shop.web import logged, visit

CONCURRENCY = 12
NEWSLETTER = 140


@asynccontextmanager
async def life() -> AsyncIterator[None]:
    """Workers, customers and visitors, until the block ends."""
    async with jobs.start(concurrency=CONCURRENCY, grace_seconds=0.5, unresponsive_seconds=0.5):
        await _open_the_shop()
        loops = [
            asyncio.create_task(_again(what, seconds))
            for what, seconds in ((_customer, 1.6), (_warehouse, 4.0), (_supplier, 12.0), (_pictures, 8.0),
                                  (_order, 9.0), (_export, 70.0), (_visitor, 0.8))
        ]  # fmt: skip
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await logged.close()


async def _open_the_shop() -> None:
    await jobs.queues.pause("newsletter")
    await jobs.queues.limit("images", 4)
    mails = [Mail(f"reader{number}@example.com", "What is new in November") for number in range(NEWSLETTER)]
    await jobs.enqueue_many(send_newsletter, mails, queue="newsletter", batch_id="newsletter-11", tag="newsletter")
    for hours in (1, 5, 18, 40):
        mail = Mail(f"customer{hours}@example.com", "How do you like your lamp?")
        await jobs.enqueue(send_email, mail, run_after=timedelta(hours=hours), tag="follow-up")
    for number in range(3):
        await jobs.enqueue("sync_crm", {"customer": 4000 + number}, tag="crm")
    await asyncio.gather(_export(), _supplier(), _supplier(), _pictures(), _order(), _customer(), _warehouse())


async def _again(what: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(random.expovariate(1 / seconds))
        await what()


async def _customer() -> None:
    number = random.randint(10_000, 99_999)
    name = "nobody" if random.random() < 0.03 else "customer"
    mail = Mail(f"{name}{number}@example.com", f"Your order {number}", number)
    await jobs.enqueue(send_email, mail, tag="orders", user_id=random.choice(USERS), args={"tenant": str(number % 40)})
    if random.random() < 0.4:
        await jobs.enqueue(charge_card, Payment(number, random.randint(900, 90_000), f"tok_{number:x}"))
    if random.random() < 0.3:
        await jobs.enqueue(index_product, number)
    if random.random() < 0.3:
        await jobs.enqueue_api("POST", f"/orders/{number}/ship", queue="shipping")


async def _warehouse() -> None:
    await jobs.enqueue_many(move_stock, [f"lamp-{random.randint(1, 90)}" for _ in range(random.randint(1, 6))])


async def _supplier() -> None:
    supplier = random.choice(SUPPLIERS)
    rows = random.randint(120, 500)
    request = Import(supplier, f"orders-{random.randint(1000, 9999)}.csv", rows)
    await jobs.enqueue(import_orders, request, worker=f"import {supplier}", tag="orders")


async def _pictures() -> None:
    pictures = [Image(f"articles/{random.randint(1000, 9999)}.jpg") for _ in range(random.randint(2, 9))]
    await jobs.enqueue_many(resize_image, pictures)


async def _order() -> None:
    """A graph: payment, then invoice, then mail; and a batch with something to do at its end."""
    number = random.randint(10_000, 99_999)
    async with jobs.batch(f"order-{number}", callback=order_complete) as batch:
        paid = batch.add(charge_card, Payment(number, random.randint(900, 90_000), f"tok_{number:x}"))
        invoice = batch.add(write_invoice, number, after=[paid])
        batch.add(send_email, Mail(f"customer{number}@example.com", f"Invoice {number}", number), after=[invoice])


async def _export() -> None:
    await jobs.enqueue(export_catalogue, random.choice(("de", "fr", "pl", "en")))


async def _visitor() -> None:
    seen = one(random.Random())
    headers = {"host": "shop.example", "user-agent": seen.user_agent or "", "accept": "*/*"}
    if seen.user is not None:
        headers |= {"x-user": seen.user, "cookie": f"session={seen.user}"}
    if seen.api_key is not None:
        headers["x-api-key"] = random.choice(KEYS)
    if seen.request_body is not None:
        headers |= {"content-type": "application/json", "x-request-id": seen.trace_id or ""}
    path = seen.path if seen.query is None else f"{seen.path}?{seen.query}"
    with suppress(Exception):  # the log has it
        await visit(seen.method, path, headers, seen.ip or "203.0.113.1", (seen.request_body or "").encode())
