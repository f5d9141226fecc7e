"""What was heard as bodies."""

from heard.upstream.backlog import Backlog
from heard.upstream.happenings import HeardTurn, HeardWord
from heard.upstream.messages import Relabelled, Turn, Word
from heard.upstream.transcripts import Label, Share, body, latency, relabelled, share
from heard.wire.audio import Block
from heard.wire.codec import Body, pack


def heard(*times: tuple[int, int], final: bool = True, text: str | None = None) -> HeardTurn:
    """Return a turn of words w0, w1 … at these samples."""
    words = tuple(HeardWord(f"w{n}", a, b, 0.5, final=False, speaker=None) for n, (a, b) in enumerate(times))
    text = " ".join(word.text for word in words).capitalize() + "." if text is None else text
    plain = tuple(Word(word.text, 0, 0) for word in words)
    return HeardTurn(0, final, Turn(0, transcript=text, words=plain, language="en"), words, 0.0)


def test_a_turn_that_is_all_ones_own_keeps_its_text() -> None:
    """Punctuation and capitals are the service's."""
    assert share(heard((0, 10), (10, 20)), 0, None) == Share("W0 w1.", heard((0, 10), (10, 20)).words)


def test_a_word_belongs_to_the_side_on_which_its_middle_lies() -> None:
    """Of a seam at sample 15; each word is on one side, none on both."""
    turn = heard((0, 10), (8, 20), (12, 30))
    before, behind = share(turn, 0, 15), share(turn, 15, None)
    assert before is not None
    assert behind is not None
    assert (before.text, behind.text) == ("w0 w1", "w2")
    assert before.end == 20


def test_nothing_of_ones_own_is_nothing() -> None:
    """Nor is a turn without text."""
    assert share(heard((0, 10)), 50, None) is None
    assert share(heard(text=""), 0, None) is None


def test_a_body_has_the_contracts_fields() -> None:
    """UTC times, mean confidence, language, speaker where there is one; and it can be packed."""
    backlog = Backlog(1000)
    backlog.add(Block("mic", 0, 100.0, bytes(2 * 1000), handed=101.0, denoised=101.1))
    turn = heard((100, 200), (200, 300))
    part = share(turn, 0, None)
    assert part is not None
    made = body(Label("mic", "run-mic-0", "s1", backfill=False), turn, part, backlog, {"capture": 1.0})
    assert made == {
        "source": "mic",
        "turn_id": "run-mic-0",
        "session": "s1",
        "text": "W0 w1.",
        "start": 100.1,
        "end": 100.3,
        "words": [
            {"text": "w0", "start": 100.1, "end": 100.2, "confidence": 0.5, "final": True},
            {"text": "w1", "start": 100.2, "end": 100.3, "confidence": 0.5, "final": True},
        ],
        "confidence": 0.5,
        "language": "en",
        "backfill": False,
        "latency_ms": {"capture": 1.0},
    }
    pack(made)


def test_new_speakers_leave_the_rest_alone() -> None:
    """A speaker a word, else the turn's."""
    final: Body = {"turn_id": "t", "words": [{"text": "a"}, {"text": "b", "speaker": "A"}]}
    assert relabelled(final, Relabelled(0, "C", ("B",))) == {
        "turn_id": "t",
        "words": [{"text": "a", "speaker": "B"}, {"text": "b", "speaker": "C"}],
    }
    assert relabelled(final, Relabelled(0, None, ())) == final


def test_latency_is_never_negative_and_adds_up() -> None:
    """Also where clocks or marks are out of order."""
    assert latency(1.0, 1.1, 1.3, 1.6, 2.0) == {
        "capture": 100.0,
        "denoise": 200.0,
        "upstream": 300.0,
        "recognize": 400.0,
    }
    assert latency(1.0, 0.5, 1.2, 1.1, 1.5) == {
        "capture": 0.0,
        "denoise": 200.0,
        "upstream": 0.0,
        "recognize": 300.0,
    }
