"""Times as people write them on a command line: `14:30`, `yesterday`, `10m`, `2026-11-28T14:30`."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from datetime import time as clock
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")

FORMS = "such as 14:30, yesterday, 'today 9:00', 10m or 2h (ago), or 2026-11-28T14:30"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AMOUNT = re.compile(
    r"(\d+(?:\.\d+)?) *(s|seconds?|secs?|m|minutes?|mins?|h|hours?|hrs?|d|days?|w|weeks?)(?![a-z]) *"
)
_DAY = re.compile(r"(today|yesterday)?(?:^| +|$)(?:(\d\d?):(\d\d)(?::(\d\d))?)?")


def moment(written: str, now: float, zone: tzinfo | None = None) -> float:
    """Return the UTC time (Unix seconds) that is meant, as seen at `now`; `zone` None is the machine's.

    A time of day alone is the last one that has passed.

    Raises:
        ValueError: no time can be read from it; the text says what could.
    """
    text = " ".join(written.lower().split())
    try:
        seconds = _ago(text, now)
        if seconds is None:
            here = datetime.fromtimestamp(now, zone).astimezone(zone)
            meant = _of_day(text, here, zone) or datetime.fromisoformat(written.strip())
            seconds = (meant if meant.tzinfo else _local(meant, zone)).timestamp()
    except (ValueError, OverflowError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError(f"{written!r}: must be a time {FORMS}")
    return seconds


def _ago(text: str, now: float) -> float | None:
    """Return the time that an amount such as `-10m`, `1h30m` or `2 hours ago` is back from now."""
    if text == "now":
        return now
    if text.startswith("@"):
        return float(text[1:])
    amount = text.removeprefix("-").removesuffix("ago").rstrip()
    parts = list(_AMOUNT.finditer(amount))
    if not parts or "".join(part[0] for part in parts) != amount:
        return None
    return now - sum(float(part[1]) * _UNITS[part[2][0]] for part in parts)


def _of_day(text: str, here: datetime, zone: tzinfo | None) -> datetime | None:
    """Return the time that `today`, `yesterday`, a time of day or both mean."""
    found = _DAY.fullmatch(text)
    if not text or found is None:
        return None
    day, hour, minute, second = found.groups()
    at = clock(int(hour), int(minute), int(second or 0)) if hour else clock()
    on = here.date() - timedelta(days=day == "yesterday")
    meant = _local(datetime.combine(on, at), zone)
    if day is None and meant > here:
        meant = _local(datetime.combine(on - timedelta(days=1), at), zone)
    return meant


def _local(naive: datetime, zone: tzinfo | None) -> datetime:
    """Return a time of day in `zone`; None is the machine's, whatever its offset was on that day."""
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone)


def option(name: str, help_text: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a command's option that is a time; the command gets Unix seconds, or None."""

    def read(_context: click.Context, _parameter: click.Parameter, written: str | None) -> float | None:
        try:
            return None if written is None else moment(written, time.time())
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return click.option(name, metavar="T", callback=read, help=help_text)


def shown(seconds: float) -> str:
    """Return a UTC time as the time of day here."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"
