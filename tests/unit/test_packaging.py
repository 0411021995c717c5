"""What users are offered: extras that something uses, and a page of the package index without dead links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXTRAS = {"admin", "postgres", "mysql", "sqlserver", "cli", "webhooks", "all"}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_extras_are_for_users_and_install_what_is_imported() -> None:
    extras: dict[str, list[str]] = project()["project"]["optional-dependencies"]
    assert set(extras) == EXTRAS
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "dbjobs").rglob("*.py"))
    for name, requirements in extras.items():
        packages = [re.split(r"[<>=\[; ]", requirement)[0] for requirement in requirements]
        for package in packages:
            pattern = rf"\b{package.replace('-', '[-_]')}\b"
            assert package == "dbjobs" or re.search(pattern, source), f"nothing uses {package} of {name}"


def test_developers_packages_are_groups_that_the_makefile_installs() -> None:
    groups = project()["dependency-groups"]
    wanted = set(re.findall(r"\.installed-(\w+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert wanted - {"cli"} == {"test", "dev", "docs", "bench"} <= set(groups)
    included = {entry["include-group"] for group in groups.values() for entry in group if isinstance(entry, dict)}
    assert included <= set(groups)


def test_the_readme_of_the_package_index_has_no_link_into_the_repository() -> None:
    hook = project()["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    assert [fragment["path"] for fragment in hook["fragments"]] == ["README.md"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\]\(docs/", text), "the README itself has such links"
    for substitution in hook["substitutions"]:
        text = re.sub(substitution["pattern"], substitution["replacement"], text)
    assert re.findall(r"\]\((?!https?://)[^)]*\)", text) == []
    assert "quickstart; then commands" in " ".join(text.split())


def test_templates_static_files_and_statements_go_with_the_package() -> None:
    """The wheel takes the folder whole, but for what git ignores."""
    assert project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["dbjobs"]
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split() if line[0] != "#"]
    others = [path for path in (ROOT / "dbjobs").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert {path.suffix for path in others} >= {".sql", ".html", ".css", ".js", ".svg", ".typed"}
    for path in others:
        for part in path.relative_to(ROOT).parts:
            assert not any(fnmatch(part, pattern) for pattern in ignored), f"{path} would not be in the wheel"


def test_it_runs_from_an_archive(tmp_path: Path) -> None:
    """As a zip on the path: its folders of SQL and templates are read through the importer, not the file system."""
    archive = tmp_path / "dbjobs.zip"
    with zipfile.ZipFile(archive, "w") as file:  # like a wheel, without entries for the folders
        for path in (ROOT / "dbjobs").rglob("*"):
            if path.is_file() and path.suffix != ".pyc" and "static" not in path.parts:
                file.write(path, path.relative_to(ROOT))
    code = (
        "import asyncio, dbjobs\n"
        "assert dbjobs.__file__.startswith(" + repr(str(archive)) + ")\n"
        "jobs = dbjobs.Jobs('sqlite:///jobs.db')\n"
        "@jobs.command\n"
        "async def work() -> int: return 5\n"
        "async def main():\n"
        "    async with jobs.start():\n"
        "        print((await jobs.wait(await jobs.enqueue(work), timeout=60)).response)\n"
        "asyncio.run(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(archive)},
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("5", "")
