import subprocess
import sys
from pathlib import Path

# A project of one file, as you may have it.
MAIN = """\
from fastapi import FastAPI

app = FastAPI()
"""


def dbjobs(*arguments: str) -> str:
    """What the command `dbjobs` prints."""
    done = subprocess.run([sys.executable, "-m", "dbjobs", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    shop = Path("shop")
    shop.mkdir()
    (shop / "main.py").write_text(MAIN)
    for line in dbjobs("init", "shop").splitlines():
        if line.startswith(("framework", "wrote")):
            print(line)
    print(dbjobs("init", "shop").splitlines()[1])  # again: nothing that exists is changed
    for line in (shop / "jobs.py").read_text().splitlines():
        if line.startswith(("class", "@jobs", "async def")):
            print(line)


if __name__ == "__main__":
    main()
