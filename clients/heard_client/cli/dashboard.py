"""Core of `heardctl status`: the status map as lines for a person, made to fit a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from heard_client.cli.fields import Fields
from heard_client.cli.plain import one_line
from heard_client.messages import Level

WORKING_RATE_HZ = 16000
"""The rate at which samples are counted (docs/wire.md, Ledger); a source's own `rate_hz` is its input's."""
FLOOR_DBFS = -80.0
"""Level at which a bar is empty; speech close to a microphone lies 50 to 60 dB above."""
BAR_CELLS = 18
NAME_CHARACTERS = 26
STAGES = (
    ("capture", "capture"),
    ("denoise", "denoise"),
    ("upstream", "upstream"),
    ("recognize", "recognize"),
    ("publish", "publish"),
    ("total", "total"),
    ("total_sent", "sent"),
)
GOOD = {"ready", "live", "open"}
QUIET = {"muted", "ended", "idle", "closed", "draining", "stopping", "starting", "connecting"}

FULL, SHORT, SHORTEST = 2, 1, 0


def lines(
    status: Mapping[str, object], levels: Mapping[str, Level] | None = None, rows: int | None = None
) -> list[Text]:
    """Return the view of `status`, shortened where it has more lines than `rows`.

    levels: the newest level message of each source, for the bars after denoising.
    """
    shown: list[Text] = []
    for detail in (FULL, SHORT, SHORTEST):
        shown = _view(Fields(status), levels or {}, detail)
        if rows is None or len(shown) <= rows:
            return shown
    left_out = len(shown) - rows + 1 if rows else 0
    return [*shown[: -left_out - 1], Text(f"… {left_out + 1} more lines: make the terminal higher", "dim")]


def _view(status: Fields, levels: Mapping[str, Level], detail: int) -> list[Text]:
    shown = [_head(status)]
    shown += [
        Text(one_line(f"{fault.text('what')}: {fault.text('detail')}"), "bold red")
        for fault in status.items("faults")
    ]
    for name, source in status.each("sources"):
        if detail > SHORTEST:
            shown.append(Text())
        shown += _source(name, source, levels.get(name), detail)
    processes = status.each("processes")
    if detail == FULL:
        shown += [Text(), *_processes(processes)]
    else:
        shown.append(_processes_at_a_glance(processes))
    return shown


def _head(status: Fields) -> Text:
    publish = status.inner("publish")
    return Text.assemble(
        (f"heard {one_line(status.text('version'))}", "bold"),
        "  ",
        _state(status.text("state")),
        f"  up {clock(status.number('uptime_s') or 0)}",
        f"  run {one_line(status.text('run'))[:8]}",
        f"  published {publish.count('published')}",
        f"  journal {publish.count('journal_rows')}",
    )


def _source(name: str, source: Fields, level: Level | None, detail: int) -> list[Text]:
    denoise, upstream = source.inner("denoise"), source.inner("upstream")
    before, after, snr = source.number("level_dbfs"), None, source.number("snr_db")
    if source.text("state") != "live":
        # It delivers nothing: its last level would be a lie.
        before = snr = None
    elif level is not None:
        before, after, snr = level.rms_dbfs, level.denoised_rms_dbfs, level.snr_db
    head = Text.assemble(
        (one_line(name), "bold"),
        "  ",
        _state(source.text("state")),
        f"  {one_line(source.text('input'))} {_shortened(one_line(source.text('device')))}",
        f"  {source.count('rate_hz')} Hz",
        f"  {source.count('turns')} turns",
        f"  {source.count('xruns')} xruns",
    )
    error = one_line(upstream.text("error"))
    session = Text.assemble(
        _label("upstream"),
        f"{one_line(upstream.text('service'))} ",
        _state(upstream.text("state")),
        f"  backlog {_figure(upstream.number('backlog_s'))} s",
        f"  reconnects {upstream.count('reconnects')}  rotations {upstream.count('rotations')}",
    )
    shown = [
        head,
        Text.assemble(_label("level"), _bar(before), f" {_figure(before):>6} dBFS  SNR {_figure(snr)} dB"),
        Text.assemble(
            _label("denoised"),
            Text() if after is None else _bar(after).append(f" {_figure(after):>6} dBFS  ", "none"),
            f"{one_line(denoise.text('backend'))} mix {_figure(denoise.number('mix'), 2)}",
            f"  noise -{_figure(denoise.number('reduction_db'))} dB",
        ),
        session,
        *([Text.assemble(_label(""), (error, "red"))] if error else []),
        *_ledger(source.inner("ledger"), detail),
    ]
    if detail == SHORTEST:
        return [head, *shown[3:5]] if error else [head, session]
    return [*shown, *_latency(source)]


def _ledger(ledger: Fields, detail: int) -> list[Text]:
    """Return where the samples went, in seconds: the sum in one line, what was not captured in another."""
    seconds = {
        name: ledger.count(name) / WORKING_RATE_HZ for name in ("captured", "delivered", "pending", "muted")
    }
    dropped = {name: count / WORKING_RATE_HZ for name, count in ledger.counts("dropped").items()}
    gaps = {name: count / WORKING_RATE_HZ for name, count in ledger.counts("gaps").items()}
    shown = [
        Text.assemble(
            _label("ledger s"),
            f"captured {seconds['captured']:.1f} = delivered {seconds['delivered']:.1f}"
            f" + pending {seconds['pending']:.1f} + ",
            (f"dropped {sum(dropped.values()):.1f}", "red" if dropped else ""),
        )
    ]
    rest = [f"dropped, {name} {count:.1f}" for name, count in sorted(dropped.items())]
    rest += [f"gap, {name} {count:.2f}" for name, count in sorted(gaps.items())]
    rest += [f"muted {seconds['muted']:.1f}"] if seconds["muted"] else []
    if rest and detail > SHORTEST:
        shown.append(Text.assemble(_label(""), one_line("; ".join(rest))))
    return shown


def _latency(source: Fields) -> list[Text]:
    """Return a table of the delay of each stage: one column a stage, a row each for p50 and p99."""
    latency = source.inner("latency_ms")
    columns = [(name, latency.inner(key)) for key, name in STAGES if latency.inner(key).body]
    if not columns:
        return []
    widths = [max(len(name), 6) + 2 for name, _ in columns]
    heads = (f"{name:>{width}}" for (name, _), width in zip(columns, widths, strict=True))
    rows = [Text.assemble(_label("delay ms"), *heads)]
    for quantile in ("p50", "p99"):
        figures = (
            f"{_figure(stage.number(quantile), 0):>{width}}"
            for (_, stage), width in zip(columns, widths, strict=True)
        )
        rows.append(Text.assemble((f"  {quantile:>9} ", "dim"), *figures))
    return rows


def _processes(processes: list[tuple[str, Fields]]) -> list[Text]:
    shown = [
        Text(f"{'process':<12} {'state':<12} {'pid':>8} {'restarts':>9} {'memory':>9} {'cpu s':>9}", "dim")
    ]
    for name, process in processes:
        state = process.text("state")
        faults = ", ".join(f"{key} {count}" for key, count in sorted(process.counts("counters").items()))
        shown.append(
            Text.assemble(
                f"{one_line(name):<12} ",
                _state(state),
                " " * max(1, 13 - len(state)),
                f"{process.count('pid') or '-':>8} {process.count('restarts'):>9}",
                f" {process.count('rss_bytes') / 1e6:>6.0f} MB {_figure(process.number('cpu_s')):>9}",
                (f"  {one_line(faults)}" if faults else "", "yellow"),
            )
        )
    return shown


def _processes_at_a_glance(processes: list[tuple[str, Fields]]) -> Text:
    ready = sum(process.text("state") == "ready" for _, process in processes)
    memory = sum(process.count("rss_bytes") for _, process in processes) / 1e6
    restarts = sum(process.count("restarts") for _, process in processes)
    shown = Text(f"{ready} of {len(processes)} processes ready, {restarts} restarts, {memory:.0f} MB")
    for name, process in processes:
        if process.text("state") != "ready":
            shown.append(f"  {one_line(name)} ").append_text(_state(process.text("state")))
    return shown


def _state(state: str) -> Text:
    style = "green" if state in GOOD else "yellow" if state in QUIET else "bold red"
    return Text(one_line(state) or "unknown", style)


def _label(text: str) -> tuple[str, str]:
    return f"  {text:<9} ", "dim"


def _bar(level_dbfs: float | None) -> Text:
    """Return a bar of BAR_CELLS cells, in eighths of a cell."""
    filled = 0.0 if level_dbfs is None else min(1.0, max(0.0, 1 - level_dbfs / FLOOR_DBFS)) * BAR_CELLS
    whole = int(filled)
    bar = "█" * whole
    if whole < BAR_CELLS:
        bar += " ▏▎▍▌▋▊▉"[int((filled - whole) * 8)]
    style = "red" if level_dbfs is not None and level_dbfs > -3 else "green"
    return Text(f"{bar:<{BAR_CELLS}}", f"{style} on grey23")


def _shortened(name: str) -> str:
    """Return a name of at most NAME_CHARACTERS: of a long one, such as a path, its end."""
    return name if len(name) <= NAME_CHARACTERS else f"…{name[1 - NAME_CHARACTERS :]}"


def _figure(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def clock(seconds: float) -> str:
    """Return a duration as 0:12, 12:31 or 3:12:31."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
