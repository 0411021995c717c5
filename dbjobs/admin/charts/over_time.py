"""Charts whose horizontal axis is time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log10

from markupsafe import Markup

from dbjobs.admin.charts import axes
from dbjobs.admin.charts.elements import (
    Series,
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

# Pixels above the highest line, and below the lowest one for the times.
ABOVE, BELOW = 10, 20
# The unit of a line's coordinates; the browser stretches them to the available width.
WIDE = 1000
Scale = Callable[[float], float]


def stacked(
    starts: Sequence[datetime],
    series: Sequence[Series],
    *,
    id: str,
    title: str,
    step: timedelta,
    unit: Unit = "number",
    links: Sequence[str | None] | None = None,
    before: Sequence[float | None] | None = None,
    before_name: str = "the period before",
    note: str = "UTC",
    height: int = 170,
) -> Markup:
    """Bars over time, one part on another.

    Args:
        starts: when each bucket starts, oldest first, equally spaced.
        series: from the bottom to the top; each has a value for each bucket.
        id: of the element; unique on its page.
        title: over the chart, and what a screen reader says.
        step: length of a bucket.
        links: where a click on a bucket goes.
        before: the total of each bucket of the period before, as a faint line.
        note: small, beside the title.
        height: pixels of the plot.
    """
    totals = [sum(one.values[n] or 0 for one in series) for n in range(len(starts))]
    ticks = axes.nice(max([*totals, *(value or 0 for value in before or ())], default=0), unit)
    scale = _linear(ticks[-1], height)
    parts: list[Markup] = []
    wide = 1 / max(len(starts), 1)
    gap = 0.15 if len(starts) <= 130 else 0.0
    for n in range(len(starts)):
        under = 0.0
        for one in series:
            value = one.values[n] or 0
            if value:
                top = scale(under + value)
                # Every value above zero must be visible, however small its share.
                tall = max(scale(under) - top, 1.0)
                parts.append(
                    element("rect", x=percentage((n + gap / 2) * wide), width=percentage(wide * (1 - gap)),
                            y=f"{top:.1f}", height=f"{tall:.1f}", class_=f"fill {one.kind}")
                )  # fmt: skip
                under += value
    if before is not None:
        parts.append(_line([None if value is None else scale(value) for value in before], "before", height))
    frame = _Frame(id, title, step, unit, links, note, height)
    return frame.around(starts, _named(series, before, before_name), joined(parts), ticks, scale)


def lines(
    starts: Sequence[datetime],
    series: Sequence[Series],
    *,
    id: str,
    title: str,
    step: timedelta,
    unit: Unit = "ms",
    links: Sequence[str | None] | None = None,
    before: Sequence[float | None] | None = None,
    before_name: str = "the period before",
    by_magnitude: bool = False,
    note: str = "UTC",
    height: int = 170,
) -> Markup:
    """Lines over time, with gaps for unknown values.

    Args:
        by_magnitude: each line of the axis is ten times the one below it, so 2 ms and 20 s are both visible.

    The rest is as for ``stacked``; ``before`` is one more line.
    """
    shown = [value for one in series for value in one.values if value is not None]
    shown += [value for value in before or () if value is not None]
    if by_magnitude and shown:
        ticks = axes.decades(min((value for value in shown if value > 0), default=1.0), max(shown))
        scale = _logarithmic(ticks[0], ticks[-1], height)
    else:
        ticks = axes.nice(max(shown, default=0), unit)
        scale = _linear(ticks[-1], height)
    parts = []
    if before is not None:
        parts.append(_line([None if value is None else scale(value) for value in before], "before", height))
    for one in series:
        parts.append(_line([None if value is None else scale(value) for value in one.values], one.kind, height))
    frame = _Frame(id, title, step, unit, links, note, height)
    return frame.around(starts, _named(series, before, before_name), joined(parts), ticks, scale)


def _linear(top: float, height: int) -> Scale:
    return lambda value: ABOVE + height - value / top * height


def _logarithmic(least: float, top: float, height: int) -> Scale:
    low, high = log10(least), log10(top)
    return lambda value: ABOVE + height - (log10(max(value, least)) - low) / (high - low) * height


def _line(ys: Sequence[float | None], kind: str, height: int) -> Markup:
    """A line through the middles of the buckets; a lone point is a short dash."""
    wide = WIDE / max(len(ys), 1)
    paths: list[str] = []
    open_ = False
    for n, y in enumerate(ys):
        if y is not None:
            x = (n + 0.5) * wide
            alone = not open_ and (n + 1 == len(ys) or ys[n + 1] is None)
            paths.append(
                f"M{x - wide * 0.3:.1f} {y:.1f}H{x + wide * 0.3:.1f}"
                if alone
                else f"{'L' if open_ else 'M'}{x:.1f} {y:.1f}"
            )
        open_ = y is not None
    tall = ABOVE + height + BELOW
    path = element("path", d="".join(paths), class_=f"line {kind}", vector_effect="non-scaling-stroke")
    return element("svg", path, viewBox=f"0 0 {WIDE} {tall}", preserveAspectRatio="none", width="100%", height=tall)


def _named(series: Sequence[Series], before: Sequence[float | None] | None, before_name: str) -> list[Series]:
    return [*series, *([Series(before_name, before, "before")] if before is not None else [])]


@dataclass(frozen=True)
class _Frame:
    """The frame of a drawing over time: axes, legend, the boxes to click, and the numbers."""

    id: str
    title: str
    step: timedelta
    unit: Unit
    links: Sequence[str | None] | None
    note: str
    height: int

    def around(
        self, starts: Sequence[datetime], series: Sequence[Series], inside: Markup, ticks: Sequence[float], scale: Scale
    ) -> Markup:
        """The whole chart."""
        tall = ABOVE + self.height + BELOW
        at = [f"{scale(value):.1f}" for value in ticks]
        rules = [element("line", x1=0, x2="100%", y1=y, y2=y, class_="rule") for y in at]
        texts = [
            element("text", tick(value, self.unit), x=46, y=y, dy="0.35em", text_anchor="end")
            for value, y in zip(ticks, at, strict=True)
        ]
        hits, table_ = self._buckets(starts, series)
        sizes: dict[str, object] = {"width": "100%", "height": tall}
        drawing = element("svg", *rules, inside, self._times(starts), class_="area", role="img",
                          aria_label=self.title, **sizes)  # fmt: skip
        over = element("svg", hits, class_="over", aria_hidden="true", **sizes)
        left = element("svg", *texts, class_="axis", width=50, height=tall, aria_hidden="true")
        plot = element("div", left, element("div", drawing, over, class_="canvas"), class_="plot")
        return figure(self.id, self.title, plot, legend((one.name, one.kind) for one in series), table_, note=self.note)

    def _times(self, starts: Sequence[datetime]) -> Markup:
        low = ABOVE + self.height
        parts = []
        for n, text in axes.times(starts):
            at = n / len(starts)
            x = percentage(at)
            anchor = "end" if at > 0.97 else "middle"
            parts.append(element("line", x1=x, x2=x, y1=low, y2=low + 4, class_="rule"))
            parts.append(element("text", text, x=x, y=low + BELOW - 4, text_anchor=anchor))
        return joined(parts)

    def _buckets(self, starts: Sequence[datetime], series: Sequence[Series]) -> tuple[Markup, Markup]:
        """A box over each bucket, and the table of the numbers."""
        wide = 1 / max(len(starts), 1)
        hits, rows = [], []
        for n, start in enumerate(starts):
            bucket = axes.bucket_name(start, self.step)
            texts = [written(one.values[n], self.unit) for one in series]
            told = ", ".join(f"{one.name} {text}" for one, text in zip(series, texts, strict=True))
            link = None if self.links is None else self.links[n]
            box = element("rect", element("title", f"{bucket}: {told}"), x=percentage(n * wide), width=percentage(wide),
                          y=ABOVE, height=self.height, class_="hit")  # fmt: skip
            hits.append(linked(box, link, tabindex=-1))
            rows.append((linked(bucket, link), texts))
        return joined(hits), table(["Time", *(one.name for one in series)], rows, f"{self.id}-numbers")
