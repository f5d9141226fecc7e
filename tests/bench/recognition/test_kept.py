"""Kept results: found again by their key alone, and a run that was killed loses one at most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from heard.compare.grid import Setting

from .kept import Kept
from .measures import Quality
from .mixes import Mix
from .outcome import Key, Outcome

KEY = Key(Mix("development", "speech", "rain", 5, 7), Setting("gate", 0.3), "moonshine-tiny", "abc")
OUTCOME = Outcome("some words", 1, 1, 3, 8.5, 0.25, Quality(3.5, 0.9, None, -1.5))


def test_a_result_is_found_by_a_later_run(tmp_path: Path) -> None:
    """With and without what was measured of its sound."""
    kept = Kept(tmp_path / "new")
    kept.put(KEY, OUTCOME)
    silent = replace(KEY, engine="moonshine-base")
    kept.put(silent, replace(OUTCOME, quality=None))
    again = Kept(tmp_path / "new")
    assert again.get(KEY) == OUTCOME
    assert again.get(silent) == replace(OUTCOME, quality=None)
    assert again.unreadable == 0


def test_other_code_another_mix_or_setting_is_another_result(tmp_path: Path) -> None:
    """Nothing is taken for what it is not."""
    kept = Kept(tmp_path)
    kept.put(KEY, OUTCOME)
    assert kept.get(replace(KEY, version="abd")) is None
    assert kept.get(replace(KEY, setting=Setting("gate", 0.5))) is None
    assert kept.get(replace(KEY, mix=replace(KEY.mix, snr_db=10))) is None


def test_half_a_line_costs_one_result(tmp_path: Path) -> None:
    """A run that was killed while writing leaves half a line; what comes before and after it counts."""
    kept = Kept(tmp_path)
    kept.put(KEY, OUTCOME)
    with (tmp_path / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"key": "half of')
    later = Kept(tmp_path)
    later.put(replace(KEY, version="abd"), OUTCOME)
    found = Kept(tmp_path)
    assert found.unreadable == 1
    assert found.get(KEY) == found.get(replace(KEY, version="abd")) == OUTCOME
