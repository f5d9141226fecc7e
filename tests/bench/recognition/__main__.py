"""Count the words that each noise reduction makes or mars: `make bench-denoise`.

    nice -n 19 python -m tests.bench.recognition [--corpus DIR] [--pairs N] [--base-pairs N] …

Speech and noise of a corpus are mixed at 0, 5, 10 and 20 dB, each mix and the clean speech go through the
stage's own stream in blocks of 20 ms under every setting, and the embedded recognizer reads the result in
turns. Results are kept: a run that was ended goes on where it was, and computes again only what
changed code made.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from heard.compare.grid import Setting
from heard.compare.hear import loaded
from heard.denoise.registry import BackendError, Registry, default_mix, factories
from heard.recognizer.errors import StartError

from ...support.corpus import DATA, load
from .kept import Kept
from .memory import memory_bytes
from .mixes import LOOP, Mix
from .outcome import Outcome
from .plan import DEFAULT, LARGER, NEURAL, SETTINGS
from .plot import draw
from .report import Found, all_rows, complete, page
from .run import Series, Versions, Wanted, run, tasks, wanted
from .tables import Cost, csv_of
from .through import LOOP_DELAY_MS
from .work import Task

OUT = Path("out/bench-denoise")
SEED = 4
TINY, BASE = "moonshine-tiny", "moonshine-base"
NONE = -1


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.recognition", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--corpus", type=Path, default=DATA, help="folder with a manifest.tsv")
    parser.add_argument("--cache", type=Path, default=OUT, help="folder for results, the page and the CSV")
    parser.add_argument(
        "--pairs",
        type=int,
        default=1,
        metavar="N",
        help="noises for each utterance and SNR, for all settings; 0: all of its part; -1: leave it out",
    )
    parser.add_argument(
        "--more-pairs", type=int, default=NONE, metavar="N", help="the same for the default alone"
    )
    parser.add_argument(
        "--neural-pairs", type=int, default=NONE, metavar="N", help="the same for deepfilter at its mix alone"
    )
    parser.add_argument(
        "--base-pairs", type=int, default=NONE, metavar="N", help="the same for the larger recognizer too"
    )
    parser.add_argument("--limit-minutes", type=float, metavar="M", help="begin nothing after so long")
    parser.add_argument("--jobs", type=int, choices=(1, 2), default=1, help="processes")
    parser.add_argument("--seed", type=int, default=SEED, help="deals out the corpus and draws the intervals")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the differences too")
    return parser.parse_args(given)


def main() -> int:
    """Measure what is missing, print and write the page; return 0 whatever the figures are."""
    # As Ctrl-C does: the workers must not outlive it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked = arguments()
    console, progress_console = Console(width=170), Console(stderr=True)
    settings, notes = available((*SETTINGS, *brought()))
    series, engine_notes = series_of(asked, settings)
    wanted_of = wanted(*load(asked.corpus), series, seed=asked.seed)
    kept, versions = Kept(asked.cache), Versions()
    started = time.monotonic()
    work_through(
        tasks(wanted_of, kept, versions, asked.corpus),
        kept,
        versions,
        jobs=asked.jobs,
        until_s=None if asked.limit_minutes is None else started + 60 * asked.limit_minutes,
        console=progress_console,
    )
    found = [found_of(each, kept, versions) for each in wanted_of]
    text = page(
        found,
        {name: cost(name) for name in dict.fromkeys(setting.backend for setting in settings)},
        command=" ".join(["nice -n 19 python -m tests.bench.recognition", *sys.argv[1:]]),
        seed=asked.seed,
        notes=[*notes, *engine_notes],
    )
    (asked.cache / "recognition.md").write_text(text, encoding="utf-8")
    by_engine = all_rows(found, seed=asked.seed)
    (asked.cache / "recognition.csv").write_text(csv_of(by_engine), encoding="utf-8")
    if asked.plot and by_engine:
        draw(by_engine, asked.plot)
    console.print(Markdown(text))
    progress_console.print(f"written: {asked.cache}/recognition.md, recognition.csv")
    return 0


def brought() -> tuple[Setting, ...]:
    """Return the backends that other packages bring, each with the mix that it has by default."""
    ours = {setting.backend for setting in SETTINGS}
    return tuple(Setting(name, default_mix(name)) for name in sorted(factories()) if name not in ours)


def available(settings: Sequence[Setting]) -> tuple[tuple[Setting, ...], list[str]]:
    """Return the settings whose backends can be had, and a note for each backend that cannot."""
    registry, missing = Registry(), {}
    for name in dict.fromkeys(setting.backend for setting in settings if setting.backend != LOOP):
        try:
            registry.get(name)
        except BackendError as error:
            missing[name] = f"Left out: {error}."
    return tuple(each for each in settings if each.backend not in missing), list(missing.values())


def series_of(asked: argparse.Namespace, settings: tuple[Setting, ...]) -> tuple[list[Series], list[str]]:
    """Return the series that were asked for, and a note for an engine that is not there."""
    series: list[Series] = []
    notes: list[str] = []
    if asked.pairs != NONE:
        series.append(Series(f"{TINY}, all settings", TINY, asked.pairs, settings, sound=True, share=3))
    if asked.more_pairs != NONE:
        default = there(DEFAULT, settings)
        series.append(Series(f"{TINY}, the default", TINY, asked.more_pairs, default, share=8))
    if asked.neural_pairs != NONE:
        series.append(Series(f"{TINY}, deepfilter", TINY, asked.neural_pairs, there(NEURAL, settings)))
    if asked.base_pairs != NONE:
        try:
            loaded(BASE)
        except StartError as error:
            notes.append(f"Left out: {error}.")
        else:
            shipped = there(LARGER, settings)
            series.append(Series(f"{BASE}, what is shipped", BASE, asked.base_pairs, shipped))
    return series, notes


def there(wanted: Sequence[Setting], settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """Return those of `wanted` whose backends can be had."""
    return tuple(each for each in wanted if each in settings)


def work_through(
    waiting: Sequence[Task],
    kept: Kept,
    versions: Versions,
    *,
    jobs: int,
    until_s: float | None,
    console: Console,
) -> None:
    """Do the tasks and keep their results, with a bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("mixes", total=len(waiting))

        def keep(task: Task, outcomes: dict[Setting, Outcome]) -> None:
            for setting, outcome in outcomes.items():
                kept.put(versions.key(task.mix, setting, task.engine), outcome)
            progress.update(bar, advance=1, description=f"{task.engine}: {task.mix.name}")

        run(waiting, keep, jobs=jobs, until_s=until_s)


def found_of(each: Wanted, kept: Kept, versions: Versions) -> Found:
    """Return what is kept of a series."""
    series = each.series
    outcomes: dict[Mix, dict[Setting, Outcome]] = {}
    for mix in each.mixes:
        for setting in series.settings:
            outcome = kept.get(versions.key(mix, setting, series.engine))
            if outcome:
                outcomes.setdefault(mix, {})[setting] = outcome
    heard = complete(each.mixes, series.settings, outcomes)
    return Found(series.label, series.settings, len(each.mixes), heard)


def cost(backend: str) -> Cost:
    """Return what a backend costs in delay and memory."""
    if backend == LOOP:
        return Cost(LOOP_DELAY_MS, None)
    delay_ms = 1000 * Registry().get(backend).delay_samples / 16_000
    try:
        return Cost(delay_ms, memory_bytes(backend))
    except subprocess.SubprocessError:
        return Cost(delay_ms, None)


if __name__ == "__main__":
    sys.exit(main())
