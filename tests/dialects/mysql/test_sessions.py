"""MySQL and MariaDB: our sessions work whatever the server's settings are, and so do callers'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest

from dbjobs import Backoff, DatabaseUnavailable, InvalidOption, Jobs, JobState
from dbjobs.store.mysql.connection import MysqlConnection
from dbjobs.store.mysql.database import MysqlDatabase
from dbjobs.store.mysql.script import Result
from tests.conformance.helpers import eventually
from tests.conformance.raw import Raw
from tests.servers import Target

pytestmark = [pytest.mark.dialect("mysql"), pytest.mark.fresh]


@pytest.fixture
def raw(url: str) -> Raw:
    return Raw("mysql", url)


Settings = Mapping[str, Any]

# What a server may be configured to, or hand down to a role. Each has once kept our sessions from working ...
ALONE: list[Settings] = [
    {"sql_mode": "TRADITIONAL"},
    {"sql_mode": "STRICT_ALL_TABLES"},
    {"sql_mode": "ANSI,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO"},
    {"sql_mode": "ORACLE,EMPTY_STRING_IS_NULL,SIMULTANEOUS_ASSIGNMENT"},
    {"sql_select_limit": 1},
    {"max_join_size": 1},
    {"completion_type": 1},
    {"completion_type": 2},
    {"transaction_read_only": 1, "tx_read_only": 1},
    {"sql_safe_updates": 1},
    {"sql_if_exists": 1},
    {"enforce_storage_engine": "InnoDB"},
    {"max_statement_time": 0.000001, "max_execution_time": 1},
    {"optimizer_switch": "index_merge=off,semijoin=off,materialization=off,derived_merge=off"},
    {"optimizer_switch": "condition_pushdown_for_derived=off,rowid_filter=off,split_materialized=off"},
    {"optimizer_switch": "derived_condition_pushdown=off,skip_scan=off,use_invisible_indexes=on"},
]
# ... or might: all of these at once.
TOGETHER: Settings = {
    "sql_mode": "ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE,HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH",
    "autocommit": 0,
    "transaction_isolation": "SERIALIZABLE",
    "tx_isolation": "SERIALIZABLE",
    "time_zone": "+09:00",
    "character_set_client": "latin1",
    "character_set_results": "latin1",
    "character_set_connection": "latin1",
    "collation_connection": "latin1_german1_ci",
    "default_collation_for_utf8mb4": "utf8mb4_general_ci",
    "character_set_collations": "utf8mb4=utf8mb4_bin",
    "group_concat_max_len": 8,
    "max_sort_length": 8,
    "sql_auto_is_null": 1,
    "sql_big_selects": 0,
    "big_tables": 1,
    "innodb_lock_wait_timeout": 1,
    "lock_wait_timeout": 1,
    "foreign_key_checks": 0,
    "unique_checks": 0,
    "idle_transaction_timeout": 1,
    "idle_write_transaction_timeout": 1,
    "div_precision_increment": 0,
    "auto_increment_increment": 7,
    "explicit_defaults_for_timestamp": 0,
    "default_storage_engine": "MyISAM",
    "default_tmp_storage_engine": "MyISAM",
    "lc_time_names": "de_DE",
    "max_recursive_iterations": 1,
    "cte_max_recursion_depth": 1,
    "updatable_views_with_limit": "NO",
    "standard_compliant_cte": 0,
    "session_track_transaction_info": "CHARACTERISTICS",
    "session_track_schema": 1,
    "optimizer_search_depth": 1,
    "optimizer_use_condition_selectivity": 1,
    "join_cache_level": 8,
    "range_optimizer_max_mem_size": 1,
    "optimizer_max_sel_arg_weight": 1,
    "eq_range_index_dive_limit": 1,
}
# No such variable; no such value; no such character set; not for a session.
UNKNOWN = frozenset({1193, 1231, 1115, 1238})


@contextmanager
def server_set(target: Target, settings: Settings) -> Iterator[None]:
    """The server hands these settings down to every new connection, until the block ends; what it knows of them."""
    if target.server is None:
        pytest.skip(f"LEFT OUT: {target.name} is not a server of our own, whose settings may be changed")
    parts = urlsplit(target.server.url())
    with (
        closing(
            pymysql.connect(
                host=parts.hostname,
                port=parts.port or 3306,
                user=parts.username,
                password=parts.password or "",
                autocommit=True,
            )
        ) as administrator,
        administrator.cursor() as cursor,
        ExitStack() as restored,
    ):
        known = [name for name, value in settings.items() if _set(cursor, restored, name, value)]
        if not known:
            pytest.skip(f"{target.name} {target.version} knows none of {', '.join(settings)}")
        yield


def _set(cursor: Any, restored: ExitStack, name: str, value: Any) -> bool:
    try:
        cursor.execute(f"SELECT @@GLOBAL.{name}")
        (before,) = cursor.fetchone()
        cursor.execute(f"SET GLOBAL {name} = %s", (value,))
    except pymysql.MySQLError as error:
        if error.args[0] in UNKNOWN:
            return False
        raise
    restored.callback(cursor.execute, f"SET GLOBAL {name} = %s", (before,))
    return True


async def small_run(jobs: Jobs) -> None:
    """A bit of everything: bulk, lanes, retries, batches, ref_ids, children, odd texts, cancelling, looking."""
    tried: list[int] = []

    @jobs.command(retry_limit=0)
    async def echo(request: Any) -> Any:
        return request

    @jobs.command(retry_limit=1, retry=Backoff(first_seconds=0.01))
    async def second_time(request: int) -> int:
        tried.append(request)
        if len(tried) == 1:
            raise ValueError("the first time")
        return request

    texts = ["it's", 'a "quoted" one', "back\\slash \\' \\n", "żółw 🐢", "", " trailing  ", "%s :name", None]
    async with jobs.start(concurrency=10):
        refs = await jobs.enqueue_many(echo, texts)
        lane = await jobs.enqueue_many(echo, [1, 2, 3], worker="it's a \\lane", batch_id="b")
        again = await jobs.enqueue(second_time, 7, ref_id="r")
        assert not (await jobs.enqueue(second_time, 7, ref_id="r")).created
        child = await jobs.enqueue(echo, "child", depends_on=[*refs[:2], again], batch_id="b")
        later = await jobs.enqueue(echo, "later", run_after=timedelta(days=1))
        assert (await jobs.wait(child, timeout=30)).response == "child"
        assert [(await jobs.wait(ref, timeout=30)).response for ref in refs] == texts
        assert [(await jobs.wait(ref, timeout=30)).response for ref in lane] == [1, 2, 3]
        assert (await jobs.wait(again, timeout=30)).response == 7
        assert (await jobs.cancel(later)) is not None
        assert (await jobs.wait(later, timeout=30)).state == JobState.CANCELLED
        assert (await jobs.nodes())[0].alive
    async with jobs:
        assert len(await jobs.list(limit=100)) == len(texts) + 6


@pytest.mark.parametrize("settings", [*ALONE, TOGETHER], ids=lambda s: "together" if len(s) > 2 else str(s))
async def test_jobs_run_whatever_the_server_is_set_to(url: str, target: Target, settings: Settings) -> None:
    with server_set(target, settings):
        await small_run(Jobs(url))


async def test_a_limit_for_statements_is_lifted_before_all_else_and_alone(
    url: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that runs out between two statements of a packet keeps the answer to the second for ever (MariaDB)."""
    if not target.name.startswith("mariadb"):
        pytest.skip("MySQL ends no statement but a SELECT for its time")
    sent: list[Sequence[str]] = []
    run = MysqlConnection.run

    async def ended_at_first(self: MysqlConnection, statements: Sequence[str]) -> list[Result]:
        sent.append(statements)
        if len(sent) < 4:
            raise DatabaseUnavailable("ended") from pymysql.OperationalError(1969, "max_statement_time exceeded")
        return await run(self, statements)

    monkeypatch.setattr(MysqlConnection, "run", ended_at_first)
    database = MysqlDatabase(url)
    await database.open()
    await database.close()
    assert [list(statements) for statements in sent[:4]] == [["SET SESSION max_statement_time = 0"]] * 4
    assert len(sent[4]) > 1


@pytest.mark.parametrize(
    "setting",
    [
        "sql_mode = 'NO_BACKSLASH_ESCAPES'",
        "sql_mode = 'ANSI_QUOTES'",
        "sql_mode = 'ANSI,TRADITIONAL'",
        "sql_mode = 'PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,IGNORE_SPACE,NO_UNSIGNED_SUBTRACTION'",
        "sql_mode = ''",
        "time_zone = '+09:00'",
        "group_concat_max_len = 8",
        "sql_safe_updates = 1",
        "sql_auto_is_null = 1",
        "autocommit = 0",
        "completion_type = 1",
        "collation_connection = 'utf8mb4_bin'",
    ],
)
async def test_a_caller_s_odd_session_works(url: str, raw: Raw, setting: str) -> None:
    jobs = Jobs(url)
    given: list[Any] = []

    @jobs.command(retry_limit=0)
    async def echo(request: Any) -> Any:
        given.append(request)
        return request

    texts = ["it's", 'a "quoted" one', "back\\slash \\' \\n", "żółw 🐢", "", " trailing  "]
    async with jobs, raw.connection() as caller:
        parent, other = await jobs.enqueue_many(echo, ["parent", "other"])
        try:
            await caller.execute(f"SET SESSION {setting}")
        except pymysql.MySQLError as error:
            if error.args[0] not in UNKNOWN:
                raise
            pytest.skip(f"no such setting: {error}")
        await caller.begin()
        for text in texts:
            await jobs.enqueue(echo, text, ref_id=f"r {text}", tag=text[:3] or None, connection=caller.driver)
        await jobs.enqueue_many(echo, texts, connection=caller.driver)
        await jobs.enqueue(
            echo, "child", depends_on=[parent, other], batch_id="it's \\ a batch", connection=caller.driver
        )
        assert not (await jobs.enqueue(echo, "", ref_id="r it's", connection=caller.driver)).created
        await caller.commit()
        assert {job.ref_id for job in await jobs.list(limit=100)} == {None, *(f"r {text}" for text in texts)}
    async with jobs.start():
        await eventually(lambda: len(given) == 2 * len(texts) + 3, "all have run")
    assert sorted(given) == sorted(texts * 2 + ["parent", "other", "child"])


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("sql_mode = 'ORACLE'", "sql_mode ORACLE"),
        ("sql_mode = 'EMPTY_STRING_IS_NULL'", "sql_mode EMPTY_STRING_IS_NULL"),
        ("sql_select_limit = 1", "sql_select_limit = 1"),
        ("max_join_size = 1", "sql_big_selects = 0"),
    ],
)
async def test_a_caller_s_session_in_which_statements_mean_something_else_is_refused(
    url: str, raw: Raw, setting: str, named: str
) -> None:
    jobs = Jobs(url)
    jobs.declare("echo")
    async with jobs, raw.connection() as caller:
        try:
            await caller.execute(f"SET SESSION {setting}")
        except pymysql.MySQLError as error:
            if error.args[0] not in UNKNOWN:
                raise
            pytest.skip(f"no such setting: {error}")
        await caller.execute("START TRANSACTION")  # in Oracle's words, BEGIN is something else
        with pytest.raises(InvalidOption, match=named):
            await jobs.enqueue("echo", 1, connection=caller.driver)
        await caller.execute("INSERT INTO note VALUES ('its own')")
        await caller.commit()
        assert await raw.notes() == ["its own"]
        assert await jobs.list() == []
