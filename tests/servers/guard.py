"""Ends a throwaway server when the process that started it is gone, however it went.

Run as ``python guard.py DIRECTORY PID_FILE SIGNAL``. The starting process holds the other end of our standard
input. The kernel closes that end on every kind of death, SIGKILL included, so end-of-file is the one signal
that cannot get lost; an atexit hook or a signal handler can.
"""

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

LONGEST_END_SECONDS = 30.0


def main() -> None:
    directory, pid_file, number = sys.argv[1:]
    sys.stdin.buffer.read()
    # No file, or none with a number yet: the server is already down. Its data is thrown away next, so the
    # quickest stop will do, and none that somebody else may have started in its place is hit.
    with suppress(OSError, ValueError, IndexError):
        process = int(Path(pid_file).read_text().split()[0])
        if _is_server_of(process, directory):
            os.kill(process, int(number))
            _wait_for_end(process)
    shutil.rmtree(directory, ignore_errors=True)


def _is_server_of(process: int, directory: str) -> bool:
    command_line = Path(f"/proc/{process}/cmdline")
    return not Path("/proc/self").exists() or directory.encode() in command_line.read_bytes()


def _wait_for_end(process: int) -> None:
    """Until it is gone or a zombie: we are not its parent, so there is nothing to wait for but to look."""
    deadline = time.monotonic() + LONGEST_END_SECONDS
    while time.monotonic() < deadline:
        os.kill(process, 0)  # raises when it is gone
        status = Path(f"/proc/{process}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.02)


if __name__ == "__main__":
    main()
