"""Rows of the jobs grid. Written here, not in the template, for speed: a page may have a thousand of them.

Everything that comes from a job goes through ``e``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape as e

from markupsafe import Markup

from dbjobs.admin.api.job_rows import JobDetails, JobRow
from dbjobs.admin.wording import duration, percent, when
from dbjobs.inspect.language import quoted

# How many parents we name.
_PARENTS = 5


@dataclass(frozen=True)
class Links:
    """Where cells lead to.

    Attributes:
        job: the same page with a job's panel, up to its id.
        search: the jobs page with a search, given the search.
    """

    job: str
    search: Callable[[str], str]


def row(job: JobRow, columns: Sequence[tuple[str, bool]], links: Links, *, pick: bool, here: bool) -> Markup:
    """A row of the grid.

    Args:
        columns: names, and whether each is a number.
        pick: it can be selected.
        here: its panel is open.
    """
    box = (
        f'<td class="pick"><input type="checkbox" name="ids" value="{job.id}" aria-label="Select job {job.id}"></td>'
        if pick
        else ""
    )
    cells = "".join(
        f'<td class="num">{cell(job, name, links)}</td>' if number else f"<td>{cell(job, name, links)}</td>"
        for name, number in columns
    )
    at = ' class="here"' if here else ""
    return Markup(f'<tr id="job-{job.id}"{at}>{box}<th scope="row">{_job(job.id, links)}</th>{cells}</tr>')


def _job(id: int, links: Links, text: str | None = None) -> str:
    return f'<a href="{e(links.job)}{id}">{id if text is None else text}</a>'


def cell(job: JobRow, name: str, links: Links) -> str:
    """The content of a column, as HTML."""
    match name:
        case "state":
            return f'<span class="tag {e(job.state)}">{e(job.state)}</span>'
        case "command":
            api = ' <span class="tag" title="calls the application\'s API">API</span>' if job.kind == "api" else ""
            return (
                f'{_clipped(job.command)}{api} <details class="peek" id="peek-{job.id}" data-keep data-job="{job.id}">'
                f'<summary aria-label="Request of job {job.id}">request</summary>'
                f"{_job(job.id, links, 'Open the job')}</details>"
            )
        case "tag":
            return _search("tag", job.tag, links)
        case "batch":
            return _search("batch", job.batch_id, links)
        case "created":
            return str(when(job.created_at))
        case "due":
            return str(when(job.run_after, ""))
        case "started":
            return str(when(job.started_at, ""))
        case "ended":
            return str(when(job.completed_at, ""))
        case "run":
            return e(duration(job.duration_ms))
        case "progress":
            return _progress(job)
        case "note":
            failed = job.error is not None and job.state not in ("completed", "started")
            return _clipped((job.error if failed else job.status) or "", job.error or job.status)
    if name in _PLAIN:
        value = getattr(job, _PLAIN[name])
        return "" if value is None else e(str(value))
    return "" if job.details is None else _detail(job.details, name, links)


# Columns that show a value as it is.
_PLAIN = {
    "queue": "queue",
    "priority": "priority",
    "worker": "worker",
    "ref": "ref_id",
    "user": "user_id",
    "attempts": "attempt",
}


def _clipped(text: str, whole: str | None = None) -> str:
    return f'<span class="clip" title="{e(whole or text)}">{e(text)}</span>' if text else ""


def _search(key: str, value: str | None, links: Links) -> str:
    """A value; a click searches for it."""
    return f'<a href="{e(links.search(f"{key}:{quoted(value)}"))}">{e(value)}</a>' if value else ""


def _progress(job: JobRow) -> str:
    if job.progress is not None and job.state != "completed":
        bar = f'<progress max="1" value="{job.progress:.4g}" aria-label="Progress of job {job.id}"></progress>'
        return f"{bar} {e(percent(job.progress))}"
    if job.estimate is None:
        return ""
    return (
        f'<progress class="estimate" max="1" value="{job.estimate:.4g}" aria-label="Estimated progress of job {job.id}"'
        f'></progress> <span title="estimated from what this command took before">~{e(percent(job.estimate))}</span>'
    )


def _detail(details: JobDetails, name: str, links: Links) -> str:
    match name:
        case "request":
            return f'<code class="clip" title="{e(details.request)}">{e(details.request)}</code>'
        case "parent":
            return "" if details.parent_id is None else _job(details.parent_id, links)
        case "depends":
            more = len(details.depends_on) - _PARENTS
            named = " ".join(_job(id, links) for id in details.depends_on[:_PARENTS])
            return f"{named} and {more} more" if more > 0 else named
        case "callback":
            return e(details.callback or "")
        case "by":
            return e(details.created_by or "")
        case "reply":
            return _clipped(details.reply_to or "")
        case "retries":
            return str(details.retry_limit)
        case _:
            return e(duration(details.timeout_seconds * 1000)) if details.timeout_seconds else "none"
