"""One is one: no message says "1 jobs"."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dbjobs
from dbjobs.wording import counted

PACKAGE = Path(dbjobs.__file__).parent
NOUNS = "job|lane|node|command|handler|worker process|process|file|host|month|word|queue|thread|outcome|row|batch"
# A number in front of a plural: `counted` says it right.
PLURAL = re.compile(rf"(?:%d|\}}) (?:\w+ )?(?:{NOUNS})(?:e?s)\b")


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [(0, "job", "0 jobs"), (1, "job", "1 job"), (2, "job", "2 jobs"), (1, "process", "1 process"),
     (3, "worker process", "3 worker processes"), (1, "running job", "1 running job")],
)  # fmt: skip
def test_a_number_has_its_noun(count: int, noun: str, text: str) -> None:
    assert counted(count, noun) == text


def test_no_message_counts_by_itself() -> None:
    found = [
        f"{file.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if PLURAL.search(line) and not line.lstrip().startswith("#")
    ]
    assert found == []
    assert PLURAL.search('log.info("stopping: %d jobs are still running", count)')
    assert PLURAL.search('f"{count} ready jobs need it"')
