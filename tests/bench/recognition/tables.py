"""The results as markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heard.compare.grid import Setting

from .mixes import LOOP, shown
from .plan import PARTS
from .summary import BOTH, GROUPS, NOISY, OFF, QUIET, Row, Sounding

MIB = 1 << 20
NOTHING = "–"  # noqa: RUF001  # an empty cell, as in the other tables of docs
CSV_COLUMNS = (
    *(
        "engine",
        "backend",
        "mix",
        "adaptive",
        "part",
        "group",
        "mixes",
        "words",
        "errors",
        "wer",
        "wer_uncut",
        "capped",
    ),
    *("against_off", "low", "high"),
)
SNR_GROUPS = tuple(group for group in GROUPS if group not in {NOISY, QUIET})


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a backend: how long a sample waits without computing, and a stream's memory; None: not measured."""

    delay_ms: float
    memory_bytes: int | None


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are figures."""
    shown = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in shown)


def words_table(found: Sequence[Row]) -> str:
    """Return word error rates and differences to `off` for the pooled groups, by part."""
    at = _by_place(found)
    header = ["setting"]
    for group in (NOISY, QUIET):
        header += [f"{group}: WER", *(f"against off, {part}" for part in (*PARTS, BOTH))]
    lines = []
    for setting in _settings(found):
        line = [shown(setting)]
        for group in (NOISY, QUIET):
            line.append(_wer(at.get((setting, BOTH, group))))
            line += [_against(at.get((setting, part, group))) for part in (*PARTS, BOTH)]
        lines.append(line)
    return markdown(header, lines)


def snr_table(found: Sequence[Row]) -> str:
    """Return error rates and differences to `off` by SNR, both parts, and how often the cap was needed."""
    at = _by_place(found)
    lines = []
    for setting in _settings(found):
        cells = [at.get((setting, BOTH, group)) for group in SNR_GROUPS]
        capped = sum(cell.capped for cell in cells if cell)
        shown_cells = [
            f"{_wer(cell)}, {_against(cell)}" if cell and cell.against else _wer(cell) for cell in cells
        ]
        lines.append([shown(setting), *shown_cells, str(capped)])
    return markdown(["WER, against off", *SNR_GROUPS, "capped"], lines)


def noise_table(found: Sequence[Row]) -> str:
    """Return differences to `off` at 0 to 10 dB by noise, as figures alone: few mixes stand behind each."""
    at = _by_place(found)
    groups = [each for each in dict.fromkeys(row.group for row in found) if each.startswith(f"{NOISY}, ")]
    settings = [setting for setting in _settings(found) if setting != OFF]
    lines = []
    for group in groups:
        base = at[OFF, BOTH, group]
        line = [group.removeprefix(f"{NOISY}, "), str(base.mixes), _wer(base)]
        for setting in settings:
            away = at[setting, BOTH, group].against
            line.append(f"{away.points:+.1f}" if away else NOTHING)
        lines.append(line)
    return markdown(["noise", "mixes", "off: WER", *(shown(setting) for setting in settings)], lines)


def sound_table(found: Sequence[Sounding], costs: Mapping[str, Cost]) -> str:
    """Return what the sound is like, and what it costs."""
    header = ["setting", "SI-SDR (dB)", "STOI", "PESQ", "speech gain (dB)"]
    header += ["delay (ms)", "real-time factor", "memory (MiB)"]
    lines = []
    for each in found:
        cost = costs[each.setting.backend]
        lines.append(
            [
                shown(each.setting),
                f"{each.si_sdr_db:.1f}",
                f"{each.stoi:.3f}",
                NOTHING if each.pesq is None else f"{each.pesq:.2f}",
                f"{each.gain_db:.1f}".replace("-0.0", "0.0"),
                f"{cost.delay_ms:.0f}",
                f"{each.rtf:.3f}",
                NOTHING if cost.memory_bytes is None else f"{cost.memory_bytes / MIB:.0f}",
            ]
        )
    return markdown(header, lines)


def csv_of(by_engine: Mapping[str, Sequence[Row]]) -> str:
    """Return every row of every engine, one a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for engine, found in by_engine.items():
        for row in found:
            away = row.against
            writer.writerow(
                [
                    engine,
                    row.setting.backend,
                    "" if row.setting.backend == LOOP else row.setting.mix,
                    int(row.setting.adaptive),
                    row.part,
                    row.group,
                    row.mixes,
                    row.words,
                    row.errors,
                    f"{row.wer:.2f}",
                    f"{row.uncut:.2f}",
                    row.capped,
                    *(
                        [f"{away.points:.2f}", f"{away.low:.2f}", f"{away.high:.2f}"]
                        if away
                        else ["", "", ""]
                    ),
                ]
            )
    return out.getvalue()


def _by_place(found: Sequence[Row]) -> dict[tuple[Setting, str, str], Row]:
    return {(row.setting, row.part, row.group): row for row in found}


def _settings(found: Sequence[Row]) -> list[Setting]:
    return list(dict.fromkeys(row.setting for row in found))


def _wer(row: Row | None) -> str:
    return f"{row.wer:.1f} %" if row else NOTHING


def _against(row: Row | None) -> str:
    return str(row.against) if row and row.against else NOTHING
