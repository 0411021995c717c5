"""The entry point of the command `dbjobs`."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line on this process's arguments; ends the process with its exit code."""
    for package in ("typer", "rich"):
        if find_spec(package) is None:
            sys.exit(f"dbjobs: the command line needs the package {package}: pip install 'dbjobs[cli]'")
    try:
        from dbjobs.cli.app import app
        from dbjobs.cli.failures import run_app

        code = run_app(app)
    except KeyboardInterrupt:  # while the above was imported
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
