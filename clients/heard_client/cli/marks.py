"""What the views of the status are made of: states, bars and figures as text for a terminal."""

from __future__ import annotations

from rich.text import Text

from heard_client.cli.fields import Fields
from heard_client.cli.plain import one_line
from heard_client.messages import Level

FLOOR_DBFS = -80.0
"""Level at which a bar is empty; speech close to a microphone lies 50 to 60 dB above."""
BAR_CELLS = 18
NAME_CHARACTERS = 26
GOOD = {"ready", "live", "open"}
QUIET = {"muted", "ended", "idle", "closed", "draining", "stopping", "starting", "connecting"}


def state(name: str) -> Text:
    """Return the name of a state in the colour of what it means."""
    style = "green" if name in GOOD else "yellow" if name in QUIET else "bold red"
    return Text(one_line(name) or "unknown", style)


def label(text: str) -> tuple[str, str]:
    """Return what stands before the figures of a line."""
    return f"  {text:<9} ", "dim"


def bar(level_dbfs: float | None, cells: int = BAR_CELLS) -> Text:
    """Return a bar of so many cells, in eighths of a cell."""
    filled = 0.0 if level_dbfs is None else min(1.0, max(0.0, 1 - level_dbfs / FLOOR_DBFS)) * cells
    whole = int(filled)
    drawn = "█" * whole
    if whole < cells:
        drawn += " ▏▎▍▌▋▊▉"[int((filled - whole) * 8)]
    style = "red" if level_dbfs is not None and level_dbfs > -3 else "green"
    return Text(f"{drawn:<{cells}}", f"{style} on grey23")


def shortened(name: str, characters: int = NAME_CHARACTERS) -> str:
    """Return a name of at most so many characters: of a long one, such as a path, its end."""
    return name if len(name) <= characters else f"…{name[1 - characters :]}"


def figure(value: float | None, digits: int = 1) -> str:
    """Return a number with so many digits behind the point, a dash for none."""
    return "-" if value is None else f"{value:.{digits}f}"


def clock(seconds: float) -> str:
    """Return a duration as 0:12, 12:31 or 3:12:31."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def levels_now(source: Fields, level: Level | None) -> tuple[float | None, float | None, float | None]:
    """Return the level before and after noise reduction (dBFS) and the SNR (dB); None where unknown."""
    if source.text("state") != "live":
        # It delivers nothing: its last level would be a lie.
        return None, None, None
    if level is not None:
        return level.rms_dbfs, level.denoised_rms_dbfs, level.snr_db
    return source.number("level_dbfs"), None, source.number("snr_db")
