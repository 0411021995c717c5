"""What the shop's jobs look like in the history: how often each comes, how long it takes, why it fails."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from dbjobs.demo.shop.application import SUPPLIERS


@dataclass(frozen=True)
class Cause:
    """Why an attempt fails.

    Attributes:
        weight: relative to the other causes of its kind.
        code: name of the exception, or a word of the library's.
        message: ``{}`` is a number that differs.
        file, function: where it was raised; empty for one without a traceback.
        final: the job is not tried again.
        cancels: it ends the job as cancelled.
    """

    weight: int
    code: str
    message: str
    file: str = ""
    function: str = ""
    final: bool = False
    cancels: bool = False

    def told(self, dice: random.Random) -> tuple[str, str | None]:
        """The error's text and its traceback."""
        line = 20 + len(self.message)
        text = self.message.replace("{}", str(dice.randint(1000, 99_999)))
        if not self.file:
            return text, None
        trace = (
            "Traceback (most recent call last):\n"
            f'  File "/srv/shop/jobs.py", line {100 + line}, in run\n'
            f"    return await {self.file.removesuffix('.py')}.{self.function}(request)\n"
            f'  File "/srv/shop/{self.file}", line {line}, in {self.function}\n'
            f"    raise {self.code}(message)\n"
            f"{self.code}: {text}\n"
        )
        return f"{self.code}: {text}", trace


@dataclass(frozen=True)
class Kind:
    """One command, or one route called as a job.

    Attributes:
        share: of all jobs.
        median_ms, spread: of its run times (log-normal).
        failing: share of attempts that fail.
        request: JSON of a request; ``{}`` is a number that differs.
        worker: its lane, if it has one.
    """

    command: str
    share: float
    queue: str
    median_ms: float
    failing: float
    causes: tuple[Cause, ...]
    request: str
    response: str
    request_name: str = "dict"
    spread: float = 0.6
    retry_limit: int = 2
    worker: Callable[[random.Random], str] | None = None
    tag: str | None = None
    api: bool = False


def _supplier(dice: random.Random) -> str:
    return f"import {dice.choice(SUPPLIERS)}"


def _warehouse(dice: random.Random) -> str:
    return "warehouse"


KINDS = (
    Kind(
        "send_email", 0.38, "mail", 310, 0.06,
        (
            Cause(6, "SmtpDisconnected", "the server closed the connection: 421 4.7.0", "mail.py", "send"),
            Cause(3, "TimeoutError", "smtp.shop.example timed out after 30 s", "mail.py", "connect"),
            Cause(2, "cancelled", "there is no mailbox nobody{}@example.com", final=True, cancels=True),
        ),
        '{"to":"customer{}@example.com","subject":"Your order {}","order":{}}', '"250 OK"', "Mail", retry_limit=4,
        tag="mail",
    ),
    Kind(
        "resize_image", 0.17, "images", 1400, 0.03,
        (
            Cause(4, "PictureBroken", "cannot identify the picture articles/{}.jpg", "pictures.py", "open", final=True),
            Cause(1, "MemoryError", "cannot allocate a picture of 30000 x 30000", "pictures.py", "scale"),
        ),
        '{"picture":"articles/{}.jpg","widths":[320,640,1280]}', '{"made":3,"bytes":{}}', "Image", retry_limit=1,
        tag="catalogue",
    ),
    Kind(
        "charge_card", 0.12, "payments", 640, 0.07,
        (
            Cause(4, "cancelled", "the card was declined: insufficient funds", final=True, cancels=True),
            Cause(3, "PaymentUnavailable", "502 from api.payments.example", "payments.py", "charge"),
            Cause(1, "retry_after", "the provider asks to wait"),
        ),
        '{"order":{},"cents":{},"card":"tok_{}"}', '"ch_{}"', "Payment", retry_limit=5, tag="orders",
    ),
    Kind(
        "write_invoice", 0.11, "documents", 800, 0.012,
        (Cause(1, "FileNotFoundError", "no template invoice-{}.html", "documents.py", "render", final=True),),
        "{}", '"invoices/{}.pdf"', "int", tag="orders",
    ),
    Kind(
        "index_product", 0.08, "catalogue", 150, 0.01,
        (Cause(1, "ConnectionRefusedError", "search.shop.example:9200 refuses the connection", "search.py", "index"),),
        "{}", '"indexed"', "int", tag="catalogue",
    ),
    Kind(
        "move_stock", 0.05, "default", 420, 0.008,
        (Cause(1, "StockNegative", "article {} would have -1 pieces", "stock.py", "move", final=True),),
        '"lamp-{}"', "7", "str", worker=_warehouse, tag="stock",
    ),
    Kind(
        "import_orders", 0.03, "imports", 21_000, 0.09,
        (
            Cause(3, "KeyError", "'sku'", "imports.py", "read_row", final=True),
            Cause(2, "UnicodeDecodeError", "'utf-8' codec can't decode byte 0xe4 in position {}", "imports.py", "open"),
            Cause(1, "timeout", "timed out after 600 s"),
        ),
        '{"supplier":"Aurora","file":"orders-{}.csv","rows":{}}', '{"taken":{},"refused":3}', "Import",
        worker=_supplier, tag="orders",
    ),
    Kind(
        "POST /orders/{order_id}/ship", 0.05, "shipping", 380, 0.08,
        (
            Cause(3, "http_503", "503: the carrier does not answer"),
            Cause(1, "http_409", "409: order {} is shipped already", final=True),
        ),
        '{"method":"POST","path":"/orders/{}/ship"}',
        '{"status":200,"headers":[["content-type","application/json"]],"json":{"tracking":"DE{}"}}', "ApiRequest",
        retry_limit=3, api=True,
    ),
    Kind(
        "export_catalogue", 0.004, "catalogue", 95_000, 0.06,
        (Cause(1, "node_lost", "the node that ran it was lost"),),
        '"de"', '{"pages":120,"language":"de"}', "str", spread=0.25, tag="catalogue",
    ),
    Kind(
        "expire_carts", 0.006, "reports", 210, 0.0, (), "null", "{}", "None", tag="carts",
    ),
)  # fmt: skip
