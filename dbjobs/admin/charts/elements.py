"""The parts of a chart: elements, series, and how to write values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from markupsafe import Markup, escape

from dbjobs.admin import wording

# How values are written: numbers, milliseconds, bytes, or shares of one.
Unit = Literal["number", "ms", "bytes", "share"]


@dataclass(frozen=True)
class Series:
    """One line, or one part of every bar.

    Attributes:
        name: in the legend.
        values: one for each bucket; None where nothing is known.
        kind: its colour: ``completed``, ``failed``, ``cancelled``, ``retried``, ``p50``, ``p95``, ``p99``, or ``c0`` to
            ``c5`` for anything else.
    """

    name: str
    values: Sequence[float | None]
    kind: str = "c0"


@dataclass(frozen=True)
class Rank:
    """One row of a ranking.

    Attributes:
        name: as it is shown.
        value: the length of its bar.
        link: where a click on it goes.
        note: shown after the value, such as a share or a mean.
        kind: its colour, as of a ``Series``.
    """

    name: str
    value: float
    link: str | None = None
    note: str = ""
    kind: str = "c0"


def element(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """One element. An attribute of None is left out; ``_`` becomes ``-``, and a trailing one is dropped."""
    # By hand: a page has a thousand of them, and Markup.format takes most of its time.
    given = "".join([f' {_attribute(key)}="{escape(value)}"' for key, value in attributes.items() if value is not None])
    return Markup(f"<{name}{given}>{''.join([escape(child) for child in children])}</{name}>")


@cache
def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements one after another."""
    return Markup("").join(parts)


def written(value: float | None, unit: Unit) -> str:
    """A value as people read it."""
    if unit == "ms":
        return wording.duration(value)
    if unit == "bytes":
        return wording.size(value)
    if unit == "share":
        return wording.percent(value)
    return wording.number(int(value) if value is not None and value == int(value) else value)


_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000))


def tick(value: float, unit: Unit) -> str:
    """The same as an axis label, where there is little room: at most seven characters."""
    if unit != "ms" or value < 1_000:
        return written(value, unit)
    if value < 1_000_000 and value % 60_000:
        return f"{value / 1000:g} s"
    for name, size in _UNITS:
        if value >= size:
            count = value / size
            return f"{count:.0f} {name}" if count >= 10 else f"{count:.3g} {name}"
    return f"{value / 1000:g} s"


def linked(inside: Markup | str, link: str | None, **attributes: object) -> Markup:
    """The same, as a link if there is one."""
    return element("a", inside, href=link, **attributes) if link is not None else escape(inside)


def percentage(fraction: float) -> str:
    """A position or width in an SVG that grows with its box."""
    return f"{fraction * 100:.3f}".rstrip("0").rstrip(".") + "%"


def legend(series: Iterable[tuple[str, str]]) -> Markup:
    """Names and their colours."""
    items = [
        element("li", element("svg", element("rect", width=10, height=10, rx=2, class_=f"fill {kind}"),
                              width=10, height=10, aria_hidden="true"), " ", name)
        for name, kind in series
    ]  # fmt: skip
    return element("ul", *items, class_="legend") if items else Markup("")


def table(heads: Sequence[str], rows: Iterable[tuple[Markup | str, Sequence[str]]], id: str) -> Markup:
    """The numbers of a chart, folded away: for screen readers, and for the links by keyboard."""
    head = element("tr", *[element("th", name, scope="col", class_=None if n == 0 else "num")
                           for n, name in enumerate(heads)])  # fmt: skip
    body = [
        element("tr", element("th", first, scope="row"), *[element("td", text, class_="num") for text in rest])
        for first, rest in rows
    ]
    whole = element("table", element("thead", head), element("tbody", *body))
    scroll = element("div", whole, class_="scroll", tabindex=0, role="region", aria_label="The numbers of the chart")
    return element("details", element("summary", "Numbers"), scroll, id=id, class_="numbers")


def figure(id: str, title: str, *parts: Markup, note: str = "") -> Markup:
    """A chart under its title."""
    caption = element("figcaption", element("b", title), *([element("small", note)] if note else []))
    readout = element("output", class_="readout", aria_live="off", data_keep="")
    return element("figure", caption, readout, *parts, id=id, class_="chart")
