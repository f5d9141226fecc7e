"""`make bench`: the figures of the README, each with its target and the obvious loop's beside it."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from . import pipeline, recognizer, retention

MIB = 1 << 20


def main() -> int:
    """Measure and print; return 0 whatever the figures are: a bench measures, it does not judge."""
    console = Console(width=110)
    console.print("[1/5] pipeline and obvious loop, side by side …")
    cost = pipeline.cost()
    console.print("[2/5] start …")
    ready_s = pipeline.start_times()
    console.print("[3/5] denoise stopped under two CPU hogs …")
    stopped = pipeline.stopped()
    console.print("[4/5] recognizer …")
    heard = recognizer.measure()
    console.print("[5/5] retention and accounting, with and without …")
    kept = retention.measure()

    stages = Table(title="How long a sample is held (ms)", title_justify="left")
    for column in ("stage", "p50", "p99"):
        stages.add_column(column, justify="left" if column == "stage" else "right")
    for name, (p50, p99) in cost.stages.items():
        stages.add_row(name, f"{p50:.1f}", f"{p99:.1f}")
    console.print(stages)

    places = Table(title="Where CPU and memory go", title_justify="left")
    for column in ("process", "CPU (cores)", "PSS (MiB)"):
        places.add_column(column, justify="left" if column == "process" else "right")
    for name, cores in cost.cpu.items():
        places.add_row(name, f"{cores:.3f}", f"{cost.pss_bytes[name] / MIB:.0f}")
    console.print(places)
    console.print(retention.table(kept, "without"))

    table = Table(title="Figures", title_justify="left")
    for column in ("what", "target", "heard", "obvious loop"):
        table.add_column(column, justify="left" if column == "what" else "right")
    loop = cost.loop
    sent = cost.stages["total_sent"]
    cpu = sum(cost.cpu[name] for name in pipeline.OURS)
    pss = sum(cost.pss_bytes[name] for name in pipeline.OURS)
    ledger = stopped.ledger
    lost = ledger["captured"] - ledger["delivered"] - ledger["pending"]
    rows = [
        ("captured to written, p99", "≤ 300 ms", f"{sent[1]:.0f} ms", f"{loop['latency_p99_ms']:.0f} ms"),
        ("captured to written, p50", "", f"{sent[0]:.0f} ms", f"{loop['latency_p50_ms']:.0f} ms"),
        ("CPU without the recognizer", "≤ 0.2 core", f"{cpu:.3f}", f"{loop['cpu']:.3f}"),
        ("  cost of retention and accounting", "≤ 10 %", f"{kept.cost:.1%}", "-"),
        ("PSS without the recognizer", "≤ 260 MiB", f"{pss / MIB:.0f}", f"{loop['pss_bytes'] / MIB:.0f}"),
        (f"stopped for {pipeline.STOP_S:g} s: samples lost", "0", f"{lost}", f"{stopped.loop_lost}"),
        ("  overruns", "0", f"{stopped.xruns}", "-"),
        ("start to ready, median of 3", "≤ 4 s", f"{ready_s:.2f} s", f"{loop['ready_s']:.2f} s"),
        ("recognizer, real-time factor", "≤ 0.3", f"{heard['rtf']:.2f}", "-"),
        ("  final after the end of speech", "≤ 1.2 s", f"{heard['final_delay_s']:.2f} s", "-"),
    ]
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
