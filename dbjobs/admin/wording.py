"""Numbers, times and sizes as people read them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

NONE = "\N{EN DASH}"


def number(value: float | int | None, bound: int | None = None) -> str:
    """``12,345``; ``10,000+`` where counting stopped at a bound."""
    if value is None:
        return NONE
    if bound is not None and value >= bound:
        return f"{bound:,}+"
    return f"{value:,.0f}" if isinstance(value, int) or value >= 100 else f"{value:,.3g}"


def duration(milliseconds: float | timedelta | None) -> str:
    """``340 µs``, ``12 ms``, ``3.4 s``, ``2 min 5 s``, ``3 h 20 min``, ``4 d 2 h``."""
    if milliseconds is None:
        return NONE
    ms = milliseconds.total_seconds() * 1000 if isinstance(milliseconds, timedelta) else milliseconds
    if ms < 0:
        return f"-{duration(-ms)}"
    if ms < 1:
        return f"{ms * 1000:.0f} µs" if ms else "0 ms"
    if ms < 1000:
        return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for unit, smaller, size, least in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if seconds >= size:
            rest = int(seconds % size // least)
            return f"{seconds // size:.0f} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds:.0f} s"


def when(moment: datetime | None, empty: str = NONE) -> Markup | str:
    """A time: scripts show it in the browser's zone and as "3 min ago"; without scripts it is UTC."""
    if moment is None:
        return empty
    utc = moment.astimezone(UTC)
    short = f"{utc:%H:%M:%S}" if utc.date() == datetime.now(UTC).date() else f"{utc:%Y-%m-%d %H:%M}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        utc.isoformat(timespec="milliseconds"), f"{utc:%Y-%m-%d %H:%M:%S}", short
    )


def percent(fraction: float | None) -> str:
    """``12 %``."""
    return NONE if fraction is None else f"{fraction * 100:.0f} %"


def size(count: float | None) -> str:
    """``12 kB``."""
    if count is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return ""


def digest(name: str) -> str:
    """A name as part of an element's id. An id by position would turn the row under the pointer into another one."""
    return hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def quoted(name: str) -> str:
    """A name in quotes, as a search writes it."""
    return json.dumps(name, ensure_ascii=False)
