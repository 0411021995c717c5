"""Counts the words of text files with jobs: a dbjobs application that fits on a page.

    count_words   one job per file, in parallel, in threads; a file that cannot be read is retried
    merge_counts  one job per file, after its count; all on the named worker "merge": one at a time
    write_report  one job, after all merges, however they ended

A worker needs only such a module: ``DBJOBS_URL=sqlite:///jobs.db dbjobs worker dbjobs.demo.wordcount:jobs``.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from dbjobs import Backoff, JobContext, JobRef, Jobs
from dbjobs.wording import counted

jobs = Jobs(os.environ.get("DBJOBS_URL", "sqlite:///wordcount.db"))

_WORD = re.compile(r"[^\W\d_]{2,}")
LINES_PER_REPORT = 1_000
MOST_COMMON = 10


@dataclass
class File:
    """Request: count this file."""

    path: str


@dataclass
class Counts:
    """Response: the words of one file and how often each occurs."""

    path: str
    words: int
    counts: dict[str, int]


@dataclass
class Merge:
    """Request: add the counts of one file to the totals, which are kept in this file."""

    totals: str


@dataclass
class Totals:
    """What the totals file holds: words by file, and how often each word occurs in all of them."""

    files: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


@dataclass
class Write:
    """Request: write the totals down for people."""

    totals: str
    report: str


@dataclass
class Report:
    """Response: what the report says."""

    files: int
    missing: int
    words: int
    most_common: list[tuple[str, int]]


@jobs.command(retry_limit=2, retry=Backoff(first_seconds=0.4, factor=2.0, jitter=0.0))
def count_words(file: File, job: JobContext) -> Counts:
    """A plain function runs in a thread; if it raises, the attempt fails and the job is retried later."""
    job.progress(0.0, file.path)
    counts: Counter[str] = Counter()
    size = max(Path(file.path).stat().st_size, 1)
    read = 0
    with Path(file.path).open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            counts.update(_WORD.findall(line.lower()))
            read += len(line)
            if number % LINES_PER_REPORT == 0:
                job.progress(min(read / size, 1.0))
    job.log(f"{counted(counts.total(), 'word')}, {len(counts)} different")
    job.progress(1.0, f"{file.path}: {counted(counts.total(), 'word')}")
    return Counts(file.path, counts.total(), dict(counts))


@jobs.command(worker="merge")
async def merge_counts(request: Merge, job: JobContext) -> int:
    """Read, add, write: it needs no lock, because jobs with the same ``worker`` never run at the same time."""
    (parent,) = await job.parents()
    file: Counts = parent.response
    totals = read_totals(request.totals)
    # Jobs run at least once: after a crash the same merge may come again, and must not count twice.
    if file.path not in totals.files:
        totals.files[file.path] = file.words
        for word, count in file.counts.items():
            totals.counts[word] = totals.counts.get(word, 0) + count
        _replace(request.totals, msgspec.json.encode(totals))
    job.progress(1.0, f"{counted(len(totals.files), 'file')} so far")
    return len(totals.files)


@jobs.command
async def write_report(request: Write, job: JobContext) -> Report:
    """Depends on every merge with the policy "finished": a file that failed is missing, not a reason to stop."""
    merges = await job.parents()
    totals = read_totals(request.totals)
    report = Report(
        files=len(totals.files),
        missing=sum(merge.state != "completed" for merge in merges),
        words=sum(totals.files.values()),
        # Words that are as common as each other come by name: the merges run in any order.
        most_common=sorted(totals.counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_COMMON],
    )
    lines = [
        f"{counted(report.words, 'word')} in {counted(report.files, 'file')}; "
        f"{counted(report.missing, 'file')} could not be counted",
        "",
    ]
    lines += [f"{count:>9}  {word}" for word, count in report.most_common]
    lines += ["", *(f"{words:>9}  {path}" for path, words in sorted(totals.files.items()))]
    _replace(request.report, "\n".join([*lines, ""]).encode())
    return report


async def submit(files: Sequence[Path], *, totals: Path, report: Path, batch_id: str) -> JobRef[Report]:
    """Enqueue all jobs at once, each with what it must wait for; returns the report's job."""
    requests = [File(str(file)) for file in files]
    counts = await jobs.enqueue_many(count_words, requests, batch_id=batch_id)
    merges = [
        await jobs.enqueue(merge_counts, Merge(str(totals)), depends_on=count, batch_id=batch_id) for count in counts
    ]
    return await jobs.enqueue(
        write_report,
        Write(str(totals), str(report)),
        depends_on=merges,
        depends_on_policy="finished",
        batch_id=batch_id,
    )


def read_totals(path: str) -> Totals:
    """The totals so far; empty before the first merge."""
    file = Path(path)
    return msgspec.json.decode(file.read_bytes(), type=Totals) if file.exists() else Totals()


def _replace(path: str, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of it."""
    part = Path(path + ".part")
    part.write_bytes(content)
    part.replace(path)
