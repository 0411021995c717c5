"""Charts as SVG, drawn here: they need no script, print, and fit a strict Content-Security-Policy."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup


def sparkline(values: Sequence[float], *, label: str, width: int = 96, height: int = 20) -> Markup:
    """A small line without axes.

    Args:
        values: at equal distances, oldest first.
        label: what a screen reader says.
    """
    top = max(values, default=0) or 1
    step = width / max(len(values) - 1, 1)
    points = " ".join(f"{i * step:.1f},{height - 1 - value / top * (height - 2):.1f}" for i, value in enumerate(values))
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">'
        '<polyline points="{}"/></svg>'
    ).format(width, height, width, height, label, points)
