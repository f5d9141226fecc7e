"""All tasks in two processes at most, each result kept as soon as it is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from heard.compare.grid import Setting
from heard.denoise.registry import FACTORIES, factories

from ...support.corpus import Noise, Utterance
from .kept import Kept
from .mixes import LOOP, Mix
from .outcome import Key, Outcome
from .plan import plan
from .version import digest
from .work import Task, begin, done

TASK_LIMIT_S = 900.0
"""No mix takes nearly as long, on any machine that can run the recognizer."""

THROUGH, ENGINE = "tests.bench.recognition.work", "heard.recognizer.moonshine"
COMPARE = ("heard.compare.through", "heard.compare.hear", "heard.compare.words")


@dataclass(frozen=True, slots=True)
class Series:
    """One table of results: what an engine is to hear under which settings.

    label  as the page shows it
    pairs  noises for each utterance and SNR; 0: all of its part
    sound  the sound is measured too
    share  tasks of it that are begun in turn
    """

    label: str
    engine: str
    pairs: int
    settings: tuple[Setting, ...]
    sound: bool = False
    share: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A series and its mixes, in order."""

    series: Series
    mixes: tuple[Mix, ...]


def wanted(
    speech: Sequence[Utterance], noises: Sequence[Noise], all_series: Sequence[Series], *, seed: int
) -> list[Wanted]:
    """Return what to run for each series."""
    return [
        Wanted(series, tuple(plan(speech, noises, seed=seed, pairs=series.pairs))) for series in all_series
    ]


class Versions:
    """The digest that results of a setting and an engine are kept under, computed once."""

    def __init__(self) -> None:
        self._bench = digest(THROUGH, "tests")
        self._engine = digest("heard.recognizer.stream", "heard.recognizer") + digest(
            ENGINE, "heard.recognizer"
        )
        self._compare = "".join(digest(module, "heard.compare") for module in COMPARE)
        self._stream = digest("heard.denoise.stream", "heard.denoise")
        self._backends: dict[str, str] = {LOOP: ""}  # the bench's own

    def key(self, mix: Mix, setting: Setting, engine: str) -> Key:
        """Return the key of a result."""
        if setting.backend not in self._backends:
            self._backends[setting.backend] = _backend_digest(setting.backend)
        parts = (self._bench, self._compare, self._engine, self._stream, self._backends[setting.backend])
        return Key(mix, setting, engine, "-".join(parts))


def _backend_digest(name: str) -> str:
    made = type(factories()[name]()).__module__
    within = "heard.denoise" if name in FACTORIES else made
    return digest(made, within)


def tasks(asked: Sequence[Wanted], kept: Kept, versions: Versions, corpus: Path) -> list[Task]:
    """Return what is still to be done, series by turns: a run that ends early has some of each."""
    claimed: set[str] = set()
    queues: list[list[Task]] = []
    for each in asked:
        series, queue = each.series, list[Task]()
        for mix in each.mixes:
            keys = {setting: versions.key(mix, setting, series.engine) for setting in series.settings}
            missing = tuple(
                setting
                for setting, key in keys.items()
                if key.text() not in claimed and kept.get(key) is None
            )
            claimed.update(keys[setting].text() for setting in missing)
            if missing:
                queue.append(Task(corpus, mix, missing, series.engine, series.sound))
        queues.append(queue)
    found: list[Task] = []
    while any(queues):
        for queue, each in zip(queues, asked, strict=True):
            found += queue[: each.series.share]
            del queue[: each.series.share]
    return found


def run(
    waiting: Sequence[Task],
    keep: Callable[[Task, dict[Setting, Outcome]], None],
    *,
    jobs: int,
    until_s: float | None = None,
) -> None:
    """Do the tasks, in order, in `jobs` processes; none begins after `until_s` of the monotonic clock.

    `keep` is called here, whenever a task is done.

    Raises:
        TimeoutError: a task took longer than any can.
    """
    # As the stage computes: on one core each.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    left = list(waiting)
    going: dict[Future[dict[Setting, Outcome]], Task] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=begin) as pool:
        try:
            while True:
                while left and len(going) < jobs and (until_s is None or time.monotonic() < until_s):
                    task = left.pop(0)
                    going[pool.submit(done, task)] = task
                if not going:
                    return
                for each in _ended(going):
                    keep(going.pop(each), each.result())
        except BaseException:
            # What is running is given up with its process: leaving must not wait for it.
            for process in list(pool._processes.values()):
                process.terminate()
            raise


def _ended(going: dict[Future[dict[Setting, Outcome]], Task]) -> set[Future[dict[Setting, Outcome]]]:
    """Wait for one of them at least.

    Raises:
        TimeoutError: a task took longer than any can.
    """
    ended, _ = wait(going, timeout=TASK_LIMIT_S, return_when=FIRST_COMPLETED)
    if not ended:
        name = next(iter(going.values())).mix.name
        raise TimeoutError(f"{name}: must be done within {TASK_LIMIT_S:g} s, is not")
    return ended
