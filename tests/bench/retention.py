"""What retention and accounting cost: the daemon beside the pipeline without them (`tests.bench.bare`).

    python -m tests.bench.retention [--pairs N] [--loops N] [--in-turn] [--itself] [--set KEY=VALUE ...]

CPU time of capture, denoise, upstream, publish and supervise over whole loops of the same recording at
real-time pace, each daemon with a recognizer of its own. Both of a pair run at the same time, so that the
machine's moods reach both; each pair begins anew, the one and the other first in turns. `--in-turn` runs
them one after the other: twice as long, and a wider spread. `--itself` measures the daemon against itself:
what it shows is error.

A pair takes half a minute. Ask for more (`--pairs 12`) where the spread is wider than what is to be told.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import soundfile
from rich.console import Console
from rich.table import Table

from heard.demo import recording

from ..support.processes import started
from ..system.running import Daemon, configuration, folder

SETTLE_S = 3.0
SPARE_S = 60.0
"""For start and end of one pair, beside what is measured."""
PAIRS = 4
OURS = ("supervise", "capture", "denoise", "upstream", "publish")
WHOLE = "heard"
BARE = "tests.bench.bare"

Cores = dict[str, float]
"""CPU seconds per second, by process."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One run of the whole daemon and of the one that it is compared with."""

    whole: Cores
    bare: Cores

    @property
    def cost(self) -> float:
        """What the whole daemon takes more, as a share of what the other takes."""
        return sum(self.whole.values()) / sum(self.bare.values()) - 1


@dataclass(frozen=True, slots=True)
class Pairs:
    """All the runs, at least one."""

    pairs: Sequence[Pair]

    @property
    def cost(self) -> float:
        """The median of the pairs' costs."""
        return statistics.median(pair.cost for pair in self.pairs)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest cost of a pair."""
        costs = [pair.cost for pair in self.pairs]
        return min(costs), max(costs)

    def cores(self, process: str) -> tuple[float, float]:
        """Return the median cores of a process in the whole daemon and in the other."""
        return (
            statistics.median(pair.whole[process] for pair in self.pairs),
            statistics.median(pair.bare[process] for pair in self.pairs),
        )


def measure(
    pairs: int = PAIRS,
    loops: int = 1,
    *,
    against: str = BARE,
    beside: bool = True,
    overrides: Sequence[str] = (),
) -> Pairs:
    """Run `pairs` pairs, each measured over `loops` loops of the recording.

    against    what the daemon is compared with: BARE, or WHOLE for the error
    beside     at the same time, else one after the other
    overrides  KEY=VALUE of the configuration, for both
    """
    seconds = loops * float(soundfile.info(str(recording())).duration)
    found = []
    for number in range(pairs):
        # Who starts first runs a little longer before it is measured.
        order = (WHOLE, against) if number % 2 == 0 else (against, WHOLE)
        groups = [order] if beside else [(order[0],), (order[1],)]
        cores = [each for group in groups for each in _run(group, seconds, overrides)]
        whole, bare = cores if number % 2 == 0 else reversed(cores)
        found.append(Pair(whole, bare))
    return Pairs(found)


@contextmanager
def listening(module: str, *, limit_s: float, overrides: Sequence[str] = ()) -> Iterator[Daemon]:
    """Run the daemon WHOLE or BARE on the recording, looped, for at most `limit_s`."""
    source = {"name": "mic", "input": "file", "path": str(recording()), "loop": True}
    with folder() as place:
        config = place / "heard.toml"
        config.write_text(configuration(place, [source]), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        line = [sys.executable, "-m", module, "run", "--config", str(config)]
        line += [word for override in overrides for word in ("--set", override)]
        with started(line, limit_s=limit_s, env=environment) as child:
            running = Daemon(child, place)
            try:
                yield running
            finally:
                running.close()


def _run(modules: Sequence[str], seconds: float, overrides: Sequence[str]) -> list[Cores]:
    """Run all at the same time; return what each took in `seconds`, once settled.

    Raises:
        RuntimeError: one heard nothing, or a stage ended: then the figures mean nothing.
    """
    with ExitStack() as stack:
        limit_s = seconds + SPARE_S
        daemons = [
            stack.enter_context(listening(module, limit_s=limit_s, overrides=overrides)) for module in modules
        ]
        for each in daemons:
            each.wait_ready()
        _pass(daemons, SETTLE_S)
        before = [_cpu_s(each) for each in daemons]
        began = time.monotonic()
        _pass(daemons, seconds)
        after = [_cpu_s(each) for each in daemons]
        elapsed = time.monotonic() - began
        for each in daemons:
            if not each.finals():
                raise RuntimeError(f"nothing was transcribed\n{each.child.tail()}")
        return [
            {name: (late[name] - early[name]) / elapsed for name in OURS}
            for early, late in zip(before, after, strict=True)
        ]


def _cpu_s(running: Daemon) -> dict[str, float]:
    processes = running.status()["processes"]
    if ended := [name for name in OURS if processes[name]["restarts"]]:
        raise RuntimeError(f"{', '.join(ended)} ended and was started again\n{running.child.tail()}")
    return {name: processes[name]["cpu_s"] for name in OURS}


def _pass(daemons: Sequence[Daemon], seconds: float) -> None:
    """Let time pass, receiving what is published."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for each in daemons:
            each.listen(min(0.1, left))


def table(found: Pairs, other: str) -> Table:
    """Return what there is to see: by process, and in all; `other` names what was compared with."""
    pairs = f"{len(found.pairs)} pair" + "s" * (len(found.pairs) > 1)
    shown = Table(title=f"Retention and accounting: cores, median of {pairs}", title_justify="left")
    for column in ("process", "heard", other, "difference"):
        shown.add_column(column, justify="left" if column == "process" else "right")
    for name in OURS:
        whole, bare = found.cores(name)
        shown.add_row(name, f"{whole:.4f}", f"{bare:.4f}", f"{whole - bare:+.4f}")
    wholes = statistics.median(sum(pair.whole.values()) for pair in found.pairs)
    bares = statistics.median(sum(pair.bare.values()) for pair in found.pairs)
    shown.add_row("all", f"{wholes:.4f}", f"{bares:.4f}", f"{wholes - bares:+.4f}", end_section=True)
    lowest, highest = found.spread
    shown.add_row("cost, median", "", "", f"{found.cost:+.1%}")
    shown.add_row("  of a pair", "", "", f"{lowest:+.1%} to {highest:+.1%}")
    return shown


def main() -> int:
    """Print the table; return 0 whatever the figures are."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.retention", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--pairs", type=int, default=PAIRS, metavar="N", help=f"how many ({PAIRS})")
    parser.add_argument(
        "--loops", type=int, default=1, metavar="N", help="of the recording in each (1: 21 s)"
    )
    parser.add_argument("--in-turn", action="store_true", help="one after the other, not side by side")
    parser.add_argument("--itself", action="store_true", help="the daemon against itself: shows the error")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of the configuration"
    )
    asked = parser.parse_args()
    if min(asked.pairs, asked.loops) < 1:
        parser.error("--pairs and --loops must be at least 1")
    found = measure(
        asked.pairs,
        asked.loops,
        against=WHOLE if asked.itself else BARE,
        beside=not asked.in_turn,
        overrides=asked.set,
    )
    Console(width=110).print(table(found, "heard again" if asked.itself else "without"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
