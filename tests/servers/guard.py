"""Ends a throwaway server when the process that started it is gone, however it went.

Run as ``python guard.py PG_CTL DIRECTORY [USER]``. The starting process holds the other end of our standard
input. The kernel closes that end on every kind of death, SIGKILL included, so end-of-file is the one signal
that cannot get lost; an atexit hook or a signal handler can.
"""

import shutil
import subprocess
import sys


def main() -> None:
    pg_ctl, directory, *user = sys.argv[1:]
    sys.stdin.buffer.read()
    # The data is thrown away next, so the quickest stop will do. It fails when the server is already down.
    subprocess.run(
        [pg_ctl, "-D", f"{directory}/data", "-m", "immediate", "-s", "-w", "stop"],
        check=False,
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=user[0] if user else None,
    )
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
