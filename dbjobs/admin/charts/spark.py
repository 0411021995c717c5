"""Small lines beside a name."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from dbjobs.admin.charts.elements import element


def sparkline(values: Sequence[float], *, label: str, width: int = 96, height: int = 20, kind: str = "") -> Markup:
    """A small line without axes.

    Args:
        values: equally spaced, oldest first.
        label: what a screen reader says.
        kind: its colour, as of a ``Series``; the colour of links if empty.
    """
    top = max(values, default=0) or 1
    step = width / max(len(values) - 1, 1)
    points = " ".join(f"{i * step:.1f},{height - 1 - value / top * (height - 2):.1f}" for i, value in enumerate(values))
    line = element("polyline", points=points, class_=f"line {kind}" if kind else None)
    return element("svg", line, class_="spark", viewBox=f"0 0 {width} {height}", width=width, height=height,
                   role="img", aria_label=label)  # fmt: skip
