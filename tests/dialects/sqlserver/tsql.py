"""Parses T-SQL with Microsoft's own parser (ScriptDom), without a SQL Server.

Run it with ``python -m tests.dialects.sqlserver.tsql FILE ...``.

Prints ``file:line:column: message`` for each mistake and ends with 1 if there are any, with 2 and one line when the
parser cannot be had here. It knows the syntax and nothing else: no tables, no types, no limits.

The parser is a .NET library; a runtime comes as a wheel (the extra ``tsql``), the library in the wheel of a tool, out
of which it is taken into the cache folder. It runs in a process of its own, because a .NET runtime takes over the
signals of the process that it is loaded into.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from tests.servers.cache import cached

LIBRARY = "Microsoft.SqlServer.TransactSql.ScriptDom"
LIBRARY_SHA256 = "781687b415be45c4ade8041738798f1b01a5e9d2f95e2dd5f989d8772b224d7c"
WHEEL = "mssql-cli==1.0.0"
# ``:name`` is a parameter, ``{word}`` is put in before a script is run; comments and texts are left alone.
_PLACEHOLDER = re.compile(r"(--[^\n]*|'(?:[^']|'')*')|(?<![:\w]):([A-Za-z_]\w*)(?:\.\w+)?|\{(\w+)\}")


class Unavailable(Exception):
    """The parser cannot be had here; the message says why."""


class Mistake(NamedTuple):
    """A place that does not parse."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


def check_files(files: Sequence[Path]) -> str:
    """Return the mistakes in these files, one a line; nothing if all of them parse. Raises Unavailable."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.dialects.sqlserver.tsql", *map(str, files)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        raise Unavailable(lines[-1])
    return done.stdout


class Parser:
    """The parser, loaded into this process. Raises Unavailable."""

    def __init__(self) -> None:
        folder = cached("tsql-parser", _take_library)
        self._scriptdom, self._reader = _load(folder)

    def mistakes(self, text: str) -> list[Mistake]:
        """What does not parse, in order."""
        parsable = _PLACEHOLDER.sub(
            lambda match: match[1] or (f"@{match[2]}" if match[2] else f"word_{match[3]}"), text
        )
        answer = self._scriptdom.TSql150Parser(True).Parse(self._reader(parsable))
        errors = answer[1] if isinstance(answer, tuple) else ()
        return [Mistake(int(error.Line), int(error.Column), str(error.Message)) for error in errors]


def _stand_in(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    return f"@{match[2]}" if match[2] else f"word_{match[3]}"


def _take_library(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as downloads:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", downloads, WHEEL],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        wheel = next(Path(downloads).glob("*.whl"), None)
        if wheel is None:
            raise Unavailable(f"pip could not download {WHEEL}: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(wheel) as archive:
            member = next(name for name in archive.namelist() if name.endswith(f"{LIBRARY}.dll"))
            content = archive.read(member)
    if hashlib.sha256(content).hexdigest() != LIBRARY_SHA256:
        raise Unavailable(f"{WHEEL} holds another {LIBRARY} than the one known")
    (folder / f"{LIBRARY}.dll").write_bytes(content)


def _load(folder: Path) -> tuple[Any, Any]:
    spec = find_spec("dnv")  # the wheel's package, which holds the runtime as it is
    if find_spec("pythonnet") is None or spec is None or not spec.submodule_search_locations:
        raise Unavailable("no .NET runtime: pip install --group tsql (Linux on x86_64)")
    root = Path(next(iter(spec.submodule_search_locations)), "net", "runtime", ".net")
    version = max(folder.name for folder in (root / "shared" / "Microsoft.NETCore.App").iterdir())
    major, minor, *_ = version.split(".")
    with tempfile.NamedTemporaryFile("w", suffix=".runtimeconfig.json") as settings:
        framework = {"name": "Microsoft.NETCore.App", "version": version}
        # Invariant: the wheel comes without the library of the world's languages.
        properties = {"System.Globalization.Invariant": True}
        options = {"tfm": f"net{major}.{minor}", "framework": framework, "configProperties": properties}
        json.dump({"runtimeOptions": options}, settings)
        settings.flush()
        import clr_loader
        import pythonnet

        pythonnet.set_runtime(clr_loader.get_coreclr(runtime_config=settings.name, dotnet_root=str(root)))
        import clr
    sys.path.append(str(folder))
    clr.AddReference(LIBRARY)
    scriptdom = __import__(LIBRARY, fromlist=["TSql150Parser"])
    from System.IO import StringReader

    return scriptdom, StringReader


def main(names: Sequence[str]) -> int:
    """Check the files; the exit code."""
    try:
        parser = Parser()
    except Exception as error:
        print(f"{error}".replace("\n", " ") or repr(error), file=sys.stderr)
        return 2
    found = 0
    for name in names:
        for mistake in parser.mistakes(Path(name).read_text(encoding="utf-8")):
            print(f"{name}:{mistake}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
