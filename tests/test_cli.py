"""The command line: what it prints, what it ends with, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from dbjobs import Jobs, Schedule, UnknownTask
from dbjobs.cli import options, output
from dbjobs.cli.app import app
from dbjobs.inspect.health import Examined, examine
from dbjobs.inspect.health.database import check_durability
from dbjobs.store import repository
from dbjobs.store.database import make_database
from dbjobs.store.transactions.migrate import LATEST_VERSION
from tests.cli import Cli
from tests.conformance.raw import Raw
from tests.servers import Target
from tests.servers.processes import Spawn


@pytest.fixture
def bare(tmp_path: Path, spawn: Spawn) -> Cli:
    """The command line without a database."""
    return Cli(tmp_path, None, spawn)


@pytest.fixture
def empty(tmp_path: Path, url: str, spawn: Spawn) -> Cli:
    """The command line on a database without tables."""
    return Cli(tmp_path, url, spawn)


@pytest.fixture
def cli(empty: Cli) -> Cli:
    """The command line on a database with tables."""
    empty("migrate")
    return empty


# --- usage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_a_missing_package_is_named_with_what_to_install(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from dbjobs.cli.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"dbjobs: the command line needs the package {package}: pip install 'dbjobs[cli]'\n"


def test_help_names_every_command_and_the_exit_codes(bare: Cli) -> None:
    text = bare("--help").stdout
    commands = re.findall(r"^  ([a-z]+)  ", text, re.MULTILINE)
    assert {*commands} >= {"demo", "migrate", "worker", "enqueue", "jobs", "show", "logs", "cancel", "requeue"}
    assert {*commands} >= {"history", "doctor", "queues", "pause", "resume", "limit", "schedules"}
    assert "Exit codes: 0 all went well" in text
    assert "Exit codes: 0 all went well" in bare("cancel", "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jobs"], "give --url or set DBJOBS_URL"),
        (["jobs", "--url", "oracle://x/y"], "unknown scheme 'oracle'"),
        (["jobs", "--url", "sqlite:///x.db", "--state", "lost"], "'lost' is not one of scheduled, waiting"),
        (["history", "--url", "sqlite:///x.db", "--state", "queued"], "queued is not in the history yet"),
        (["cancel", "--url", "sqlite:///x.db"], "name jobs, or give --state"),
        (["cancel", "--url", "sqlite:///x.db", "1", "--tag", "t"], "not both"),
        (["enqueue", "--url", "sqlite:///x.db", "hello", "--run-after", "soon"], "'soon' is neither a duration"),
        (["requeue", "--url", "sqlite:///x.db"], "name jobs, or give --state"),
        (
            ["enqueue", "--url", "sqlite:///x.db", "--app", "myapp:jobs", "hello"],
            "--app and --url: the application names",
        ),
        (["limit", "--url", "sqlite:///x.db", "q", "0"], "'0' is neither a number >= 1 nor none"),
        (["worker", "myapp"], "write myapp:jobs"),
        (["worker", "myapp.py:jobs"], "names a file; name the module: myapp:jobs"),
        (["worker", "myapp:jobz"], "write myapp:jobs"),
        (["worker", "myapp:other"], "is a int, not a dbjobs.Jobs"),
        (["worker", "nowhere:jobs"], "there is no module 'nowhere'"),
        (["worker", "myapp:jobs", "--queue", "a=many"], "'many' is not a number of jobs"),
        (["worker", "myapp:jobs", "--queue", "a=0"], "the concurrency of 'a' must be a whole number >= 1"),
        (["worker", "myapp:jobs", "--processes", "2", "--lease", "0.1s"], "lease_seconds=0.1 must be at least 1 s"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_the_thing(bare: Cli, arguments: list[str], words: str) -> None:
    done = bare(*arguments, code=2)
    assert words in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert not (bare.folder / "x.db").exists()


def test_an_application_that_cannot_be_imported_is_one_line(bare: Cli) -> None:
    (bare.folder / "bad.py").write_text("import json\n\nraise RuntimeError('the moon is full')\n")
    done = bare("worker", "bad:jobs", code=1)
    assert done.stderr.count("\n") == 1
    assert "importing 'bad' failed: RuntimeError: the moon is full" in done.stderr
    assert "bad.py, line 3" in done.stderr


def test_an_interruption_while_the_application_is_imported_is_one(bare: Cli) -> None:
    (bare.folder / "slow.py").write_text("raise KeyboardInterrupt\n")
    done = bare("worker", "slow:jobs", code=130)
    assert "Traceback" not in done.stderr


def test_traceback_only_when_asked_for(bare: Cli) -> None:
    assert bare("jobs", "--url", "nonsense", code=2).stderr.count("\n") == 1
    assert "Traceback" in bare("--traceback", "jobs", "--url", "nonsense", code=1).stderr


def test_a_database_that_is_not_there_is_one_line(bare: Cli) -> None:
    done = bare("jobs", "--url", "postgresql://nobody@127.0.0.1:1/none", code=1)
    assert done.stderr.startswith("dbjobs: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command", ["jobs", "show 1", "logs 1", "cancel 1", "requeue 1", "history", "queues", "doctor"]
)
def test_a_mistyped_path_is_no_new_database(bare: Cli, command: str) -> None:
    done = bare(*command.split(), "--url", "sqlite:///typo.db", code=1)
    assert f"there is no file {bare.folder / 'typo.db'}" in done.stderr + done.stdout
    assert not list(bare.folder.glob("typo*"))


# --- tables and jobs ----------------------------------------------------------------------------


def test_only_migrate_makes_the_tables(empty: Cli) -> None:
    assert "run 'dbjobs migrate'" in empty("jobs", code=1).stderr
    assert "run 'dbjobs migrate'" in empty("enqueue", "hello", code=1).stderr
    assert "applied 0001_initial.sql" in empty("migrate").stdout
    assert empty("jobs").stdout == "no jobs\n"
    assert empty.json("migrate") == {"applied": [], "version": LATEST_VERSION}


def test_the_schema_option_is_another_set_of_tables(cli: Cli) -> None:
    cli("migrate", "--schema", "second")
    cli("enqueue", "hello", "--schema", "second")
    assert cli.lines("jobs") == []
    assert len(cli.lines("jobs", "--schema", "second")) == 1


def test_enqueue_by_name_needs_no_application(cli: Cli) -> None:
    id = cli("enqueue", "anything", '{"a": 1}', "--queue", "mail", "--tag", "t", "--ref-id", "r-1").stdout
    assert id == "1\n"
    again = cli("enqueue", "anything", '{"a": 2}', "--ref-id", "r-1")
    assert again.stdout == "1\n"
    assert "created: false" in again.stderr
    assert cli.json("enqueue", "anything", "--ref-id", "r-1") == {
        "id": 1, "ref_id": "r-1", "created": False, "state": None, "response": None, "error": None,
    }  # fmt: skip
    job = cli.json("show", "r-1")
    assert (job["id"], job["command"], job["request"], job["queue"]) == (1, "anything", {"a": 1}, "mail")
    assert datetime.fromisoformat(job["created_at"]).utcoffset() == timedelta(0)


def test_enqueue_takes_every_option(cli: Cli) -> None:
    cli("enqueue", "first", "--ref-id", "7")
    words = "--worker w --priority -3 --run-after 1h30m --expires-after 2h --batch b --retry-limit 9 --timeout 5m"
    cli("enqueue", "second", "-", *words.split(), "--depends-on", "ref:7", "--depends-on-policy", "finished",
        "--callback", "third", "--user", "u", "--created-by", "me", "--arg", "k=v=w", stdin='"text"')  # fmt: skip
    job = cli.json("show", "2")
    assert job["request"] == "text"
    assert (job["worker"], job["priority"], job["batch_id"], job["retry_limit"]) == ("w", -3, "b", 9)
    assert (job["timeout_seconds"], job["depends_on"], job["callback"], job["state"]) == (300, [1], "third", "waiting")
    assert (job["user_id"], job["created_by"], job["args"]) == ("u", "me", {"k": "v=w"})


@pytest.mark.once
def test_a_request_is_checked_where_the_mistake_is_made(cli: Cli) -> None:
    assert "is not JSON" in cli("enqueue", "hello", "{name}", code=1).stderr
    assert "missing required field `name`" in cli("enqueue", "hello", "{}", "--app", "myapp:jobs", code=1).stderr
    assert "did you mean 'hello'?" in cli("enqueue", "helo", "--app", "myapp:jobs", code=1).stderr
    assert "no such job" in cli("enqueue", "hello", "--depends-on", "99", code=1).stderr
    assert cli.lines("jobs") == []


@pytest.mark.once
def test_jobs_filters_and_pages(cli: Cli) -> None:
    for n in range(5):
        cli("enqueue", "odd" if n % 2 else "even", "--tag", f"t{n}", "--queue", "q", "--worker", f"w{n // 2}")
    assert [job["id"] for job in cli.lines("jobs", "--command", "even")] == [5, 3, 1]
    assert [job["id"] for job in cli.lines("jobs", "--tag", "t3")] == [4]
    assert [job["id"] for job in cli.lines("jobs", "--worker", "w0", "--state", "queued")] == [2, 1]
    page = cli("jobs", "--limit", "2")
    assert "the next page: --before 4" in page.stderr
    assert [job["id"] for job in cli.lines("jobs", "--limit", "2", "--before", "4")] == [3, 2]
    assert cli("history").stdout == "no jobs\n"


@pytest.mark.once
def test_a_pipe_gets_plain_text_and_whole_values(cli: Cli, target: Target) -> None:
    if target.is_babelfish:
        pytest.skip("its OPENJSON leaves JSON's escapes in a name")
    ref_id = "r" * 200
    cli("enqueue", "hello", "--ref-id", ref_id, "--tag", "two  words\n\x1b[31m")
    head, line = cli("jobs").stdout.splitlines()
    assert " ".join(head.split()) == "ID STATE COMMAND QUEUE WORKER TAG REF_ID TRY CREATED (UTC) TOOK NOTE"
    assert ref_id in line
    assert "two words \\x1b[31m" in line
    assert "\x1b" not in line + cli("show", "1").stdout


def test_cancel_and_requeue(cli: Cli) -> None:
    for tag in ("a", "a", "b"):
        cli("enqueue", "hello", "--tag", tag, "--ref-id", f"{tag}-{os.urandom(4).hex()}")
    done = cli("cancel", "3", "99", "--reason", "no longer needed", code=1)
    assert done.stdout == "job 3 (hello) cancelled\n"
    assert "no job with the id or ref_id '99'" in done.stderr
    assert "job 3 (hello) had ended before: it is cancelled" in cli("cancel", "3", code=1).stderr
    assert cli.json("show", "3")["error"] == "no longer needed"
    assert cli("cancel", "--tag", "a").stdout == "2 jobs cancelled or asked to stop\n"
    assert [job["state"] for job in cli.lines("history")] == ["cancelled"] * 3
    assert cli("requeue", "1").stdout == "job 1 (hello) queued again\n"
    assert "is not among the failed or cancelled jobs: it is queued" in cli("requeue", "1", code=1).stderr
    assert cli.json("show", "1")["state"] == "queued"


@pytest.mark.once
def test_requeue_by_what_jobs_have_in_common(cli: Cli) -> None:
    for tag in ("a", "b", "a"):
        cli("enqueue", "hello", "--tag", tag)
    cli("cancel", "--queue", "default")
    assert cli("requeue", "--tag", "a", "--state", "cancelled").stdout == "2 jobs queued again\n"
    assert cli.json("requeue", "--command", "hello") == {"requeued": 1}
    assert cli.json("requeue", "--command", "hello") == {"requeued": 0}
    assert [job["state"] for job in cli.lines("jobs")] == ["queued"] * 3


@pytest.mark.once
def test_queues_are_paused_resumed_and_limited(cli: Cli) -> None:
    assert "queue mail is paused" in cli("pause", "mail").stdout
    assert cli("limit", "mail", "3").stdout == "queue mail runs at most 3 jobs at the same time on each node\n"
    assert {"queue": "mail", "paused": True, "concurrency": 3} in cli.lines("queues")
    cli("resume", "mail")
    cli("limit", "mail", "none")
    assert {"queue": "mail", "paused": False, "concurrency": None} in cli.lines("queues")


def test_schedules_are_listed_paused_run_and_removed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: a new one for each of these commands would take a minute on a busy machine."""
    monkeypatch.setenv("DBJOBS_URL", url)

    async def put() -> None:
        async with Jobs(url) as jobs:
            jobs.declare("report")
            schedule = Schedule.cron("0 9 * * 1-5", tz="Europe/Paris")
            await jobs.schedules.put("nightly", schedule, "report", {"day": 1}, user_id="u1")

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["schedules", *arguments])
        if done.exception is not None:
            raise done.exception
        return done.stdout

    async def tables() -> None:
        async with Jobs(url):
            pass

    asyncio.run(tables())
    assert said("list") == "no scheduled tasks\n"
    asyncio.run(put())
    task = json.loads(said("list", "--json"))
    assert (task["name"], task["status"], task["schedule"]) == ("nightly", "active", "0 9 * * 1-5 (Europe/Paris)")
    assert "nightly  0 9 * * 1-5 (Europe/Paris)  report   active" in said("list")
    assert "is paused; to go on: dbjobs schedules resume nightly" in said("pause", "nightly")
    ref = json.loads(said("run", "nightly", "--json"))
    assert ref["ref_id"].startswith("task:nightly:now:")
    shown = said("show", "nightly")
    for words in ("task nightly  paused", "At 09:00 on Monday through Friday", "at run time", "u1", '"day": 1'):
        assert words in shown
    assert f"{ref['id']}  queued" in shown
    assert len(json.loads(said("show", "nightly", "--json"))["next_runs"]) == 5
    assert "goes on; next at " in said("resume", "nightly")
    assert said("remove", "nightly") == "task nightly is removed\n"
    for wrong in ("show", "pause", "resume", "run", "remove"):
        with pytest.raises(UnknownTask, match="there is no scheduled task 'nightly'"):
            said(wrong, "nightly")


@pytest.mark.once
def test_an_expression_is_told_without_a_database(bare: Cli) -> None:
    said = bare("schedules", "next", "30 2 29 2 *", "--tz", "Europe/Paris", "-n", "2").stdout.splitlines()
    assert said[0] == "At 02:30 on February 29 (Europe/Paris)"
    assert len(said) == 3
    assert "-02-29 01:30:00 UTC  " in said[1]
    assert "-02-29 02:30:00+01:00 Europe/Paris" in said[1]
    assert "'61 * * * *': Bad minute" in bare("schedules", "next", "61 * * * *", code=2).stderr


@pytest.mark.once
def test_show_says_what_can_be_done_next(cli: Cli) -> None:
    cli("enqueue", "hello")
    assert "dbjobs requeue" not in cli("show", "1").stdout
    cli("cancel", "1")
    assert cli("show", "1").stdout.splitlines()[-2:] == [
        "what it logged: dbjobs logs 1",
        "to run it again: dbjobs requeue 1",
    ]


@pytest.mark.once
def test_a_reader_that_has_enough_is_no_error(cli: Cli) -> None:
    for _ in range(3):
        cli("enqueue", "hello", "--queue", "q" * 200)
    ours = shlex.join([sys.executable, "-m", "dbjobs", "jobs", "--json"])
    done = cli.shell(f"set -o pipefail; {ours} | true")
    assert (done.returncode, done.stderr) == (0, "")


# --- doctor -------------------------------------------------------------------------------------


def test_doctor_says_what_is_wrong_and_what_to_do(empty: Cli) -> None:
    before = empty("doctor", code=1).stdout
    assert re.search(r"^OK +database +(PostgreSQL|MySQL|MariaDB|SQL Server|SQLite) \d", before)
    assert "run 'dbjobs migrate'" in before.splitlines()[-1]
    empty("migrate")
    assert empty.complaints() == []
    empty("enqueue", "unheard_of")
    after = empty("doctor", "--app", "myapp:jobs", "--longest-wait", "0", code=1).stdout
    assert "no node is alive, so no job is run" in after
    assert "start one: dbjobs worker" in after
    assert "job 1 (unheard_of; queue 'default') has been ready for" in after
    assert "no command 'unheard_of', which 1 ready job needs" in after
    assert empty.json("doctor", code=1)["ok"] is False


def test_doctor_of_an_application_looks_at_its_own_database_and_schema(tmp_path: Path, spawn: Spawn) -> None:
    """The variables are there for the other commands, too."""
    cli = Cli(tmp_path, "sqlite:///another.db", spawn)
    (tmp_path / "own.py").write_text("from dbjobs import Jobs\njobs = Jobs('sqlite:///own.db', schema='shop')\n")
    cli("migrate", "--url", "sqlite:///own.db", "--schema", "shop")
    assert "own.db" not in cli("doctor", "--app", "own:jobs", code=0).stdout
    named = cli("doctor", "--app", "own:jobs", "--url", "sqlite:///named.db", code=1).stdout
    assert f"there is no file {tmp_path / 'named.db'}" in named


def test_doctor_without_a_database_is_a_warning(bare: Cli) -> None:
    assert bare("doctor", "--url", "postgresql://nobody@127.0.0.1:1/none", code=1).stdout.startswith("WARN  database")


async def test_doctor_names_a_setting_with_which_commits_may_be_lost(url: str, target: Target) -> None:
    if target.dialect == "mysql" and target.server is None:
        pytest.skip("a setting of the whole server, which is not ours")
    if target.is_babelfish:
        pytest.skip("it has no such setting")
    database = urlsplit(url).path.removeprefix("/")
    # SQLite has none: our connections decide.
    setting, unsafe, safe = {
        "sqlite": (None, "SELECT 1", "SELECT 1"),
        "postgres": (
            "synchronous_commit is off",
            f'ALTER DATABASE "{database}" SET synchronous_commit = off',
            f'ALTER DATABASE "{database}" RESET synchronous_commit',
        ),
        "mysql": (
            "innodb_flush_log_at_trx_commit is 2",
            "SET GLOBAL innodb_flush_log_at_trx_commit = 2",
            "SET GLOBAL innodb_flush_log_at_trx_commit = 1",
        ),
        "sqlserver": (
            "DELAYED_DURABILITY is FORCED",
            "ALTER DATABASE CURRENT SET DELAYED_DURABILITY = FORCED",
            "ALTER DATABASE CURRENT SET DELAYED_DURABILITY = DISABLED",
        ),
    }[target.dialect]
    before = await named_risks(url)
    raw = Raw(target.dialect, url)
    await raw.rows(unsafe)
    try:
        assert await named_risks(url) - before == {setting} - {None}
    finally:
        await raw.rows(safe)
    assert await named_risks(url) == before


async def named_risks(url: str) -> set[str]:
    """What doctor finds about durability: settings and their values."""
    db = make_database(url)
    await db.open()
    try:
        findings = [
            finding async for finding in check_durability(Examined(db=db, commands=None, longest_wait_seconds=1))
        ]
    finally:
        await db.close()
    assert len(findings) >= 1
    return {finding.message.partition(":")[0] for finding in findings if not finding.ok}


@pytest.mark.once
async def test_doctor_finds_stranded_jobs_and_paused_queues(cli: Cli, url: str) -> None:
    cli("enqueue", "parent", "--queue", "slow")
    cli("enqueue", "child", "--depends-on", "1", "--queue", "slow")
    db = make_database(url)
    await db.open()
    try:
        examined = Examined(db=db, commands=None, longest_wait_seconds=300)
        assert [f.message for f in [f async for f in examine(examined)] if f.check == "waiting" and not f.ok] == []
        await repository.set_queue(db, "slow", paused=True)
        wrong = {f.check: f.message for f in [f async for f in examine(examined)] if not f.ok}
        assert wrong["queues"] == "queue 'slow' is paused and has 1 ready job"
        async with db.transaction() as session:
            await repository.discard_jobs(session, [1])
        wrong = {f.check: f.message for f in [f async for f in examine(examined)] if not f.ok}
        assert wrong["waiting"] == "jobs wait for parents that are no longer there: 2"
    finally:
        await db.close()


# --- values -------------------------------------------------------------------------------------


async def test_doctor_finds_a_task_that_nobody_fires(url: str) -> None:
    async with Jobs(url) as jobs:
        jobs.declare("report")
        await jobs.schedules.put("nightly", Schedule.daily, "report", run_at_once=True)
        await jobs.schedules.put("paused", Schedule.daily, "report", run_at_once=True)
        await jobs.schedules.pause("paused")
        db = jobs._client.db
        (task,) = await repository.list_tasks(db, "nightly")
        earlier = await repository.database_time(db) - timedelta(minutes=5)
        assert await repository.update_task(db, msgspec.structs.replace(task, next_run_at=earlier))
        found = [finding async for finding in examine(Examined(db=db, commands=None, longest_wait_seconds=60))]
        (late,) = [finding for finding in found if finding.check == "schedules"]
        assert late.message.startswith("task 'nightly' was to run 5 min")
        assert late.advice is not None
        assert "start a worker that has its command 'report'" in late.advice
        await jobs.schedules.remove("nightly")
        found = [finding async for finding in examine(Examined(db=db, commands=None, longest_wait_seconds=60))]
        assert [finding.message for finding in found if finding.check == "schedules"] == [
            "1 scheduled task, paused: paused"
        ]


def test_durations_and_times_are_read() -> None:
    assert options.duration("90") == timedelta(seconds=90)
    assert options.duration("1h30m") == timedelta(minutes=90)
    assert options.duration("2d") == timedelta(days=2)
    assert options.moment_or_delay("2031-05-01T08:00") == datetime(2031, 5, 1, 8, tzinfo=UTC)
    assert options.moment_or_delay("0.5s") == timedelta(seconds=0.5)
    for text in ("", "h", "1x", "-5", "9" * 400):
        with pytest.raises(typer.BadParameter):
            options.duration(text)


def test_a_narrow_terminal_cuts_only_what_may_be_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    columns = (output.Column("ID", right=True), output.Column("REF"), output.Column("NOTE", may_shrink=True))
    output.write_table(columns, [("1234567890", "abcdefghijkl", "a long story " * 10)])
    line = capsys.readouterr().out.splitlines()[-1]
    assert "1234567890  abcdefghijkl  a long st" in line
    assert "…" in line


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.0, "under 0.01 ms"), (0.25, "0.25 ms"), (3.14, "3.1 ms"), (42.4, "42 ms"), (1500, "1.5 s")],
)
def test_a_short_duration_is_not_zero(value: float | None, text: str) -> None:
    assert output.milliseconds(value) == text


def test_control_characters_do_not_reach_a_terminal() -> None:
    assert output.one_line("a\x1b]0;title\x07\nb\x9b1m") == "a\\x1b]0;title\\x07 b\\x9b1m"
