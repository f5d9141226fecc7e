"""What `heard compare` prints: a table, the words, the spectrograms and the verdict; or all of it as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from heard.compare.bootstrap import Interval
from heard.compare.grid import OFF, Setting
from heard.compare.recording import Recording
from heard.compare.run import Counted, Tried
from heard.compare.sound import Shades, smaller
from heard.compare.verdict import Verdict
from heard_client.cues import one_line

SHOWN_WORDS = 100
"""Longer transcripts are not printed."""
PICTURE_LINES = 8
SHADES = " ░▒▓█"
COLOURS = ((0.0, (0, 0, 4)), (0.5, (120, 28, 109)), (0.8, (237, 105, 37)), (1.0, (252, 255, 164)))
"""Dark blue to light yellow, as in the PNG."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was found. `tried` is in the order of the settings."""

    recordings: Sequence[Recording]
    engine: str
    tried: Sequence[Tried]
    words: Counted
    verdict: Verdict
    by_reference: bool

    @property
    def seconds(self) -> float:
        """How much audio there is."""
        return sum(recording.seconds for recording in self.recordings)

    def rtf(self, each: Tried) -> float:
        """Return the seconds of computing that a second of audio took."""
        return each.compute_s / self.seconds


def show(found: Comparison, console: Console | None = None) -> None:
    """Print everything for people."""
    if console is None:
        console = Console(file=sys.stdout, highlight=False)
    count = len(found.recordings)
    what = found.recordings[0].name if count == 1 else f"{count} recordings"
    truth = "in the reference" if found.by_reference else "that most settings hear"
    head = f"{one_line(what)}: {found.seconds:.1f} s, {found.words.words} words {truth}; {found.engine}"
    console.print(Text(head, "bold"))
    console.print(_table(found))
    if found.words.differs:
        console.print(Text(_legend(found), "dim"))
    if not found.by_reference:
        console.print(Text("\nwords that two settings have in common", "dim"))
        console.print(_agreement(found))
    for line in _transcripts(found):
        console.print(line)
    for line in _pictures(found, console):
        console.print(line, no_wrap=True, overflow="crop")
    console.print(Text.assemble("\n", (found.verdict.text, "bold")))
    if found.tried[0].kept:
        files = sum(len(each.kept) for each in found.tried)
        console.print(f"kept for listening: {files} files in {found.tried[0].kept[0].parent}")


def as_json(found: Comparison) -> str:
    """Return everything but the pictures as one object (docs/denoise.md)."""
    words, verdict = found.words, found.verdict
    names = [each.setting.name for each in found.tried]
    settings = [
        {
            "name": each.setting.name,
            "backend": each.setting.backend,
            "mix": each.setting.mix,
            "delay_ms": each.delay_ms,
            "rtf": round(found.rtf(each), 4),
            "noise_lowered_db": _rounded(each.lowered_db),
            "word_error_rate": _rounded(words.rates[each.setting]) if found.by_reference else None,
            "off_majority": None if found.by_reference else _rounded(words.rates[each.setting]),
            "surely": _interval(words.surely.get(each.setting)),
            "against_off": _interval(words.against_off.get(each.setting)),
            "differs_from_off": _interval(words.differs.get(each.setting)),
            "agreement": {name: round(share, 4) for name, share in zip(names, shares, strict=True)},
            "transcripts": each.said,
            "audio": [str(path) for path in each.kept],
        }
        for each, shares in zip(found.tried, words.agreement, strict=True)
    ]
    whole = {
        "v": 1,
        "files": [recording.name for recording in found.recordings],
        "seconds": round(found.seconds, 3),
        "engine": found.engine,
        "reference": found.by_reference,
        "words": words.words,
        "settings": settings,
        "verdict": {
            "sure": verdict.sure.value,
            "recommended": _name(verdict.recommended),
            "leader": _name(verdict.leader),
            "harmful": [each.name for each in verdict.harmful],
            "minutes_needed": verdict.minutes_needed,
            "target_points": verdict.target_points,
            "text": verdict.text,
        },
    }
    return json.dumps(whole, ensure_ascii=False, indent=2)


def picture(shades: Shades, *, coloured: bool) -> list[Text]:
    """Return a spectrogram as lines of characters: two rows each in colours, else one row in shades."""
    if not coloured:
        last = len(SHADES) - 1
        return [Text("".join(SHADES[min(last, int(each * len(SHADES)))] for each in row)) for row in shades]
    lines = []
    for top, bottom in zip(shades[::2], shades[1::2], strict=True):
        line = Text()
        for high, low in zip(top.tolist(), bottom.tolist(), strict=True):
            line.append("▀", Style(color=_colour(high), bgcolor=_colour(low)))
        lines.append(line)
    return lines


def _table(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("setting", no_wrap=True)
    titles = ("word errors", "against off (95 %)") if found.by_reference else ("off majority", "from off")
    for title in (*titles, "delay", "CPU", "noise"):
        table.add_column(title, justify="right", no_wrap=True)
    for each in found.tried:
        rate, lowered = found.words.rates[each.setting], each.lowered_db
        table.add_row(
            each.setting.name,
            "-" if rate is None else f"{rate:.1f} %{_surely(found, each.setting)}",
            _beside_off(found, each.setting),
            f"{each.delay_ms:.0f} ms",
            f"{100 * found.rtf(each):.1f} %",
            "-" if lowered is None else f"{0 - lowered:.1f} dB",
            style="bold" if each.setting == found.verdict.recommended else "",
        )
    return table


def _surely(found: Comparison, setting: Setting) -> str:
    """Return the interval around the distance to the majority; what a reference decides is beside it."""
    if found.by_reference or (interval := found.words.surely.get(setting)) is None:
        return ""
    return f" ({interval.low:.1f} … {interval.high:.1f})"


def _beside_off(found: Comparison, setting: Setting) -> str:
    if found.by_reference:
        against = found.words.against_off.get(setting)
        return "" if against is None else f"{against.points:+.1f} ({against.low:+.1f} … {against.high:+.1f})"
    differs = found.words.differs.get(setting)
    return "" if differs is None else f"{differs.points:.1f} %"


def _legend(found: Comparison) -> str:
    cpu = "CPU: of one core, without the recognizer"
    if not found.by_reference:
        away = "words that most settings, and that off, have otherwise (intervals hold together: 95 %)"
        return f"off majority, from off: {away}; it says not who is right; {cpu}"
    if not found.words.against_off:
        return cpu
    pieces = next(iter(found.words.against_off.values())).pieces
    return f"against off: points; intervals hold together, from {pieces} pieces of about a sentence; {cpu}"


def _agreement(found: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for each in found.tried:
        table.add_column(each.setting.name, justify="right")
    for each, shares in zip(found.tried, found.words.agreement, strict=True):
        table.add_row(each.setting.name, *(f"{share:.0%}" for share in shares))
    return table


def _transcripts(found: Comparison) -> Iterator[Text]:
    yield Text()
    if found.words.words > SHOWN_WORDS:
        yield Text("what each setting was heard as: --format json", "dim")
        return
    wide = max(len(each.setting.name) for each in found.tried)
    for number, recording in enumerate(found.recordings):
        if len(found.recordings) > 1:
            yield Text(one_line(recording.name), "dim")
        for each in found.tried:
            yield Text.assemble((f"{each.setting.name:<{wide}}  ", "dim"), one_line(each.said[number]) or "-")


def _pictures(found: Comparison, console: Console) -> Iterator[Text]:
    """Yield the first recording before and after: by what is recommended, else what leads, else the first."""
    after = found.verdict.recommended or found.verdict.leader or OFF
    if after == OFF:
        after = found.tried[1].setting
    coloured = console.color_system is not None
    name = one_line(Path(found.recordings[0].name).name)
    for each in found.tried:
        if each.setting in (OFF, after) and each.shades is not None:
            yield Text(f"\n{name}, {each.setting.name}: 0 to 8 kHz", "dim")
            rows = 2 * PICTURE_LINES if coloured else PICTURE_LINES
            yield from picture(smaller(each.shades, rows, console.width), coloured=coloured)


def _colour(level: float) -> Color:
    for (low, one), (high, other) in pairwise(COLOURS):
        if level <= high:
            share = max(0.0, level - low) / (high - low)
            red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
            return Color.from_rgb(red, green, blue)
    return Color.from_rgb(*COLOURS[-1][1])


def _interval(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    points = {"points": interval.points, "low": interval.low, "high": interval.high}
    return {name: round(value, 2) for name, value in points.items()} | {"pieces": interval.pieces}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _name(setting: Setting | None) -> str | None:
    return None if setting is None else setting.name
