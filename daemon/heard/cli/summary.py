"""What `heard demo` says at its end: words, delays, where every sample went, what noise reduction did."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from heard.meters import Latency
from heard.settings import WORKING_RATE_HZ
from heard.wire.codec import Body
from heard.wire.status import Quantiles, Status

TRACE = {
    "capture": "microphone or file to the pipeline",
    "denoise": "noise reduction",
    "upstream": "until the frame is sent",
    "recognize": "speech to text, silence that ends a turn included",
    "publish": "until subscribers have it",
    "total": "end of the last word to subscriber",
}
SENT = "sample captured to frame sent"


def print_summary(
    status: Mapping[str, object], finals: Sequence[Body], console: Console | None = None
) -> None:
    """Print the summary of a run: on stdout where that is a terminal, else on stderr.

    status: the last one of the run; finals: the bodies of its `transcript.final` messages.
    """
    if console is None:
        console = Console(file=sys.stdout if sys.stdout.isatty() else sys.stderr, highlight=False)
    console.print(summary(cast("Status", status), finals))


def summary(status: Status, finals: Sequence[Body]) -> Group:
    """Return the summary as something that rich can print."""
    captured_s = sum(each["ledger"]["captured"] for each in status["sources"].values()) / WORKING_RATE_HZ
    words = sum(word_count(final) for final in finals)
    head = f"{_many(words, 'word')} in {_many(len(finals), 'turn')}, {captured_s:.1f} s of audio"
    return Group(Text(), Text(head, "bold"), _delays(status, finals), *_sources(status))


def word_count(final: Body) -> int:
    """Return how many words a final has."""
    text = final.get("text")
    return len(text.split()) if isinstance(text, str) else 0


def trace_quantiles(finals: Sequence[Body]) -> dict[str, Quantiles]:
    """Return the median and the 99th percentile of each stage over the latency traces of `finals`."""
    stages = {name: Latency(max(1, len(finals))) for name in TRACE}
    for final in finals:
        trace = final.get("latency_ms")
        for name, latency in stages.items():
            ms = trace.get(name) if isinstance(trace, dict) else None
            if isinstance(ms, int | float):
                latency.add(float(ms))
    found = {name: latency.quantiles() for name, latency in stages.items()}
    return {name: quantiles for name, quantiles in found.items() if quantiles is not None}


def _delays(status: Status, finals: Sequence[Body]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("delay")
    table.add_column("p50 ms", justify="right")
    table.add_column("p99 ms", justify="right")
    table.add_column("")
    for name, quantiles in trace_quantiles(finals).items():
        row = (name, f"{quantiles['p50']:.0f}", f"{quantiles['p99']:.0f}", TRACE[name])
        table.add_row(*row, style="bold" if name == "total" else "")
    for source in status["sources"].values():
        if sent := source["latency_ms"].get("total_sent"):
            table.add_row("to socket", f"{sent['p50']:.0f}", f"{sent['p99']:.0f}", SENT)
    return table


def _sources(status: Status) -> Iterator[Text]:
    for name, source in status["sources"].items():
        ledger, rate_hz = source["ledger"], WORKING_RATE_HZ
        dropped = sum(ledger["dropped"].values())
        missing = ledger["captured"] - ledger["delivered"] - ledger["pending"] - dropped
        reasons = ", ".join(ledger["dropped"])
        yield Text.assemble(
            (f"ledger of {name}: ", "dim"),
            f"captured {ledger['captured'] / rate_hz:.2f} s = delivered {ledger['delivered'] / rate_hz:.2f} s"
            f" + pending {ledger['pending'] / rate_hz:.2f} s + ",
            (
                f"dropped {dropped / rate_hz:.2f} s" + (f" ({reasons})" if dropped else ""),
                "red" if dropped else "",
            ),
            (f"; {missing} samples unaccounted for", "bold red") if missing else "",
        )
        denoise = source["denoise"]
        yield Text.assemble(
            (f"noise of {name}: ", "dim"),
            f"{denoise['reduction_db']:.1f} dB lower ({denoise['backend']}, mix {denoise['mix']:g})",
        )


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
