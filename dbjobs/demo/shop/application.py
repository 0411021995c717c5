"""The shop's jobs: what a web shop does in the background, with waits instead of work."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, field
from typing import Any

from dbjobs import Backoff, Cancel, JobContext, Jobs, RetryAfter, Schedule

jobs = Jobs(os.environ.get("DBJOBS_URL", "sqlite:///shop.db"))
SUPPLIERS = ("Aurora", "Birch & Co", "Cobalt", "Nordwind/Ost", "Pöppel")


@dataclass
class Mail:
    """Request: send this mail."""

    to: str
    subject: str
    order: int | None = None


@dataclass
class Image:
    """Request: make these widths of a picture."""

    picture: str
    widths: list[int] = field(default_factory=lambda: [320, 640, 1280])


@dataclass
class Payment:
    """Request: take the money for an order."""

    order: int
    cents: int
    card: str


@dataclass
class Import:
    """Request: read a supplier's orders."""

    supplier: str
    file: str
    rows: int


class SmtpDisconnected(ConnectionError):
    """The mail server has closed the connection."""


class PaymentUnavailable(RuntimeError):
    """The payment provider does not answer."""


class PictureBroken(ValueError):
    """A picture that cannot be read."""


async def work(median_seconds: float) -> None:
    """Take about as long as the real thing."""
    await asyncio.sleep(min(random.lognormvariate(0, 0.6), 5) * median_seconds)


@jobs.command(queue="mail", retry_limit=4, timeout=30, retry=Backoff(first_seconds=5, factor=2), tags=["mail"])
async def send_email(request: Mail, job: JobContext) -> str:
    """Send one mail."""
    job.log(f"connecting to smtp.shop.example for {request.to}")
    await work(0.3)
    if random.random() < 0.06:
        raise SmtpDisconnected("the server closed the connection: 421 4.7.0 try again later")
    if request.to.startswith("nobody"):
        raise Cancel(f"there is no mailbox {request.to}")
    job.log("250 2.0.0 OK")
    return f"250 OK: {request.subject}"


@jobs.command(queue="mail", priority=10, tags=["mail"])
async def send_newsletter(request: Mail) -> str:
    """Send one mail of a newsletter; its queue is paused."""
    await work(0.2)
    return "250 OK"


@jobs.command(queue="images", retry_limit=1, timeout=120, tags=["catalogue"])
async def resize_image(request: Image, job: JobContext) -> dict[str, Any]:
    """Make smaller versions of a picture."""
    for number, width in enumerate(request.widths, 1):
        await work(0.5)
        job.progress(number / len(request.widths), f"{width} px")
    if random.random() < 0.03:
        raise PictureBroken(f"cannot identify the picture {request.picture}")
    return {"made": len(request.widths), "bytes": random.randint(40_000, 900_000)}


@jobs.command(queue="imports", retry_limit=2, timeout=600, retry=Backoff(first_seconds=20), tags=["orders"])
async def import_orders(request: Import, job: JobContext) -> dict[str, int]:
    """Read a supplier's file; one file of each supplier at a time."""
    job.log(f"rows in {request.file}: {request.rows}")
    refused = 0
    for row in range(1, request.rows + 1):
        await asyncio.sleep(0.05)
        if row % 25 == 0:
            job.progress(row / request.rows, f"row {row} of {request.rows}")
        if random.random() < 0.01:
            refused += 1
            job.log(f"row {row}: no such article, left out", level="warning")
    if random.random() < 0.08:
        raise KeyError("sku")
    job.log(f"{request.rows - refused} orders taken in")
    return {"taken": request.rows - refused, "refused": refused}


@jobs.command(queue="payments", retry_limit=5, timeout=20, priority=-5, retry=Backoff(first_seconds=3), tags=["orders"])
async def charge_card(request: Payment, job: JobContext) -> str:
    """Take the money for an order."""
    await work(0.6)
    luck = random.random()
    if luck < 0.03:
        raise Cancel("the card was declined: insufficient funds")
    if luck < 0.06:
        raise RetryAfter(10, "the provider asks to wait")
    if luck < 0.08:
        raise PaymentUnavailable("502 from api.payments.example")
    return f"ch_{random.getrandbits(48):012x}"


@jobs.command(queue="documents", tags=["orders"])
async def write_invoice(order: int, job: JobContext) -> str:
    """Write an invoice as a PDF."""
    await work(0.8)
    return f"invoices/{order}.pdf"


@jobs.command(worker="warehouse", tags=["stock"])
async def move_stock(article: str, job: JobContext) -> int:
    """Book a movement; one after another, over all nodes."""
    await work(0.4)
    return random.randint(0, 40)


@jobs.command(queue="catalogue", timeout=900, tags=["catalogue"])
async def export_catalogue(language: str, job: JobContext) -> dict[str, Any]:
    """Write the whole catalogue for a marketplace: takes a minute or two."""
    pages = random.randint(80, 160)
    job.log(f"exporting {pages} pages in {language}")
    for page in range(1, pages + 1):
        await asyncio.sleep(random.uniform(0.4, 1.1))
        job.progress(page / pages, f"page {page} of {pages}")
        if page % 10 == 0:
            job.log(f"page {page} of {pages} written")
    return {"pages": pages, "language": language}


@jobs.command(queue="catalogue", tags=["catalogue"])
async def index_product(article: int) -> str:
    """Bring the search up to date."""
    await work(0.15)
    return "indexed"


@jobs.recurring(Schedule.cron("30 2 * * *", tz="Europe/Berlin"), name="nightly report", overlap="skip")
@jobs.command(queue="reports", timeout=1800, tags=["reports"])
async def nightly_report(request: None, job: JobContext) -> dict[str, int]:
    """Yesterday's sales, by category."""
    for step, category in enumerate(("lamps", "chairs", "tables", "carpets"), 1):
        await work(1.5)
        job.progress(step / 4, category)
    return {"orders": random.randint(300, 900), "cents": random.randint(2_000_000, 9_000_000)}


@jobs.recurring(Schedule.every(20), name="expire carts")
@jobs.command(queue="reports", tags=["carts"])
async def expire_carts() -> int:
    """Forget carts that nobody came back to."""
    await work(0.2)
    return random.randint(0, 12)


@jobs.recurring(Schedule.cron("*/10 * * * *"), name="exchange rates")
@jobs.command(queue="reports", retry_limit=3, tags=["payments"])
async def fetch_rates() -> dict[str, float]:
    """The day's exchange rates."""
    await work(0.4)
    if random.random() < 0.2:
        raise TimeoutError("rates.bank.example timed out after 10 s")
    return {"EUR/USD": round(random.uniform(1.05, 1.15), 4)}


@jobs.recurring(Schedule.cron("0 6 * * 1"), name="stock letter", queue="mail")
@jobs.command(tags=["stock"])
async def stock_letter() -> str:
    """What has to be ordered again, on Mondays."""
    await work(0.5)
    return "sent"


@jobs.command(tags=["orders"])
async def order_complete(order: Any, job: JobContext) -> str:
    """What to do when all jobs of a batch have ended."""
    await work(0.2)
    return "told the customer"


# A command of an older release that no node knows: its jobs wait, and the page says so.
jobs.declare("sync_crm")
