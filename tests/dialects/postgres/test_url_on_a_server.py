"""A URL's options reach the server, and a schema that an administrator has made is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dbjobs import Jobs, JobState, MissingPermission
from dbjobs.store.database import make_database
from tests.conformance.raw import Raw
from tests.servers import Target

pytestmark = [pytest.mark.dialect("postgres"), pytest.mark.fresh]

# What providers and libpq's users add to a URL.
OPTIONS = (
    "application_name=mine&options=-c%20work_mem%3D5MB&channel_binding=prefer&gssencmode=prefer&keepalives=1"
    "&keepalives_idle=30&sslmode=prefer&target_session_attrs=read-write&client_encoding=utf8"
)


@pytest.fixture
def raw(target: Target, url: str) -> Raw:
    if target.direct_url(url) != url:
        pytest.skip("a pooler has options of its own")
    return Raw(target.dialect, url)


async def test_a_url_s_options_are_honoured(raw: Raw) -> None:
    db = make_database(f"{raw.url}?{OPTIONS}")
    await db.open()
    try:
        async with db.transaction() as session:
            assert await session.connection.fetchval("SHOW application_name") == "mine"
            assert await session.connection.fetchval("SHOW work_mem") == "5MB"
            assert await session.connection.fetchval("SHOW statement_timeout") != "0", "and ours stay"
    finally:
        await db.close()


@pytest.fixture
async def role(raw: Raw) -> AsyncIterator[str]:
    """A role of the application, which may not make schemas in this database."""
    name = raw.powerless()
    await raw.make_user(name, "secret")
    yield name
    await raw.drop_user(name)


async def test_a_schema_made_by_an_administrator_is_enough(raw: Raw, role: str) -> None:
    url = raw._driver.url_of(role, "secret")
    with pytest.raises(MissingPermission):
        async with Jobs(url, schema="jobs_of_mine"):
            pass
    await raw.rows("CREATE SCHEMA jobs_of_mine")
    await raw.rows(f"GRANT USAGE, CREATE ON SCHEMA jobs_of_mine TO {role}")
    jobs = Jobs(url, schema="jobs_of_mine")

    @jobs.command
    async def work() -> str:
        return "done"

    async with jobs.start():
        done = await jobs.wait(await jobs.enqueue(work), timeout=20)
    assert (done.state, done.response) == (JobState.COMPLETED, "done")
