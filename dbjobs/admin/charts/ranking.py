"""Charts of names: histograms, rankings, portions."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from dbjobs.admin.charts import axes
from dbjobs.admin.charts.elements import (
    Rank,
    Unit,
    element,
    figure,
    joined,
    legend,
    linked,
    percentage,
    table,
    tick,
    written,
)

ABOVE, BELOW = 10, 20
# How many names under the columns of a histogram fit on a phone.
MOST_NAMES = 7


def columns(
    names: Sequence[str],
    counts: Sequence[float],
    *,
    id: str,
    title: str,
    unit: Unit = "number",
    kind: str = "c0",
    links: Sequence[str | None] | None = None,
    note: str = "",
    height: int = 150,
) -> Markup:
    """A histogram.

    Args:
        names: of the columns, such as ``"< 10 ms"``; if there are many, some are not shown.
        counts: their heights.
        links: where a click on each goes.
    """
    ticks = axes.nice(max(counts, default=0), unit)
    tall = ABOVE + height + BELOW
    wide = 1 / max(len(names), 1)
    every = max(-(-len(names) // MOST_NAMES), 1)
    bars, texts, hits, rows = [], [], [], []
    for n, (name, count) in enumerate(zip(names, counts, strict=True)):
        up = max(count / ticks[-1] * height, 1.0 if count else 0.0)
        bars.append(element("rect", x=percentage((n + 0.1) * wide), width=percentage(wide * 0.8),
                            y=f"{ABOVE + height - up:.1f}", height=f"{up:.1f}", class_=f"fill {kind}"))  # fmt: skip
        if n % every == 0:
            texts.append(element("text", name, x=percentage((n + 0.5) * wide), y=tall - 4, text_anchor="middle"))
        box = element("rect", element("title", f"{name}: {written(count, unit)}"), x=percentage(n * wide),
                      width=percentage(wide), y=ABOVE, height=height, class_="hit")  # fmt: skip
        link = None if links is None else links[n]
        hits.append(linked(box, link, tabindex=-1))
        rows.append((linked(name, link), [written(count, unit)]))
    at = [ABOVE + height - value / ticks[-1] * height for value in ticks]
    rules = [element("line", x1=0, x2="100%", y1=f"{y:.1f}", y2=f"{y:.1f}", class_="rule") for y in at]
    axis = [element("text", tick(value, unit), x=46, y=f"{y + 4:.1f}", text_anchor="end")
            for value, y in zip(ticks, at, strict=True)]  # fmt: skip
    drawing = element("svg", joined(rules), joined(bars), joined(texts), class_="area", width="100%", height=tall,
                      role="img", aria_label=title)  # fmt: skip
    over = element("svg", *hits, class_="over", width="100%", height=tall, aria_hidden="true")
    left = element("svg", *axis, class_="axis", width=50, height=tall, aria_hidden="true")
    plot = element("div", left, element("div", drawing, over, class_="canvas"), class_="plot")
    return figure(id, title, plot, table(["", "Count"], rows, f"{id}-numbers"), note=note)


def ranks(rows: Sequence[Rank], *, id: str, title: str, unit: Unit = "number", note: str = "") -> Markup:
    """Horizontal bars in the given order; the names are text, so the chart is its own table.

    Args:
        rows: name, value, and a link for each.
    """
    top = max((row.value for row in rows), default=0) or 1
    lines = [
        element(
            "tr",
            element("th", linked(row.name, row.link), scope="row", class_="clip", title=row.name),
            element("td", share(row.value / top, kind=row.kind)),
            element("td", written(row.value, unit), class_="num"),
            element("td", row.note, class_="num faint"),
        )
        for row in rows
    ]
    heads = ("Name", "Share of the longest", "Value", "Note")
    head = element("tr", *[element("th", element("span", name, class_="hidden"), scope="col") for name in heads])
    whole = element(
        "table", element("caption", title, class_="hidden"), element("thead", head), element("tbody", *lines)
    )
    empty = element("p", "Nothing yet.", class_="faint")
    return figure(id, title, element("div", whole, class_="ranks") if rows else empty, note=note)


def portions(rows: Sequence[Rank], *, id: str, title: str, unit: Unit = "number", note: str = "") -> Markup:
    """One divided bar; all but the first five are "other"."""
    kept = [Rank(row.name, row.value, row.link, kind=f"c{n}" if row.kind == "c0" else row.kind)
            for n, row in enumerate(rows[:5])]  # fmt: skip
    rest = sum(row.value for row in rows[5:])
    if rest:
        kept.append(Rank("other", rest, kind="other"))
    total = sum(row.value for row in kept) or 1
    parts, at, told = [], 0.0, []
    for row in kept:
        part = row.value / total
        text = f"{row.name}: {written(row.value, unit)} ({part * 100:.0f} %)"
        parts.append(element("rect", element("title", text), x=percentage(at), width=percentage(part), y=0, height=16,
                             class_=f"fill {row.kind}"))  # fmt: skip
        told.append((linked(row.name, row.link), [written(row.value, unit), f"{part * 100:.0f} %"]))
        at += part
    drawing = element("svg", *parts, class_="portions", width="100%", height=16, role="img", aria_label=title)
    known = [(f"{row.name} {row.value / total * 100:.0f} %", row.kind) for row in kept]
    return figure(id, title, drawing, legend(known), table(["", "Count", "Share"], told, f"{id}-numbers"), note=note)


def share(fraction: float, *, label: str | None = None, kind: str = "c0") -> Markup:
    """A bar in a cell of a table, beside its number.

    Args:
        fraction: 0 to 1.
        label: what a screen reader says; without one the bar is decoration.
    """
    bar = element("rect", width=percentage(min(max(fraction, 0.0), 1.0)), height=6, rx=2, class_=f"fill {kind}")
    hidden = {"aria_hidden": "true"} if label is None else {"role": "img", "aria_label": label}
    return element("svg", bar, class_="share", width="100%", height=6, **hidden)
