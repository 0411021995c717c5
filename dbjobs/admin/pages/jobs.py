"""Jobs: one grid for live ones and history, and the page of one job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from dbjobs.admin import panel
from dbjobs.admin.api import job_export as export
from dbjobs.admin.api import job_finding as api
from dbjobs.admin.api import views as views_api
from dbjobs.admin.api.job_rows import JobPage
from dbjobs.admin.call import Call
from dbjobs.admin.operations import Nothing
from dbjobs.admin.page import Pages
from dbjobs.admin.pages import job_cells
from dbjobs.errors import DbjobsError
from dbjobs.inspect.language import format as write
from dbjobs.inspect.language import parse
from dbjobs.inspect.query import Group, QueryError
from dbjobs.models import JobState

PAGES = Pages("Jobs", "/jobs", key="j")
# The visitor's last choice: columns, jobs per page, order.
COOKIE = "dbjobs_grid"
YEAR_SECONDS = 365 * 86_400
SIZES = (25, 50, 100, 250, 1000)


@dataclass(frozen=True)
class Column:
    """A column of the grid.

    Attributes:
        sort: key to sort by.
        details: it needs the whole jobs.
        number: it is right-aligned.
    """

    name: str
    label: str
    sort: str | None = None
    details: bool = False
    number: bool = False


COLUMNS = (
    Column("state", "State", "state"),
    Column("command", "Command", "command"),
    Column("queue", "Queue", "queue"),
    Column("worker", "Worker", "worker"),
    Column("tag", "Tag", "tag"),
    Column("batch", "Batch"),
    Column("ref", "Ref"),
    Column("user", "User", "user"),
    Column("priority", "Priority", "priority", number=True),
    Column("attempts", "Attempts", "attempts", number=True),
    Column("created", "Created", "created"),
    Column("due", "Not before", "due"),
    Column("started", "Started", "started"),
    Column("ended", "Ended", "ended"),
    Column("run", "Ran", "run", number=True),
    Column("progress", "Progress", "progress"),
    Column("note", "Note", "error"),
    Column("request", "Request", details=True),
    Column("parent", "Parent", details=True),
    Column("depends", "Depends on", details=True),
    Column("callback", "Callback", details=True),
    Column("by", "Created by", details=True),
    Column("reply", "Reply to", details=True),
    Column("retries", "Retry limit", details=True, number=True),
    Column("timeout", "Timeout", details=True, number=True),
)
_BY_NAME = {column.name: column for column in COLUMNS}
DEFAULT = ("state", "command", "queue", "tag", "attempts", "created", "run", "progress", "note")


@dataclass(frozen=True)
class View:
    """What the URL says, else the last choice."""

    q: str
    state: str
    month: str
    size: int
    sort: str
    columns: tuple[Column, ...]
    before_id: int | None
    offset: int

    @property
    def asked(self) -> api.Finding:
        """The search."""
        return api.Finding(
            q=self.q, state=self.state, month=self.month, limit=self.size, sort=self.sort, before_id=self.before_id,
            offset=self.offset, details=any(column.details for column in self.columns),
        )  # fmt: skip

    @property
    def kept(self) -> dict[str, str]:
        """What we remember."""
        return {"size": str(self.size), "sort": self.sort, "cols": ",".join(column.name for column in self.columns)}

    @property
    def query(self) -> str:
        """The query string, as in a saved view."""
        return views_api.query_of(
            views_api.AskSave(
                name="-", q=self.q, state=self.state, month=self.month, sort=self.sort, cols=self.kept["cols"],
                size=self.size,
            )
        )  # fmt: skip


def view_of(call: Call) -> View:
    """Read the URL and the cookie; ignore what makes no sense there."""
    kept = dict(parse_qsl(call.request.cookies.get(COOKIE, "")[:1000]))

    def chosen(name: str) -> str:
        return call.query(name) if name in call.request.query_params else kept.get(name, "")

    several = call.request.query_params.getlist("cols")
    names = ",".join(several) if several else kept.get("cols", "")
    columns = tuple(_BY_NAME[name] for name in dict.fromkeys(names.split(",")) if name in _BY_NAME)
    sort = chosen("sort")
    return View(
        q=call.query("q").strip(),
        state=call.query("state"),
        month=call.query("month"),
        size=min(max(_number(chosen("size")) or 50, 1), 1000),
        sort=sort if all(one.removeprefix("-") in api.SORTS for one in sort.split(",")) else "",
        columns=columns or tuple(_BY_NAME[name] for name in DEFAULT),
        before_id=_number(call.query("before")),
        offset=_number(call.query("offset")) or 0,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


@PAGES.page()
async def jobs(call: Call) -> Response:
    """The grid."""
    view = view_of(call)
    wrong: dict[str, Any] | None = None
    page = JobPage(jobs=[], before_id=None, before_id_text=None, reached_at=None)
    try:
        page = await api.find_jobs(call, view.asked)
    except QueryError as error:
        wrong = _marked(view, error)
    except DbjobsError as error:
        wrong = {"message": str(error)}
    counts = await api.count_jobs(call, Nothing())
    filters = {"q": view.q or None, "state": view.state or None, "month": view.month or None}
    job_link = call.here(job="")
    links = job_cells.Links(job=job_link, search=lambda text: call.here(q=text, before=None, offset=None, job=None))
    shown = [(column.name, column.number) for column in view.columns]
    open_job, may_act = call.query("job"), call.visitor.may("act")
    response = await call.render(
        "jobs.html",
        rows=[job_cells.row(job, shown, links, pick=may_act, here=job.id_text == open_job) for job in page.jobs],
        title="Jobs",
        view=view,
        found=page,
        wrong=wrong,
        counts=counts,
        states=[*JobState],
        columns=COLUMNS,
        sizes=sorted({*SIZES, view.size}),
        filters=filters,
        tab_q=_without_state(view.q) or None,
        sorting=_sorting(view.sort),
        export_limit=min(10_000, export.MOST_JOBS),
        command_line=_command_line(view),
        everything=_everything(view),
        saved=await views_api.list_views(call, Nothing()),
        back=f"../jobs{call.here()}",
    )
    if any(name in call.request.query_params for name in view.kept):
        response.set_cookie(
            COOKIE, urlencode(view.kept), max_age=YEAR_SECONDS, path="/", httponly=True, samesite="strict"
        )
    return response


def _without_state(text: str) -> str:
    """The search for a tab's link: the tab's state replaces a typed one."""
    try:
        return write(one for one in parse(text) if isinstance(one, Group) or one.key != "state" or one.negated)
    except QueryError:
        return text


def _everything(view: View) -> str:
    """The search with the tab's state and the month added as terms."""
    more = " ".join(filter(None, (view.state and f"state:{view.state}", view.month and f"created:{view.month}")))
    try:
        alone = not more or not any(isinstance(one, Group) for one in parse(view.q))
    except QueryError:
        alone = True
    return f"{view.q} {more}".strip() if alone else f"({view.q}) {more}"


def _marked(view: View, error: QueryError) -> dict[str, Any]:
    """The text of the search, with the wrong part marked."""
    end = error.position + error.length
    return {
        "message": error.reason,
        "before": view.q[: error.position],
        "place": view.q[error.position : end],
        "after": view.q[end:],
    }


def _sorting(sort: str) -> Mapping[str, str]:
    """The ``aria-sort`` direction of each key."""
    keys = sort.split(",") if sort else ["-created"]
    return {key.removeprefix("-"): "descending" if key.startswith("-") else "ascending" for key in keys}


def _command_line(view: View) -> str:
    """The same search for a terminal."""
    terms = _everything(view)
    text = "'" + terms.replace("'", "'\\''") + "'" if terms else ""
    return " ".join(filter(None, ("dbjobs find", "--" if terms.startswith("-") else "", text)))


@PAGES.page("/job")
async def job(call: Call) -> Response:
    """One job, on a page of its own."""
    about = await panel.about(call, call.query("id"))
    status = 404 if about["job"] is None and about["reference"] else 200
    title = f"Job {about['reference']}" if about["job"] is None else f"{about['job'].command} #{about['job'].id}"
    return await call.render("job.html", title=title, about=about, status=status, panel=None)
