"""Everything together: the real backends, the real recognizer, real speech."""

from functools import partial
from pathlib import Path

import pytest

from heard.compare.grid import OFF, Setting
from heard.compare.hear import loaded, transcript
from heard.compare.recording import read
from heard.compare.run import counted, tried
from heard.denoise.registry import Registry

from ...support.corpus import utterance

GATE, LOUD = Setting("gate", 0.3), Setting("gate", 1.0)


def test_every_setting_hears_every_recording(tmp_path: Path) -> None:
    """Words, cost, delay, noise, a picture and the audio of each."""
    spoken = [utterance("vctk-p226-016"), utterance("arctic-aew-a0001")]
    recordings = [read(each.path, 1, each.name) for each in spoken]
    told: list[str] = []
    found = tried(
        recordings,
        (OFF, GATE),
        partial(transcript, loaded("moonshine-tiny")),
        Registry(),
        keep=tmp_path,
        picture=(8, 20),
        doing=told.append,
    )
    assert len(told) == 4
    assert [each.delay_ms for each in found] == [0, 112]
    assert found[0].lowered_db == 0
    assert 0 < (found[1].lowered_db or 0) < 3.2
    assert 0 < found[1].compute_s < 10
    assert [each.shades.shape for each in found if each.shades is not None] == [(8, 20)] * 2
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == sorted(f"{each.name}.{way}.wav" for each in spoken for way in ("off", "gate-0.3"))
    assert (read(found[0].kept[0], 1, "a").pcm == recordings[0].pcm).all()
    result = counted({each.setting: each.said for each in found}, [each.transcript for each in spoken])
    assert result.words == sum(len(each.transcript.split()) for each in spoken)
    assert all(rate is not None and rate <= 25 for rate in result.rates.values())


def test_words_are_counted_by_the_reference() -> None:
    """The difference to `off` in points, piece by piece."""
    said = {OFF: ["a b c d x x"], GATE: ["a b c d e f"], LOUD: ["x x x x x x"]}
    found = counted(said, ["a b c d e f"])
    assert found.rates == {OFF: pytest.approx(100 / 3), GATE: 0, LOUD: 100}
    assert found.against_off[GATE].points == pytest.approx(-100 / 3)
    assert OFF not in found.against_off


def test_without_a_reference_the_majority_is_the_truth() -> None:
    """Recording by recording; the odd one out is away from it."""
    said = {OFF: ["a b", "c d"], GATE: ["a b", "c d"], LOUD: ["a x", "c d"]}
    found = counted(said, [])
    assert found.truth == [["a", "b"], ["c", "d"]]
    assert found.rates == {OFF: 0, GATE: 0, LOUD: 25}
    assert found.against_off == {}
    assert found.differs[LOUD].points == 25
    assert found.agreement == [[1, 1, 0.75], [1, 1, 0.75], [0.75, 0.75, 1]]
    assert found.surely[OFF].high == 0
    assert 0 <= found.surely[LOUD].low < 25 < found.surely[LOUD].high <= 50


def test_where_nothing_is_said_nothing_is_counted() -> None:
    """Silence has no word error rate."""
    found = counted({OFF: [""], GATE: [""]}, [])
    assert (found.words, found.against_off, found.differs) == (0, {}, {})
    assert found.rates == {OFF: None, GATE: None}
