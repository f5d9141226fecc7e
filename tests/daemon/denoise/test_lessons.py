"""Learning the noise: from the order to its answer."""

from pathlib import Path

import numpy as np
import pytest

from heard.denoise.lessons import LATE_S, Lessons
from heard.denoise.passage import Passage
from heard.denoise.pcm import Pcm
from heard.denoise.profile import Profiles
from heard.denoise.registry import Registry
from heard.settings import Denoise
from heard.wire.audio import End
from heard.wire.control import Code, ControlError
from heard.wire.report import Answer

from .made import block

RATE_HZ = 16_000
START = 1000.0
"""UTC at which sample 0 is captured."""
BACKENDS = ["gate", "gate-fast", "noisereduce"]


class Room:
    """One source and what it learns."""

    def __init__(self, state: Path, **denoise: str) -> None:
        self.profiles = Profiles(state)
        self.passage = Passage("mic", Registry(), Denoise(**denoise), self.profiles)  # type: ignore[arg-type]  # all are text
        self.lessons = Lessons(self.profiles)
        self.sample = 0

    def hear(self, pcm: Pcm, end: End = End.NO) -> None:
        """Let the source hear something."""
        self.passage.feed(block(pcm, self.sample, end=end))
        self.passage.take()
        self.sample += len(pcm)

    def answers(self, now: float) -> list[Answer]:
        """Return the answers that are due."""
        return list(self.lessons.answers(now))


def _hiss(seconds: float) -> Pcm:
    rng = np.random.default_rng(7)
    return np.rint(327.68 * rng.standard_normal(round(RATE_HZ * seconds))).astype(np.int16)


def test_what_is_heard_from_now_on_is_kept_and_answered_once(tmp_path: Path) -> None:
    room = Room(tmp_path, backend="off")
    room.hear(_hiss(1) // 8)
    room.lessons.begin(5, room.passage, 1.0, 0.0, START)
    room.hear(_hiss(0.7))
    assert room.answers(0.7) == []
    room.hear(_hiss(0.7))
    [answer] = room.answers(1.4)
    assert (answer.number, answer.code) == (5, None)
    assert answer.result == {"noise_dbfs": -40.0, "seconds": 1.0, "in_force": False, "backends": BACKENDS}
    assert room.answers(9) == []
    profile = room.profiles.load("mic", "learned")
    assert profile is not None
    np.testing.assert_array_equal(profile.pcm[: 7 * 1600], _hiss(0.7))


def test_where_the_learned_noise_is_chosen_it_is_in_force_at_once(tmp_path: Path) -> None:
    """Also where there was none before, and where there was another."""
    room = Room(tmp_path, backend="gate", noise="learned")
    assert room.passage.fault is not None
    for number in range(2):
        room.lessons.begin(number, room.passage, 0.5, 0.0, START)
        room.hear(_hiss(1))
        [answer] = room.answers(1)
        assert answer.result["in_force"] is True
        assert room.passage.noise_in_force == "learned"
        assert not room.passage.fault


@pytest.mark.parametrize("seconds", [0.4, 25.1, -1.0, float("nan"), float("inf")])
def test_too_short_or_too_long_is_refused(tmp_path: Path, seconds: float) -> None:
    room = Room(tmp_path)
    with pytest.raises(ControlError, match=r"seconds: must be 0.5 to 25, not") as caught:
        room.lessons.begin(1, room.passage, seconds, 0.0, START)
    assert caught.value.code is Code.BAD_VALUE
    assert room.passage.learning is None


def test_one_at_a_time(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.lessons.begin(1, room.passage, 2.0, 0.0, START)
    with pytest.raises(ControlError, match="mic is learning its noise already"):
        room.lessons.begin(2, room.passage, 2.0, 0.0, START)


def test_what_comes_again_in_a_new_pass_is_measured_once(tmp_path: Path) -> None:
    room = Room(tmp_path, backend="off")
    pcm = _hiss(1)
    room.lessons.begin(1, room.passage, 1.0, 0.0, START)
    for at, stop, pass_no in ((0, 8000, 0), (4000, 12_000, 1), (12_000, 16_000, 1)):
        room.passage.feed(block(pcm[at:stop], at, pass_no=pass_no))
    [answer] = room.answers(1)
    assert answer.code is None
    profile = room.profiles.load("mic", "learned")
    assert profile is not None
    np.testing.assert_array_equal(profile.pcm, pcm)


def test_what_was_captured_before_does_not_count(tmp_path: Path) -> None:
    """After a crash it comes in late."""
    room = Room(tmp_path, backend="off")
    room.lessons.begin(1, room.passage, 0.5, 0.0, START + 2)
    for level in (8, 4, 1, 1):
        room.hear(_hiss(1) // level)
    [answer] = room.answers(1)
    assert answer.result["noise_dbfs"] == pytest.approx(-40, abs=0.2)


def test_a_source_that_stops_or_delivers_nothing_learns_nothing(tmp_path: Path) -> None:
    """It can be tried again."""
    room = Room(tmp_path, backend="off")
    room.lessons.begin(1, room.passage, 2.0, 0.0, START)
    room.hear(_hiss(1), End.MUTED)
    [answer] = room.answers(1.0)
    assert (answer.code, answer.message) == (
        Code.NOT_AVAILABLE,
        "mic: muted after 1.0 s: nothing was learned",
    )
    room.lessons.begin(2, room.passage, 2.0, 10.0, START)
    assert room.answers(12.0 + LATE_S - 0.1) == []
    [answer] = room.answers(12.0 + LATE_S)
    assert answer.message == "mic: no more came in time after 0.0 s: nothing was learned"
    assert not room.profiles.path("mic").exists()


def test_silence_is_no_noise_and_what_was_learned_before_stays(tmp_path: Path) -> None:
    room = Room(tmp_path, backend="gate", noise="learned")
    for number, pcm in enumerate((_hiss(1), np.zeros(RATE_HZ, np.int16))):
        room.lessons.begin(number, room.passage, 0.5, 0.0, START)
        room.hear(pcm)
        [answer] = room.answers(1)
    assert answer.message == "mic: digital silence; must be noise of the room"
    assert room.passage.noise_in_force == "learned"


def test_a_profile_that_cannot_be_kept_is_not_in_force(tmp_path: Path) -> None:
    (tmp_path / "noise").write_text("in the way")
    room = Room(tmp_path, backend="gate", noise="learned")
    room.lessons.begin(1, room.passage, 0.5, 0.0, START)
    room.hear(_hiss(1))
    [answer] = room.answers(1)
    assert answer.code is Code.NOT_AVAILABLE
    assert "cannot be written" in answer.message
    assert room.passage.noise_in_force == "tracked"
