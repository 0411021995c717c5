"""`dbjobs init` in projects of each framework: what it writes runs, is formatted and typed; nothing is overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dbjobs.cli.app import app
from dbjobs.errors import InvalidOption

pytestmark = pytest.mark.once

ASGI = """
from {module} import {kind}

{variable} = {kind}()
"""
KINDS = {
    "fastapi": ("fastapi", "FastAPI"),
    "starlette": ("starlette.applications", "Starlette"),
    "litestar": ("litestar", "Litestar"),
}
MANAGE = 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\n'
SETTINGS = 'SECRET_KEY = "x"\nINSTALLED_APPS: list[str] = []\n'

# An application is started as its server would; a request is made; the job that it enqueues ends.
DRIVE_ASGI = """
import asyncio
from {jobs} import SendEmail, jobs, send_email
from {lifespan} import lifespan
{imports}
async def main():
    {make}
    async with {start}:
        {ask}
        ref = await jobs.enqueue(send_email, SendEmail("a@b.c", "hi", "text"))
        job = await jobs.wait(ref, timeout=30)
        print(job.worker, job.state, job.response)
        print([line.message for line in await jobs.logs(ref)])
        {look}

asyncio.run(main())
"""
ASK = """
        import httpx
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            await client.get("/nothing")
"""
LOOK = """
        while not (page := await jobs.requests.list()):
            await asyncio.sleep(0.05)
        print([request.path for request in page])
"""
DRIVE_JOBS = """
import asyncio
from {jobs} import jobs
from {module} import SendEmail, send_email

async def main():
    async with jobs.start():
        job = await jobs.wait(await jobs.enqueue(send_email, SendEmail("a@b.c", "hi", "text")), timeout=30)
        print(job.worker, job.state, job.response)

asyncio.run(main())
"""
NOT_SENT = "smtp completed not sent: SMTP is not configured"


def init(folder: Path, *arguments: str, raises: type[Exception] | None = None) -> Result:
    result = CliRunner().invoke(app, ["init", str(folder), *arguments])
    if raises is None:
        assert result.exception is None, result.output
    else:
        assert isinstance(result.exception, raises), result.output
    return result


def project(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def asgi_project(folder: Path, framework: str, package: str = "shop") -> Path:
    module, kind = KINDS[framework]
    main = ASGI.format(module=module, kind=kind, variable="app").lstrip()
    return project(folder, {f"{package}/__init__.py": "", f"{package}/main.py": main})


def run(folder: Path, text: str) -> str:
    """What a program prints in a project, whose warnings are errors."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBJOBS_", "SMTP_"))}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:shop", "-c", text],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "SMTP_HOST is not set: the mail to a@b.c was NOT sent" in done.stderr
    return done.stdout


def drive(framework: str) -> str:
    """A program that does to the application what the printed lines say."""
    module, kind = KINDS[framework]
    if framework == "litestar":
        imports = "from litestar import Litestar\nfrom shop.jobs_requests import log_requests"
        make = "inner = Litestar(lifespan=[lifespan], logging_config=None); app = log_requests(inner)"
        start = "inner.lifespan()"
    else:
        imports = f"from {module} import {kind}\nfrom shop.jobs_requests import log_requests"
        make = f"app = {kind}(lifespan=lifespan); log_requests(app)"
        start = "lifespan(app)"
    return DRIVE_ASGI.format(
        jobs="shop.jobs", lifespan="shop.jobs_lifespan", imports=imports, make=make, start=start,
        ask=ASK.strip(), look=LOOK.strip(),
    )  # fmt: skip


@pytest.mark.process
@pytest.mark.parametrize("framework", KINDS)
def test_an_asgi_application_gets_jobs_and_a_request_log(framework: str, tmp_path: Path) -> None:
    folder = asgi_project(tmp_path, framework)
    told = init(folder, "--request-log").output
    assert f"framework: {framework} (shop/main.py imports it)" in told
    for file in ("jobs", "jobs_lifespan", "jobs_requests"):
        assert f"wrote shop/{file}.py" in told
    assert "in shop/main.py:" in told
    assert "from shop.jobs_lifespan import lifespan" in told
    assert run(folder, drive(framework)).splitlines() == [
        NOT_SENT, "['SMTP_HOST is not set: the mail to a@b.c was NOT sent']", "['/nothing']",
    ]  # fmt: skip


@pytest.mark.process
def test_a_django_project_gets_jobs_and_a_worker(tmp_path: Path) -> None:
    folder = project(tmp_path, {"manage.py": MANAGE, "site1/__init__.py": "", "site1/settings.py": SETTINGS})
    told = init(folder, "--framework", "django", "--request-log").output
    assert "dbjobs worker site1.jobs_worker:jobs" in told
    assert "application = log_requests(application)" in told
    assert run(folder, DRIVE_JOBS.format(jobs="site1.jobs_worker", module="site1.jobs")).strip() == NOT_SENT


@pytest.mark.process
def test_a_plain_project_gets_jobs(tmp_path: Path) -> None:
    folder = project(tmp_path, {"src/shop/__init__.py": "", "pyproject.toml": "[project]\nname = 'shop'\n"})
    told = init(folder).output
    assert "framework: plain (no framework is imported here, and none is a dependency)" in told
    assert "wrote src/shop/jobs.py" in told
    assert run(folder / "src", DRIVE_JOBS.format(jobs="shop.jobs", module="shop.jobs")).strip() == NOT_SENT


def test_a_mail_is_sent_when_a_server_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init(project(tmp_path, {}))
    text = DRIVE_JOBS.format(jobs="jobs", module="jobs")
    sends = "import aiosmtplib\nasync def send(message, **how):\n"
    sends += "    print(message['To'], how['hostname'], how['port'])\n    return {}, '250 OK'\naiosmtplib.send = send\n"
    monkeypatch.setenv("SMTP_HOST", "mail.example")
    done = subprocess.run(
        [sys.executable, "-c", sends + text], cwd=tmp_path, env=os.environ | {"PYTHONPATH": _path(tmp_path)},
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["a@b.c mail.example 587", "smtp completed 250 OK"]


def _path(folder: Path) -> str:
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def test_what_is_written_is_formatted_and_typed(tmp_path: Path) -> None:
    folders = [asgi_project(tmp_path / f"with_{name}", name, f"{name}_shop") for name in KINDS]
    settings = {"manage.py": MANAGE, "site1/__init__.py": "", "site1/settings.py": SETTINGS}
    folders.append(project(tmp_path / "site", settings))
    for folder in folders:
        init(folder, "--request-log", *(["--framework", "django"] if folder.name == "site" else []))
        ruff = [sys.executable, "-m", "ruff"]
        # With sorted imports: applications have their modules, and dbjobs, in that order.
        _passes([*ruff, "format", "--check", "--isolated", "."], folder)
        _passes([*ruff, "check", "--isolated", "--select=E,F,I,UP,W", "."], folder)
    packages = [word for name in KINDS for word in ("-p", f"{name}_shop")]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file", _typed(tmp_path), "-p", "site1", *packages]
    _passes(mypy, tmp_path, MYPYPATH=path)


def _passes(check: list[str], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        check, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _typed(folder: Path) -> str:
    """Django has no types of its own; those of the others' largest parts would take most of the time."""
    path = folder / "mypy.ini"
    path.write_text(
        "[mypy]\n[mypy-django.*]\nignore_missing_imports = True\nfollow_imports = skip\n"
        "[mypy-litestar.*,pydantic.*,pydantic_core.*]\nfollow_imports = skip\n"
    )
    return str(path)


def test_it_may_run_again_and_leaves_alone_what_somebody_has_changed(tmp_path: Path) -> None:
    folder = asgi_project(tmp_path, "starlette")
    assert "would write shop/jobs.py" in init(folder, "--dry-run").output
    assert not (folder / "shop/jobs.py").exists()
    init(folder)
    again = init(folder, "--request-log").output
    assert "shop/jobs.py: is as it was written" in again
    assert "wrote shop/jobs_requests.py" in again
    mine = (folder / "shop/jobs.py").read_text() + "\n# mine\n"
    (folder / "shop/jobs.py").write_text(mine)
    assert "shop/jobs.py: left alone; it exists and is not what would be written" in init(folder).output
    assert (folder / "shop/jobs.py").read_text() == mine


def test_a_module_of_the_same_name_keeps_its_name(tmp_path: Path) -> None:
    folder = project(asgi_project(tmp_path, "fastapi"), {"shop/jobs.py": "vacancies = []\n"})
    told = init(folder).output
    assert "wrote shop/background_jobs.py" in told
    assert "from shop.background_jobs_lifespan import lifespan" in told
    assert "from shop.background_jobs import jobs" in (folder / "shop/background_jobs_lifespan.py").read_text()


FLAT = {"manage.py": 'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "settings"\n', "settings.py": SETTINGS}
SRC = {
    "manage.py": MANAGE.replace("site1.", "shop.conf."), "src/shop/__init__.py": "", "src/shop/conf/__init__.py": "",
}  # fmt: skip
APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"


@pytest.mark.parametrize(
    ("files", "wrote", "worker", "cd"),
    [
        ({"src/shop/__init__.py": "", "src/shop/main.py": APP}, "src/shop/jobs.py", "shop.jobs:jobs", "src"),
        ({"app/main.py": APP}, "app/jobs.py", "jobs:jobs", "app"),
        ({"app/main.py": APP + "from app.models import x\n", "app/models.py": ""}, "app/jobs.py", "app.jobs:jobs", ""),
        ({"app/main.py": APP + "from .models import x\n", "app/models.py": ""}, "app/jobs.py", "app.jobs:jobs", ""),
        ({"main.py": APP}, "jobs.py", "jobs:jobs", ""),
        (FLAT | {"urls.py": "import django\n"}, "jobs.py", "jobs_worker:jobs", ""),
        (SRC | {"src/shop/urls.py": "import django\n"}, "src/shop/jobs.py", "shop.jobs_worker:jobs", "src"),
    ],
    ids=["src", "no package", "imported by name", "relative imports", "one file", "flat Django", "Django in src"],
)
def test_a_layout_of_its_own_is_kept_to(
    files: dict[str, str], wrote: str, worker: str, cd: str, tmp_path: Path
) -> None:
    told = init(project(tmp_path, files)).output
    assert f"wrote {wrote}\n" in told
    assert f"  dbjobs worker {worker} " in told
    assert (f"  cd {cd}    # where Python finds {worker}" in told) == bool(cd)
    assert "  cd " not in told or cd


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = asgi_project(tmp_path, "fastapi")
    (folder / "shop" / "jobs_lifespan.py").mkdir()
    refused: Any = init(folder, raises=InvalidOption)
    assert str(refused.exception) == f"{folder}/shop/jobs_lifespan.py cannot be written: Is a directory"


def test_files_of_any_kind_are_passed_by(tmp_path: Path) -> None:
    folder = project(tmp_path, {"a/b/c.txt": "", "jobs.py": ""})
    (folder / "requirements.txt").write_bytes("\ufeffStarlette==1.0\r\n".encode("utf-16-le"))
    (folder / "jobs.py").write_bytes(b"# caf\xe9, vacancies\n")
    (folder / "deep.py").write_text("(" * 5000 + ")" * 5000)
    for name in ("a/loop", "a/again", "a/b/loop", "a/b/again"):
        (folder / name).symlink_to(folder, target_is_directory=True)
    told = init(folder).output
    assert told.startswith("framework: starlette (requirements.txt depends on it)")
    assert "wrote background_jobs.py" in told


@pytest.mark.parametrize(
    ("files", "framework"),
    [
        ({"pyproject.toml": '[project]\nname = "x"\ndependencies = ["FastAPI[all]>=0.1", "starlette"]\n'}, "fastapi"),
        ({"requirements.txt": "# web\nlitestar==2\n"}, "litestar"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\nstarlette = "*"\n'}, "starlette"),
        ({"a.py": "from fastapi import FastAPI\nfrom starlette.requests import Request\n"}, "fastapi"),
        ({".venv/lib/a.py": "import fastapi\n", "broken.py": "def (\n", "tests/t.py": "import django\n"}, "plain"),
    ],
    ids=["pyproject", "requirements", "poetry", "imports", "not the project's own"],
)
def test_the_framework_is_found_out(files: dict[str, str], framework: str, tmp_path: Path) -> None:
    assert init(project(tmp_path, files), "--dry-run").output.startswith(f"framework: {framework} (")


@pytest.mark.parametrize(
    ("files", "arguments", "said"),
    [
        ({"a.py": "import fastapi, litestar\n"}, (), "more than one framework is imported here (fastapi, litestar)"),
        ({}, ("--framework", "flask"), "--framework 'flask' is not one of fastapi, starlette, litestar, django, plain"),
        ({}, ("--framework", "django"), "there is no manage.py in"),
        ({}, ("--request-log",), "--request-log logs the requests of a web application, and there is no framework"),
        ({"pyproject.toml": "["}, (), "pyproject.toml cannot be read: "),
    ],
)
def test_wrong_use_is_refused_and_writes_nothing(
    files: dict[str, str], arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    result: Any = init(project(tmp_path, files), *arguments, raises=InvalidOption)
    assert said in str(result.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    missing: Any = init(tmp_path / "missing", raises=InvalidOption)
    assert str(missing.exception) == f"there is no folder {tmp_path / 'missing'}"
