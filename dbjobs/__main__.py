"""`python -m dbjobs` is the command `dbjobs`."""

from dbjobs.cli.__main__ import main

if __name__ == "__main__":
    main()
