"""A URL or a file that cannot be used is named, with the reason."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from dbjobs.errors import DatabaseError, DatabaseUnavailable, InvalidUrl, MissingPermission
from dbjobs.store.sqlite.database import SqliteDatabase

pytestmark = pytest.mark.dialect("sqlite")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "has no path"),
        ("sqlite:///", "has no path"),
        ("sqlite://jobs.db", "names a host"),
        ("sqlite:///jobs.db?busy_timout=5", "did you mean 'busy_timeout'?"),
        ("sqlite:///:memory:", "need a file"),
        ("sqlite:///file:jobs.db", "need a file"),
        ("sqlite:///jobs.db#1", "%23"),
        ("sqlite:///jobs.db?mode=ro", "option 'mode' is not known; leave it out"),
        ("sqlite:///jobs.db?busy_timeout=soon", "busy_timeout='soon'"),
        ("sqlite:///jobs.db?pool_size=0", "pool_size='0'"),
    ],
)
def test_a_url_that_cannot_be_used_says_why(url: str, words: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        SqliteDatabase(url)
    assert words in str(caught.value)


def test_a_url_names_a_relative_or_an_absolute_file() -> None:
    assert SqliteDatabase("sqlite:///a%20folder/jobs.db").path == Path.cwd() / "a folder" / "jobs.db"
    assert SqliteDatabase("sqlite:////var/jobs%23.db?busy_timeout=3").path == Path("/var/jobs#.db")


async def refusal(path: Path) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        await SqliteDatabase(f"sqlite:///{path}").open()
    assert str(path) in str(caught.value)
    return caught.value


async def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    missing = await refusal(tmp_path / "nowhere" / "jobs.db")
    assert isinstance(missing, DatabaseUnavailable)
    assert "does not exist" in str(missing)
    assert "is a folder" in str(await refusal(tmp_path))
    (tmp_path / "text.db").write_text("this is no database, and it is long enough to be looked at by SQLite\n" * 50)
    assert isinstance(await refusal(tmp_path / "text.db"), DatabaseUnavailable)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
async def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    file.touch(0o400)
    assert isinstance(await refusal(file), MissingPermission)
    tmp_path.chmod(0o500)  # noqa: ASYNC240
    assert isinstance(await refusal(tmp_path / "new.db"), MissingPermission)


async def test_an_old_sqlite_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 39, 9))
    with pytest.raises(DatabaseError, match=r"SQLite 3\.40 or newer"):
        await SqliteDatabase(f"sqlite:///{tmp_path}/jobs.db").open()
