"""Core of `heardctl status`: the status map as lines for a person, made to fit a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from heard_client.cli import compact
from heard_client.cli.compact import STAGES, ledger_lines, session_line, source_head
from heard_client.cli.fields import Fields
from heard_client.cli.marks import bar, figure, label, levels_now, state
from heard_client.cli.plain import one_line
from heard_client.messages import Level


def lines(
    status: Mapping[str, object],
    levels: Mapping[str, Level] | None = None,
    rows: int | None = None,
    first: int = 0,
) -> list[Text]:
    """Return the view of `status`, with as much detail as has room in `rows` lines.

    levels: the newest level message of each source, for the bars after denoising
    first: where not even a line for each source has room, the first source that is shown
    """
    fields, newest = Fields(status), levels or {}
    whole = _whole(fields, newest)
    if rows is None or len(whole) + len(_processes(fields)) < rows:
        return [*whole, Text(), *_processes(fields)]
    for view in (whole, *compact.views(fields, newest)):
        if len(view) + 1 <= rows:
            return [*view, compact.processes(fields)]
    return compact.scrolled(fields, newest, rows, first)


def sources(status: Mapping[str, object]) -> int:
    """Return how many sources `status` has."""
    return len(Fields(status).each("sources"))


def _whole(status: Fields, levels: Mapping[str, Level]) -> list[Text]:
    """Return all but the processes."""
    shown = compact.head(status)
    for name, source in status.each("sources"):
        shown += [Text(), *_source(name, source, levels.get(name))]
    return shown


def _source(name: str, source: Fields, level: Level | None) -> list[Text]:
    denoise, upstream = source.inner("denoise"), source.inner("upstream")
    before, after, snr = levels_now(source, level)
    error = one_line(upstream.text("error"))
    shown = [
        source_head(name, source),
        Text.assemble(label("level"), bar(before), f" {figure(before):>6} dBFS  SNR {figure(snr)} dB"),
        Text.assemble(
            label("denoised"),
            Text() if after is None else bar(after).append(f" {figure(after):>6} dBFS  ", "none"),
            f"{one_line(denoise.text('backend'))} mix {figure(denoise.number('mix'), 2)}",
            f"  noise -{figure(denoise.number('reduction_db'))} dB",
        ),
        session_line(upstream),
        *([Text.assemble(label(""), (error, "red"))] if error else []),
        *ledger_lines(source.inner("ledger")),
    ]
    return [*shown, *_latency(source)]


def _latency(source: Fields) -> list[Text]:
    """Return a table of the delay of each stage: one column a stage, a row each for p50 and p99."""
    latency = source.inner("latency_ms")
    columns = [(name, latency.inner(key)) for key, name in STAGES if latency.inner(key).body]
    if not columns:
        return []
    widths = [max(len(name), 6) + 2 for name, _ in columns]
    heads = (f"{name:>{width}}" for (name, _), width in zip(columns, widths, strict=True))
    rows = [Text.assemble(label("delay ms"), *heads)]
    for quantile in ("p50", "p99"):
        figures = (
            f"{figure(stage.number(quantile), 0):>{width}}"
            for (_, stage), width in zip(columns, widths, strict=True)
        )
        rows.append(Text.assemble((f"  {quantile:>9} ", "dim"), *figures))
    return rows


def _processes(status: Fields) -> list[Text]:
    shown = [
        Text(f"{'process':<12} {'state':<12} {'pid':>8} {'restarts':>9} {'memory':>9} {'cpu s':>9}", "dim")
    ]
    for name, process in status.each("processes"):
        name_of_state = process.text("state")
        faults = ", ".join(f"{key} {count}" for key, count in sorted(process.counts("counters").items()))
        shown.append(
            Text.assemble(
                f"{one_line(name):<12} ",
                state(name_of_state),
                " " * max(1, 13 - len(name_of_state)),
                f"{process.count('pid') or '-':>8} {process.count('restarts'):>9}",
                f" {process.count('rss_bytes') / 1e6:>6.0f} MB {figure(process.number('cpu_s')):>9}",
                (f"  {one_line(faults)}" if faults else "", "yellow"),
            )
        )
    return shown
