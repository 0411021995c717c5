"""Database URLs: what is wrong is said, without the password."""

from __future__ import annotations

import re
import ssl
import sys
from pathlib import Path

import pytest
from pydantic import PostgresDsn
from sqlalchemy.engine import make_url

from dbjobs import DatabaseError, DatabaseUnavailable, InvalidOption, InvalidUrl, Jobs
from dbjobs.errors import DataRefused, MissingDriver
from dbjobs.store import database
from dbjobs.store.database import make_database
from dbjobs.store.mysql.errors import translated
from dbjobs.store.mysql.options import tls_of
from dbjobs.store.postgres import options
from dbjobs.store.url import split_url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "has no scheme"),
        ("localhost/app", "has no scheme"),
        ("", "an environment variable that is not set?"),
        ("data/jobs.db", "has no scheme; write sqlite:///data/jobs.db"),
        ("sqlite:jobs.db", "write sqlite:///relative/path.db"),
        ("sqlite:///~/jobs.db", "write the whole path"),
        ("sqlite:///~", "write the whole path"),
        ("oracle://u:secret@host/app", "unknown scheme 'oracle'"),
        ("postgresql+asyncpg://u:secret@host/app", "write postgresql:// (dbjobs picks the driver)"),
        ("postgresql://u:secret@host:port/app", "host"),
        ("postgresql://u:secret@host:99999/app", "host"),
        ("postgresql://u:secret@host/app?pool_size=none", "pool_size='none'"),
        ("postgresql://u:secret@host/app?pool_size=0", "pool_size='0'"),
        ("postgresql://u:secret@host/app?pool_size=2&pool_size=3", "'pool_size' is given twice"),
        ("postgresql://u:secret@host/app?pooler=session", "'session' is not known"),
        ("postgresql://u:secret@host/app?command_timeout=-1", "command_timeout"),
        ("postgresql://[::1/app", "::1"),
        ("mysql://u:secret@host", "names no database"),
        ("mysql://u:secret@host/", "names no database"),
        ("mysql://u:secret@host/app?charset=latin1", "every connection uses utf8mb4"),
        ("mysql://u:secret@host/app?sslaccept=strict", "write ssl-mode=VERIFY_IDENTITY"),
        ("mysql://u:secret@host/app?ssl-mode=PREFERRED", "ssl-mode='PREFERRED' must be one of DISABLED, REQUIRED"),
        ("mysql://u:secret@host/app?ssl=true&ssl-mode=REQUIRED", "mean the same"),
        ("mysql://u:secret@host/app?pool_sise=3", "did you mean 'pool_size'?"),
        ("mysql://u:secret@host/app?nothing_like_it=3", "known options are charset, command_timeout"),
        ("postgresql://u:secret@host/app?ssl=true", "write sslmode=require"),
        ("postgresql://u:secret@host/app?sslmod=require", "'sslmod' is not known; did you mean 'sslmode'?"),
        ("postgresql://u:secret@host/app?sslmode=no-verify", "sslmode='no-verify' must be one of disable, allow"),
        ("postgresql://u:secret@host/app?work_mem=5MB", "is written as options=-c%20NAME%3DVALUE"),
        ("postgresql://u:secret@host/app?pgbouncer=true", "write pooler=transaction"),
        ("postgresql://u:secret@host/app?schema=public", "give it to Jobs(url, schema=...)"),
        ("postgresql://u:secret@host/app?gssencmode=require", "gssencmode='require' is not available"),
        ("postgresql://u:secret@host/app?client_encoding=latin1", "the driver speaks UTF-8"),
        ("postgresql://u:secret@host/app?target_session_attrs=standby", "must be one of any, read-write, primary"),
        ("postgresql://u:secret@host/app?sslrootcert=system&sslmode=require", "sslmode=verify-full only"),
        ("mysql://u:secret@host/app?ssl=maybe", "ssl='maybe'"),
        ("mariadb://u:secret@host/app?pool_size=x", "pool_size='x'"),
    ],
)
def test_a_malformed_url_is_refused_when_it_is_given(url: str, words: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        Jobs(url)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


SCHEMES = ["postgresql", "mysql", "mariadb", "mssql", "mysql+asyncmy", "oracle", "postgresql+asyncpg"]
# With each of these the host would be looked for in the middle of the password.
UNESCAPED = [
    "top/sicret", "top#sicret", "top?sicret", "top@sicret", "12/sicret", "12#sicret", "12?sicret", "top@sicret/x",
    "top@sicret?x", "top@sicret#x", "top?sicret=x", "top@a?pool_size=sicret&", "top@a?sicret=sicret&b=", "[sicret",
    "sicret]", "[sicret]", "a:b/sicret", "sicret%zz/", "top?user=sicret",
]  # fmt: skip


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("password", UNESCAPED)
async def test_no_part_of_a_password_is_shown_and_the_hint_is_percent_encoding(scheme: str, password: str) -> None:
    if scheme == "mssql":
        pytest.importorskip("aioodbc", reason="SQL Server's driver is not installed", exc_type=ImportError)
    url = f"{scheme}://me:{password}@127.0.0.1:1/app"
    try:
        make_database(url)
    except InvalidUrl as error:
        told = str(error)
        assert scheme in ("oracle", "postgresql+asyncpg") or "%2F" in told
    else:
        assert password == "top@sicret", "this one can be read: the last '@' ends the login"
        return
    assert not {"top", "sicret", "12"} & set(re.split(r"\W+", told)), told


async def test_an_at_sign_in_a_password_reaches_the_server_s_login() -> None:
    """The driver alone would end the login at the first one, and look for the host ``ss@127.0.0.1``."""
    db = make_database("postgresql://me:p@ss@127.0.0.1:1/app")
    with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1/app.*connection refused"):
        await db.open()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me@[::1]:1/app", "PostgreSQL at [::1]:1/app cannot be reached"),
        ("mysql://me@[::1]:1/app", "MySQL at [::1]:1/app cannot be reached"),
        ("postgresql:///app?host=/nowhere", "at /nowhere:5432/app cannot be reached: there is no such socket; is the"),
        ("postgresql://%2Fnowhere/app", "at /nowhere:5432/app cannot be reached: there is no such socket; is the"),
        ("mysql://me@h/app?unix_socket=/no.sock", "at /no.sock/app cannot be reached: there is no such socket; is the"),
        ("mysql://me@h:1/app?ssl_ca=/no.pem", "database URL option ssl_ca: there is no file '/no.pem'"),
    ],
)
async def test_what_cannot_be_reached_is_named_with_what_to_look_at(url: str, words: str) -> None:
    db = make_database(url)
    with pytest.raises(DatabaseError, match=re.escape(words)):
        await db.open()
    await db.close()


async def test_a_missing_certificate_is_not_the_data_s_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    db = make_database("postgresql://me@127.0.0.1:1/app?sslmode=verify-full")
    with pytest.raises(DatabaseError, match="root certificate file") as caught:
        await db.open()
    assert not isinstance(caught.value, DataRefused)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@h/app?sslmode=require&channel_binding=require",
        "postgresql://u@h/app?options=endpoint%3Dep-cool-name&application_name=mine@home",
        "postgresql://u@a,b/app?keepalives=1&keepalives_idle=30&tcp_user_timeout=5000&target_session_attrs=primary",
        "postgresql://u@h/app?gssencmode=disable&client_encoding=utf8&sslsni=1&sslcompression=0",
        "postgresql://h/app?user=me@server&password=p@ss&connect_timeout=10&fallback_application_name=x",
        "postgresql://u@h/app?sslrootcert=system",
        "postgresql://u@h/app?sslmode=verify-full&sslrootcert=ca.pem&sslcert=c.pem&sslkey=k.pem&sslnegotiation=direct",
        "mysql://u@h/app?ssl-mode=REQUIRED",
        "mysql://u@h/app?ssl_mode=verify_identity&charset=utf8mb4",
    ],
)
def test_urls_as_providers_write_them_are_understood(url: str) -> None:
    make_database(url)


def test_the_page_about_databases_names_every_option_of_a_postgresql_url() -> None:
    page = (Path(__file__).parents[2] / "docs" / "databases.md").read_text(encoding="utf-8")
    known = {*options._DRIVER, *options._SERVER, *options._WITHOUT_EFFECT} - {"database"}
    assert {name for name in known if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("", None), ("ssl=false", None), ("ssl-mode=DISABLED", None),
        ("ssl=true", (True, ssl.CERT_REQUIRED)), ("ssl_mode=VERIFY_IDENTITY", (True, ssl.CERT_REQUIRED)),
        ("ssl-mode=verify_ca", (False, ssl.CERT_REQUIRED)),
        ("ssl=unchecked", (False, ssl.CERT_NONE)), ("ssl-mode=REQUIRED", (False, ssl.CERT_NONE)),
    ],
)  # fmt: skip
def test_mysql_s_words_for_tls(query: str, mode: tuple[bool, ssl.VerifyMode] | None) -> None:
    arguments = tls_of(split_url(f"mysql://u@h/app?{query}")[1]).arguments()
    found = arguments.get("ssl")
    assert mode == (None if found is None else (found.check_hostname, found.verify_mode))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "not NoneType; was it read from an environment variable that is not set?"),
        (5, "not int"),
        (b"postgresql://host/app", "not bytes"),
        (Path("jobs.db"), "for a file write f'sqlite:///{path}'"),
        (make_url("postgresql+asyncpg://me:secret@host/app"), "write url.render_as_string(hide_password=False)"),
        (PostgresDsn("postgresql://me:secret@host/app"), "not PostgresDsn; write str(url)"),
    ],
    ids=["None", "int", "bytes", "path", "sqlalchemy", "pydantic"],
)
def test_what_is_no_text_is_no_url_and_the_error_says_what_to_write(url: object, words: str) -> None:
    with pytest.raises(InvalidUrl, match=re.escape(words)) as caught:
        Jobs(url)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_options_are_split_off() -> None:
    parts, options = split_url("postgresql://u:p%40ss@host:5433/app?pool_size=3&sslmode=require&empty=")
    assert (parts.hostname, parts.port, parts.path) == ("host", 5433, "/app")
    assert options == {"pool_size": "3", "sslmode": "require", "empty": ""}


def test_a_driver_that_is_missing_is_told_from_one_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiomysql", None)
    with pytest.raises(MissingDriver, match=r"needs the package aiomysql, which is not installed: pip install 'dbjobs"):
        make_database("mysql://host/app")

    monkeypatch.setitem(sys.modules, "asyncmy", None)
    with pytest.raises(MissingDriver, match=r"asyncmy, which is not installed: pip install asyncmy\Z"):
        make_database("mysql+asyncmy://host/app")

    def without_its_library(name: str) -> None:
        raise ImportError("libodbc.so.2: cannot open shared object file")

    monkeypatch.setattr(database, "import_module", without_its_library)
    with pytest.raises(MissingDriver, match=r"aioodbc, which cannot be imported: libodbc\.so\.2") as caught:
        make_database("mssql://host/app")
    assert "pip install" not in str(caught.value)


def test_a_login_that_needs_a_package_names_it() -> None:
    """The driver's own words, of a MySQL without TLS whose user logs in with caching_sha2_password."""
    words = "'cryptography' package is required for sha256_password or caching_sha2_password auth methods"
    with pytest.raises(MissingDriver, match="pip install cryptography, or encrypt"), translated("host:3306/app"):
        raise RuntimeError(words)
    with pytest.raises(RuntimeError, match="of ours"), translated("host:3306/app"):
        raise RuntimeError("a fault of ours")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_both_schemes_mean_postgresql(scheme: str) -> None:
    assert make_database(f"{scheme}://host/app").dialect == "postgres"


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+asyncmy", "mariadb+asyncmy"])
def test_four_schemes_mean_mysql(scheme: str) -> None:
    assert make_database(f"{scheme}://host/app").dialect == "mysql"


@pytest.mark.parametrize("pool_size", [0, 1, "4"])
def test_a_pool_too_small_is_refused(pool_size: object) -> None:
    with pytest.raises(InvalidOption, match="pool_size"):
        Jobs("postgresql://host/app", pool_size=pool_size)  # type: ignore[arg-type]


@pytest.mark.parametrize("schema", ["", "A", "1a", "a-b", 'a"b', "a" * 41, "a b"])
def test_a_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(InvalidOption, match="schema"):
        Jobs("postgresql://host/app", schema=schema)
