"""The differences to `off`, drawn. The only module that imports matplotlib, which noisereduce brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

from matplotlib import pyplot as plt

from .mixes import shown
from .plan import PARTS
from .summary import NOISY, QUIET, Row
from .verdict import FEWEST

DPI = 100
COLOURS = ("tab:gray", "tab:blue", "tab:orange")
SPACING = 0.15


def draw(by_series: Mapping[str, Sequence[Row]], path: Path) -> None:
    """Write a PNG: for each setting its points against `off` with 95 % intervals, by series and part.

    What rests on too few utterances for a verdict is not drawn.
    """
    lines = [(label, part) for label in by_series for part in PARTS]
    colours = {label: COLOURS[number % len(COLOURS)] for number, label in enumerate(by_series)}
    looks = {
        (label, part): (colours[label], "white" if part == PARTS[0] else colours[label])
        for label, part in lines
    }
    against = [row for found in by_series.values() for row in found if row.against]
    settings = list(dict.fromkeys(row.setting for row in against))
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 0.5 * len(settings) + 1.8), sharey=True)
    for axis, group in zip(axes, (NOISY, QUIET), strict=True):
        for place, setting in enumerate(settings):
            marks = [
                (look, row.against)
                for (label, part), look in looks.items()
                for row in by_series[label]
                if (row.setting, row.part, row.group) == (setting, part, group)
                and row.against
                and row.against.utterances >= FEWEST
            ]
            for number, ((colour, fill), interval) in enumerate(marks):
                height = place + SPACING * (number - (len(marks) - 1) / 2)
                axis.plot((interval.low, interval.high), (height, height), color=colour, linewidth=1.2)
                axis.plot(interval.points, height, "o", markersize=4.5, color=colour, markerfacecolor=fill)
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(group, fontsize=10)
        axis.set_xlabel("word errors against off (points)", fontsize=9)
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(settings)), [shown(setting) for setting in settings], fontsize=9)
    axes[0].invert_yaxis()
    for label, part in lines:
        colour, fill = looks[label, part]
        axes[0].plot([], [], "o", color=colour, markerfacecolor=fill, label=f"{label}: {part}")
    figure.legend(loc="lower center", ncols=len(by_series), fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
