"""Where an axis has its lines, and how they are labelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil, floor, log10

MOST_TIMES = 6
_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)
_DAYS = (1, 2, 3, 7, 14)
_MONTHS = (1, 2, 3, 6, 12)
_ABOVE_SECONDS_MS = (60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3, 7200e3, 18000e3, 43200e3, 86400e3)


def nice(top: float, unit: str, most: int = 4) -> list[float]:
    """Round values from 0 up to the first that is not below ``top``."""
    if top <= 0:
        return [0.0, 1.0]
    least = top / most
    step = float(10 ** floor(log10(least)))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor >= least * 0.999)
    if unit == "ms" and step > 20e3:
        step = next((one for one in _ABOVE_SECONDS_MS if one >= least), ceil(least / 86400e3) * 86400e3)
    if unit == "number":
        step = max(step, 1.0)
    return [step * n for n in range(ceil(top / step * 0.999) + 1)]


def decades(least: float, top: float) -> list[float]:
    """Powers of ten around what is shown, for a scale by magnitude; at most six of them."""
    first, last = floor(log10(max(least, 1e-3))), ceil(log10(max(top, least, 1e-3)))
    if first == last:
        last += 1
    step = ceil((last - first) / 5)
    powers = list(range(first, last + 1, step))
    if powers[-1] < last:
        powers.append(powers[-1] + step)
    return [float(10.0**power) for power in powers]


def times(starts: Sequence[datetime]) -> list[tuple[int, str]]:
    """Which buckets get a time as their label, and the labels: at most six, at round times."""
    if not starts:
        return []
    for minutes in _MINUTES:
        found = [n for n, at in enumerate(starts) if at.second == 0 and (at.hour * 60 + at.minute) % minutes == 0]
        if len(found) <= MOST_TIMES and (found or minutes == _MINUTES[-1]):
            return [(n, _time(starts[n])) for n in found] or [(0, _time(starts[0]))]
    days = [n for n, at in enumerate(starts) if n == 0 or at.date() != starts[n - 1].date()]
    for every in _DAYS:
        found = [n for n in days if starts[n].date().toordinal() % every == 0]
        if 0 < len(found) <= MOST_TIMES:
            return [(n, _day(starts[n])) for n in found]
    months = [n for n in days if (starts[n].day == 1 if n == 0 else starts[n].month != starts[n - 1].month)]
    for every in _MONTHS:
        found = [n for n in months if (starts[n].month - 1) % every == 0]
        if 0 < len(found) <= MOST_TIMES:
            return [(n, f"{starts[n]:%b}" if starts[n].month > 1 else f"{starts[n]:%Y}") for n in found]
    years = [n for n in months if starts[n].month == 1]
    return [(n, f"{starts[n]:%Y}") for n in years[:: max(ceil(len(years) / MOST_TIMES), 1)]]


def bucket_name(start: datetime, step: timedelta) -> str:
    """A bucket in words."""
    if step >= timedelta(days=2):
        return f"{start:%Y-%m-%d} to {start + step - timedelta(days=1):%Y-%m-%d}"
    if step >= timedelta(days=1):
        return f"{start:%a %Y-%m-%d}"
    return f"{start:%Y-%m-%d %H:%M} to {start + step:%H:%M}"


def _time(at: datetime) -> str:
    return f"{at:%H:%M}" if at.hour or at.minute else _day(at)


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b}"
