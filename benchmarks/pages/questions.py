"""What is asked of the pages, the API and ``jobs.find``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dbjobs import Where

# Query strings of each page beside none at all: what people click on, and what finds nothing.
PAGES: dict[str, tuple[str, ...]] = {
    "/": ("period=today", "period=7d", "period=12m", "period=all"),
    "/jobs": (
        "q=state:failed", "q=command:send_*", "q=tag:orders", "q=args.tenant:7", "q=error:%22timed+out%22",
        "q=error:%22nothing+says+this%22", "q=request:nobody-at-all", "q=attempts:%3E1+run:%3E30s", "q=user:nobody",
        "q=state:queued", "job=4711",
    ),
    "/job": ("id=4711",),
    "/failures": ("period=7d", "command=send_email"),
    "/schedules": ("expression=*/5+*+*+*+*",),
    "/schedules/task": ("name=nightly+report",),
    "/commands": ("command=send_email", "period=7d"),
    "/queues": ("name=default",),
    "/workers": ("name=warehouse",),
    "/bulk": ("action=requeue&q=state:failed",),
    "/explore": ("command=send_email",),
    "/audit": ("actor=user+3", "action=nothing"),
    "/requests": (
        "status=5xx", "status=2xx", "status=418", "failed=true", "slow=2000ms", "slow=500s", "user=ann", "user=nobody",
        "ip=203.0.113.7", "route=/orders", "method=DELETE", "trace=00000000000000000000000000000000",
        "path=/nowhere", "key=h_000000000000000000000000",
    ),
    "/requests/routes": ("name=/orders", "limit=100", "month=all"),
    "/requests/users": ("name=ann", "limit=100", "month=all"),
    "/requests/keys": ("limit=100",),
    "/requests/addresses": ("name=203.0.113.7", "limit=100", "month=all"),
}  # fmt: skip
# The same of operations, below api/; ``{request}`` is the id of one in the log. Others are asked with VALUES.
API: dict[str, tuple[str, ...]] = {
    "/job": ("id=4711",),
    "/job/progress": ("id=4711",),
    "/job/explain": ("id=4711",),
    "/job/family": ("id=4711",),
    "/jobs": (
        "",
        "q=state:failed",
        "q=request:nobody-at-all",
        "q=error:%22nothing+says+this%22&state=failed",
        "limit=500",
    ),
    "/jobs/complete": ("q=sta", "q=command:se", "q=queue:"),
    "/bulk/preview": ("action=cancel&q=state:queued", "action=requeue&q=state:failed", "action=requeue&q=user:nobody"),
    "/overview": ("", "period=7d", "period=12m", "period=all"),
    "/commands/one": ("name=send_email",),
    "/requests/one": ("id={request}",),
    "/requests": ("", "status=5xx", "trace=00000000000000000000000000000000"),
    "/requests/about": ("by=route&name=/orders", "by=ip&name=203.0.113.7", "by=user&name=ann&month=all"),
}
# They stream for as long as there is something: not measured by their end.
STREAMS = ("/jobs/export",)
# What a parameter of an operation is, where it must be given.
VALUES: dict[str, Any] = {
    "id": 4711, "ids": [4711], "job": 4711, "queue": "default", "command": "send_email", "worker": "warehouse",
    "name": "nightly report", "task": "nightly report", "by": "route", "batch_id": "nothing", "batch": "nothing",
    "expression": "*/5 * * * *", "cron": "*/5 * * * *", "q": "state:failed", "text": "sta", "before": "now", "node": 1,
    "month": "", "ref_id": "nothing", "fingerprint": "0" * 32, "cause": "0" * 32, "tag": "orders", "id_text": "4711",
}  # fmt: skip
# Conditions of docs/search.md, each alone; most find nothing, which is the longest way.
FIND: dict[str, dict[str, Any]] = {
    "state": {"state": "failed"},
    "one of several": {"queue": ["nowhere", "neither"]},
    "none of them": {"command": Where.other("send_email", "resize_image")},
    "more": {"attempt": Where.above(5)},
    "between": {"priority": Where.between(50, 60)},
    "begins": {"command": Where.starts("charge_")},
    "ends": {"command": Where.ends("_nothing")},
    "holds": {"error": Where.contains("timed out")},
    "holds nothing": {"error": Where.contains("nothing says this")},
    "empty": {"worker": Where.empty(), "queue": "imports"},
    "given": {"ref_id": Where.given()},
    "so long ago": {"created_at": Where.at_least(timedelta(hours=2)), "state": "failed"},
    "before": {"completed_at": Where.at_most(timedelta(days=60))},
    "tag": {"tag": "catalogue"},
    "unknown tag": {"tag": "nowhere"},
    "batch": {"batch_id": "nowhere"},
    "user": {"user_id": "nobody"},
    "error code": {"error_code": "NoSuchError"},
    "key of args": {"args": {"tenant": "7"}},
    "unknown key of args": {"args": {"nothing": "7"}},
    "key of meta": {"meta": {"release": "1999.1"}},
    "key of request": {"request": {"picture": "nowhere.jpg"}},
    "text in request": {"request": "nobody-at-all"},
    "text in response": {"response": "nothing says this"},
    "long runs": {"duration_ms": Where.above(9_000_000)},
}
