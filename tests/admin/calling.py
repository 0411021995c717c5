"""Calls of the admin page's API, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from dbjobs import Jobs

TOKEN = "a token for tests"


@asynccontextmanager
async def api_of(
    jobs: Jobs, *, verbs: Sequence[str] = ("view", "act", "admin", "explore"), **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """The API, called by somebody who has a token for these verbs."""
    app = jobs.admin(tokens={TOKEN: list(verbs)}, **options)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://jobs/api", headers={"authorization": f"Bearer {TOKEN}"}
    ) as client:
        yield client
