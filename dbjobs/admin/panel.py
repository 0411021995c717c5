"""The panel of one job, which every page can show (``?job=`` in its URL)."""

from __future__ import annotations

from typing import Any

from dbjobs.admin.call import Call


async def panel(call: Call) -> dict[str, Any] | None:
    """What ``panel.html`` shows of the job that the URL names; None if there is no such job."""
    reference = call.query("job")
    job = await call.jobs.get(int(reference)) if reference.isascii() and reference.isdigit() else None
    return {"reference": reference, "job": job}
