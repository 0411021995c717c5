"""The entry point of the command `dbjobs`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line on this process's arguments; ends the process with its exit code."""
    try:
        from dbjobs.cli.app import app
        from dbjobs.cli.failures import run_app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("typer", "rich"):
            raise
        sys.exit(f"dbjobs: the command line needs the package {missing}: pip install 'dbjobs[cli]'")
    sys.exit(run_app(app))


if __name__ == "__main__":
    main()
