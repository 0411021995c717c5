"""What `dbjobs init` writes into a project, and what it tells the user to do."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from dbjobs.errors import InvalidOption
from dbjobs.scaffold.detect import PLAIN, Detected, text_of

_CLASSES = {"fastapi": ("fastapi", "FastAPI"), "starlette": ("starlette.applications", "Starlette"),
            "litestar": ("litestar", "Litestar")}  # fmt: skip


class File(NamedTuple):
    """A file to write, unless something else is there."""

    path: Path
    text: str


class Plan(NamedTuple):
    """What to do.

    Attributes:
        files: in the order of writing.
        lines: what the user must add by hand: (file, line).
        jobs: where the jobs are, as `dbjobs worker` takes it.
        start: the folder where Python finds that.
    """

    files: tuple[File, ...]
    lines: tuple[tuple[str, str], ...]
    jobs: str
    start: Path


def make_plan(root: Path, found: Detected, *, request_log: bool) -> Plan:
    """Decide what to write.

    Raises:
        InvalidOption: a request log where there are no requests.
    """
    if request_log and found.framework == PLAIN:
        raise InvalidOption("--request-log logs the requests of a web application, and there is no framework here")
    folder = _folder(root, found)
    stem = _free_name(folder)
    prefix, start = _package(folder, found.packages)
    where = _Names(f"{prefix}{stem}", folder / stem, start)
    jobs = File(where.beside(""), _template("jobs", where, found))
    if found.framework == PLAIN:
        lines = ["from " + where.module + " import jobs", "async with jobs.start(): ...  # or run the worker below"]
        return Plan((jobs,), tuple(("your main function", line) for line in lines), f"{where.module}:jobs", start)
    if found.framework == "django":
        return _django(where, jobs, found, request_log)
    return _asgi(where, jobs, root, found, request_log)


class _Names(NamedTuple):
    """The jobs' module, its path without the suffix, and the folder where Python finds it."""

    module: str
    path: Path
    start: Path

    def beside(self, suffix: str) -> Path:
        """A file beside it."""
        return self.path.with_name(f"{self.path.name}{suffix}.py")


def _asgi(where: _Names, jobs: File, root: Path, found: Detected, request_log: bool) -> Plan:
    made = [jobs, File(where.beside("_lifespan"), _template("lifespan", where, found))]
    kind, app = _CLASSES[found.framework][1], found.variable
    wraps = found.framework == "litestar"  # its middleware sees only requests that match a route
    lines = [f"from {where.module}_lifespan import lifespan"]
    if request_log:
        made.append(
            File(where.beside("_requests"), _template("requests_wrapped" if wraps else "requests", where, found))
        )
        lines.append(f"from {where.module}_requests import log_requests")
    lines.append(f"{app} = {kind}(..., lifespan={'[lifespan]' if wraps else 'lifespan'})")
    if request_log:
        lines.append(f"{app} = log_requests({app})  # what the server runs" if wraps else f"log_requests({app})")
    file = "the file of your application" if found.application is None else str(found.application.relative_to(root))
    return Plan(tuple(made), tuple((file, line) for line in lines), f"{where.module}:jobs", where.start)


def _django(where: _Names, jobs: File, found: Detected, request_log: bool) -> Plan:
    made = [jobs, File(where.beside("_worker"), _template("worker", where, found))]
    lines = [
        ("a view", f"from {where.module} import SendEmail, jobs, send_email"),
        ("a view", 'jobs.sync.enqueue(send_email, SendEmail("a@example.com", "hello", "text"))'),
    ]
    if request_log:
        made.append(File(where.beside("_requests"), _template("requests_wrapped", where, found)))
        asgi = "/".join([*found.settings.split(".")[:-1][:1], "asgi.py"])
        lines += [
            (asgi, f"from {where.module}_requests import log_requests"),
            (asgi, "application = log_requests(application)"),
        ]
    return Plan(tuple(made), tuple(lines), f"{where.module}_worker:jobs", where.start)


def _folder(root: Path, found: Detected) -> Path:
    """Where the application's modules are."""
    if found.application is not None:
        return found.application.parent
    if found.settings:
        package = found.settings.partition(".")[0]
        return next((folder for folder in (root / package, root / "src" / package) if folder.is_dir()), root)
    base = root / "src" if (root / "src").is_dir() else root
    packages = [path.parent for path in base.glob("*/__init__.py") if path.parent.name not in ("tests", "test")]
    return packages[0] if len(packages) == 1 else root


def _package(folder: Path, packages: frozenset[Path]) -> tuple[str, Path]:
    """The dotted name of a folder plus a final dot, empty if it is not a package; and where Python finds it."""
    parts: list[str] = []
    while (folder / "__init__.py").exists() or folder in packages:
        parts.insert(0, folder.name)
        folder = folder.parent
    return "".join(part + "." for part in parts), folder


def _free_name(folder: Path) -> str:
    """``jobs``, unless the application already uses this name."""
    path = folder / "jobs.py"
    if (folder / "jobs").is_dir() or (path.is_file() and "dbjobs" not in text_of(path)):
        return "background_jobs"
    return "jobs"


def _template(name: str, where: _Names, found: Detected) -> str:
    text = (files("dbjobs.scaffold") / "templates" / f"{name}.txt").read_text(encoding="utf-8")
    module, kind = _CLASSES.get(found.framework, ("", ""))
    words = {"jobs_module": where.module, "settings": found.settings, "class_module": module, "class_name": kind}
    for word, value in words.items():
        text = text.replace("{" + word + "}", value)
    return text
