"""The bench that asks whether a vote knows the best setting."""

import json
from pathlib import Path

import pytest

from heard.compare.grid import DEFAULT, OFF

from .majority import both, kept

MIX = {"part": "development", "utterance": "u", "noise": "rain", "snr_db": 5, "seed": 1}


def line(backend: str, mix: float, said: str, engine: str = "moonshine-tiny") -> str:
    key = {"engine": engine, "mix": MIX, "setting": {"backend": backend, "mix": mix}, "version": "v"}
    return json.dumps({"key": json.dumps(key), "outcome": {"said": said}})


def test_the_lonely_setting_may_be_the_right_one(tmp_path: Path) -> None:
    """Kept transcripts are read, other engines left out; words and votes are counted apart."""
    lines = [line(each.backend, each.mix, "a x c d") for each in DEFAULT[:-1]]
    lines += [line("deepfilter", 0.5, "a b c d"), line("deepfilter", 0.5, "", engine="moonshine-base")]
    (tmp_path / "results.jsonl").write_text("\n\n".join(lines))
    by_words, by_vote = both(kept(tmp_path), {"u": "a b c d"})
    assert (by_words.rates[OFF], by_words.rates[DEFAULT[-1]]) == (25, 0)
    assert (by_vote.rates[OFF], by_vote.rates[DEFAULT[-1]]) == (0, 25)
    assert by_words.against_off[DEFAULT[-1]].points == pytest.approx(-25)
