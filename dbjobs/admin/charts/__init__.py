"""Charts as SVG, drawn here: they need no script, print, and fit a strict Content-Security-Policy.

Each function gives ``Markup`` for a template (``{{ charts.stacked(...) }}``). A page links ``charts.css`` in
its ``head`` block; ``charts.js`` runs on every page and shows the values under the pointer.

    stacked(starts, series, ...)   bars over time, one part on another: outcomes
    lines(starts, series, ...)     lines over time: percentiles
    columns(names, counts, ...)    a histogram
    ranks(rows, ...)               horizontal bars, longest first: routes, users
    portions(rows, ...)            one bar, divided: browsers, devices, status classes
    share(fraction, ...)           a bar in a table's cell
    sparkline(values, ...)         a small line without axes

Heights are pixels and widths percentages, so texts keep their size at every width. A drawing is one image with a label
for screen readers; a table below it has the numbers, with the same links as the drawing.
"""

from dbjobs.admin.charts.elements import Rank, Series, Unit
from dbjobs.admin.charts.over_time import lines, stacked
from dbjobs.admin.charts.ranking import columns, portions, ranks, share
from dbjobs.admin.charts.spark import sparkline

__all__ = ["Rank", "Series", "Unit", "columns", "lines", "portions", "ranks", "share", "sparkline", "stacked"]
