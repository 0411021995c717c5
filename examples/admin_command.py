import json
import re
import subprocess
import sys
import urllib.request
from typing import Any

DBJOBS = [sys.executable, "-m", "dbjobs"]
DATABASE = ["--url", "sqlite:///jobs.db"]
TOKEN = "a-secret-of-16-or-more"


def ask(url: str) -> Any:
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def main() -> None:
    open_to_all = subprocess.run([*DBJOBS, "admin", "--host", "0.0.0.0"], capture_output=True, text=True)
    print(open_to_all.stderr.partition(";")[0])

    subprocess.run([*DBJOBS, "migrate", *DATABASE], check=True, capture_output=True)
    command = [*DBJOBS, "admin", *DATABASE, "--port", "0", "--token", TOKEN, "--read-only"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as admin:
        try:
            assert admin.stdout is not None
            told = admin.stdout.readline()
            print(re.sub(r":\d+/", ":PORT/", told), end="")
            [address] = re.findall(r"http://\S+", told)
            print(ask(f"{address}api/whoami"))
            print(ask(f"{address}api/jobs")["jobs"])
        finally:
            admin.terminate()


if __name__ == "__main__":
    main()
