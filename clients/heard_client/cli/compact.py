"""Core of `heardctl status` where there is little room: a few lines for each source, or one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.text import Text

from heard_client.cli.fields import Fields
from heard_client.cli.marks import bar, clock, figure, label, levels_now, shortened, state
from heard_client.cli.plain import one_line
from heard_client.messages import Level

WORKING_RATE_HZ = 16000
"""The rate at which samples are counted (docs/wire.md, Ledger); a source's own `rate_hz` is its input's."""
STAGES = (
    ("capture", "capture"),
    ("denoise", "denoise"),
    ("upstream", "upstream"),
    ("recognize", "recognize"),
    ("publish", "publish"),
    ("total", "total"),
    ("total_sent", "sent"),
)
SHORT_BAR_CELLS = 9
NAME_CELLS = 10
"""Of a source's name in a table."""


def views(status: Fields, levels: Mapping[str, Level]) -> Iterator[list[Text]]:
    """Yield views of a few lines for each source, or one, the longest first; the processes come behind."""
    each = [(name, source, levels.get(name)) for name, source in status.each("sources")]
    delays = _delays(each)
    yield [*head(status), *(line for one in each for line in _lines(*one)), *delays]
    yield [*head(status), *(line for one in each for line in _lines(*one)[:3]), *delays]
    yield [*head(status), *(line for one in each for line in _lines(*one)[:2])]
    yield [*head(status), *(_line(*one) for one in each)]


def scrolled(status: Fields, levels: Mapping[str, Level], rows: int, first: int) -> list[Text]:
    """Return `rows` lines: a line for each source from number `first` on, and how many have no room."""
    above = head(status)[: max(1, rows - 2)]
    each = status.each("sources")
    room = max(0, rows - len(above) - 1)
    first = max(0, min(first, len(each) - room))
    shown = [_line(name, source, levels.get(name)) for name, source in each[first : first + room]]
    told = f"… {len(each) - len(shown)} more sources: ↑ ↓, or a higher terminal"
    return [*above, *shown, Text(told, "dim")]


def head(status: Fields) -> list[Text]:
    """Return the first lines: the daemon, and what it works around."""
    publish = status.inner("publish")
    first = Text.assemble(
        (f"heard {one_line(status.text('version'))}", "bold"),
        "  ",
        state(status.text("state")),
        f"  up {clock(status.number('uptime_s') or 0)}",
        f"  run {one_line(status.text('run'))[:8]}",
        f"  published {publish.count('published')}",
        f"  journal {publish.count('journal_rows')}",
    )
    return [
        first,
        *(
            Text(one_line(f"{fault.text('what')}: {fault.text('detail')}"), "bold red")
            for fault in status.items("faults")
        ),
    ]


def source_head(name: str, source: Fields) -> Text:
    """Return what a source is and what it does, and what is to be said of its sound."""
    device, opened = one_line(source.text("device")), one_line(source.text("opened"))
    # Which one "default" is.
    called = f"{device} ({opened})" if opened not in ("", device) else device
    verdicts = ", ".join(map(one_line, source.texts("verdicts")))
    return Text.assemble(
        (one_line(name), "bold"),
        "  ",
        state(source.text("state")),
        (f"  {verdicts}" if verdicts else "", "bold yellow"),
        f"  {one_line(source.text('input'))} {shortened(called)}",
        f"  {source.count('rate_hz')} Hz",
        f"  {source.count('turns')} turns",
        f"  {source.count('xruns')} xruns",
    )


def session_line(upstream: Fields) -> Text:
    """Return what the speech-to-text session of a source does."""
    return Text.assemble(
        label("upstream"),
        f"{one_line(upstream.text('service'))} ",
        state(upstream.text("state")),
        f"  backlog {figure(upstream.number('backlog_s'))} s",
        f"  reconnects {upstream.count('reconnects')}  rotations {upstream.count('rotations')}",
    )


def ledger_lines(ledger: Fields, *, short: bool = False) -> list[Text]:
    """Return where the samples went, in seconds: the sum in one line, what was not captured in another."""
    seconds = {
        name: ledger.count(name) / WORKING_RATE_HZ for name in ("captured", "delivered", "pending", "muted")
    }
    dropped = {name: count / WORKING_RATE_HZ for name, count in ledger.counts("dropped").items()}
    gaps = {name: count / WORKING_RATE_HZ for name, count in ledger.counts("gaps").items()}
    shown = [
        Text.assemble(
            label("ledger s"),
            f"captured {seconds['captured']:.1f} = delivered {seconds['delivered']:.1f}"
            f" + pending {seconds['pending']:.1f} + ",
            (f"dropped {sum(dropped.values()):.1f}", "red" if dropped else ""),
        )
    ]
    rest = [f"dropped, {name} {count:.1f}" for name, count in sorted(dropped.items())]
    rest += [f"gap, {name} {count:.2f}" for name, count in sorted(gaps.items())]
    rest += [f"muted {seconds['muted']:.1f}"] if seconds["muted"] else []
    if rest and not short:
        shown.append(Text.assemble(label(""), one_line("; ".join(rest))))
    return shown


def processes(status: Fields) -> Text:
    """Return the processes in one line: what they take, and those that are not ready."""
    processes = status.each("processes")
    ready = sum(process.text("state") == "ready" for _, process in processes)
    memory = sum(process.count("rss_bytes") for _, process in processes) / 1e6
    restarts = sum(process.count("restarts") for _, process in processes)
    shown = Text(f"{ready} of {len(processes)} processes ready, {restarts} restarts, {memory:.0f} MB")
    for name, process in processes:
        if process.text("state") != "ready":
            shown.append(f"  {one_line(name)} ").append_text(state(process.text("state")))
        if faults := process.counts("counters"):
            told = ", ".join(f"{key} {count}" for key, count in sorted(faults.items()))
            shown.append(f"  {one_line(name)}: {one_line(told)}", "yellow")
    return shown


def _lines(name: str, source: Fields, level: Level | None) -> list[Text]:
    """Return four lines about a source, the most telling first; a fifth where something is wrong."""
    before, after, snr = levels_now(source, level)
    denoise, upstream = source.inner("denoise"), source.inner("upstream")
    error = one_line(upstream.text("error"))
    levels = Text.assemble(
        label("dBFS"),
        bar(before, SHORT_BAR_CELLS),
        f" {figure(before):>6} → ",
        bar(after, SHORT_BAR_CELLS),
        f" {figure(after):>6}  SNR {figure(snr)}",
        f"  {one_line(denoise.text('backend'))} {figure(denoise.number('mix'), 2)}",
        f" -{figure(denoise.number('reduction_db'))}",
    )
    session = session_line(upstream)
    return [
        source_head(name, source),
        levels,
        session
        if not error
        else Text.assemble(label("upstream"), state(upstream.text("state")), "  ", (error, "red")),
        *ledger_lines(source.inner("ledger"), short=True),
    ]


def _delays(each: list[tuple[str, Fields, Level | None]]) -> list[Text]:
    """Return a table of the delay of each stage in ms: a row for each source, a column for each stage."""
    measured = [(name, source.inner("latency_ms")) for name, source, _ in each]
    measured = [(name, latency) for name, latency in measured if latency.body]
    if not measured:
        return []
    heads = "".join(f"{short:>10}" for _, short in STAGES)
    rows = [Text(f"{'ms p50/p99':<{NAME_CELLS}}{heads[1:]}", "dim")]
    for name, latency in measured:
        figures = "".join(f"{_both(latency.inner(key)):>10}" for key, _ in STAGES)
        rows.append(Text(f"{one_line(name)[: NAME_CELLS - 1]:<{NAME_CELLS}}{figures[1:]}"))
    return rows


def _both(stage: Fields) -> str:
    return f"{figure(stage.number('p50'), 0)}/{figure(stage.number('p99'), 0)}" if stage.body else "-"


def _line(name: str, source: Fields, level: Level | None) -> Text:
    """Return one line about a source: what it hears, what the service does, how late the transcript is."""
    before, after, snr = levels_now(source, level)
    upstream = source.inner("upstream")
    total = source.inner("latency_ms").inner("total")
    return Text.assemble(
        (f"{one_line(name)[: NAME_CELLS - 1]:<{NAME_CELLS}}", "bold"),
        state(source.text("state")),
        " " * max(1, 6 - len(source.text("state"))),
        bar(before, SHORT_BAR_CELLS),
        "→",
        bar(after, SHORT_BAR_CELLS),
        f" {figure(before, 0):>4} dBFS  SNR {figure(snr, 0):>3}  ",
        state(upstream.text("state")),
        f" {figure(upstream.number('backlog_s'))} s  {figure(total.number('p99'), 0)} ms",
    )
