"""Finals as text, JSON, SRT and WebVTT: readable, in order, and valid for a strict reader."""

import html
import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.cli.formats import (
    CUE_LINES,
    FORMATS,
    LINE_CHARACTERS,
    Cue,
    cues,
    render,
    srt,
    vtt,
)
from heard.wire.codec import Body, WireError

STARTED = 1_700_000_000.0


def final(text: str, start: float, seconds_a_word: float = 0.3, **more: object) -> Body:
    """Return a final said from `start` seconds of the source on, its words one after the other."""
    words = [
        {
            "text": word,
            "start": STARTED + start + n * seconds_a_word,
            "end": STARTED + start + (n + 0.8) * seconds_a_word,
            "confidence": 0.9,
            "final": True,
        }
        for n, word in enumerate(text.split())
    ]
    end = STARTED + start + len(words) * seconds_a_word
    return {
        "source": "file", "turn_id": f"t{start}", "text": text, "start": STARTED + start, "end": end,
        "words": words, "confidence": 0.9,
    } | more  # fmt: skip


TURNS = [
    final("And so, my fellow Americans: ask not what your country can do for you.", 0.5),
    final("Ask what you can do for your country.", 7.0),
]


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.replace(",", ".").split(":")
    assert (len(hours), len(minutes), len(rest)) == (2, 2, 6)
    assert int(minutes) < 60
    assert float(rest) < 60
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def read_srt(text: str) -> list[Cue]:
    """Read SubRip, strictly: numbers from 1, blank lines between, nothing else."""
    found = []
    for number, block in enumerate(text.removesuffix("\n").split("\n\n") if text else [], 1):
        counter, times, *lines = block.split("\n")
        assert counter == str(number)
        match = re.fullmatch(r"(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})", times)
        assert match
        assert lines
        assert all("-->" not in line and line.strip() for line in lines)
        found.append(Cue(seconds(match[1]), seconds(match[2]), tuple(lines)))
    return found


def read_vtt(text: str) -> list[Cue]:
    """Read WebVTT, strictly: the header, blocks apart, no bare ampersand or angle bracket in a cue."""
    header, _, rest = text.partition("\n")
    assert header == "WEBVTT"
    found = []
    for block in rest.removeprefix("\n").removesuffix("\n").split("\n\n") if rest else []:
        times, *lines = block.split("\n")
        match = re.fullmatch(r"(\d\d:\d\d:\d\d\.\d{3}) --> (\d\d:\d\d:\d\d\.\d{3})", times)
        assert match
        assert lines
        for line in lines:
            assert "<" not in line
            assert "-->" not in line
            assert not re.search(r"&(?!amp;|lt;|gt;)", line)
        found.append(Cue(seconds(match[1]), seconds(match[2]), tuple(html.unescape(line) for line in lines)))
    return found


def words_of(found: list[Cue]) -> list[str]:
    return " ".join(line for cue in found for line in cue.lines).split()


def test_text_has_a_line_for_each_turn_in_the_order_in_which_they_were_said() -> None:
    """A backfilled turn is published late and belongs before the others."""
    assert render(TURNS[::-1], "text", STARTED) == "".join(f"{turn['text']}\n" for turn in TURNS)


def test_json_counts_from_the_start_of_the_source() -> None:
    """One object: the whole text, and each turn with its words."""
    whole = json.loads(render(TURNS, "json", STARTED))
    assert whole["v"] == 1
    assert whole["text"] == " ".join(str(turn["text"]) for turn in TURNS)
    assert [(turn["start_s"], turn["end_s"]) for turn in whole["turns"]] == [(0.5, 4.7), (7.0, 9.4)]
    assert whole["turns"][1]["words"][0] == {
        "text": "Ask", "start_s": 7.0, "end_s": 7.24, "confidence": 0.9
    }  # fmt: skip


def test_subtitles_of_a_known_recording() -> None:
    """The whole output, once, for a person to judge: two lines at most, broken evenly, true times."""
    assert render(TURNS, "srt", STARTED) == (
        "1\n00:00:00,500 --> 00:00:04,640\n"
        "And so, my fellow Americans: ask not\nwhat your country can do for you.\n\n"
        "2\n00:00:07,000 --> 00:00:09,340\n"
        "Ask what you can do for your country.\n"
    )
    assert render(TURNS[1:], "vtt", STARTED) == (
        "WEBVTT\n\n00:00:07.000 --> 00:00:09.340\nAsk what you can do for your country.\n"
    )


def test_cues_end_where_a_reader_breathes() -> None:
    """At the end of a sentence, at a pause, and before they stand for too long."""
    sentences = list(cues([final("Yes. No! Why? Because.", 0.0, 1.2)], STARTED))
    assert [cue.lines for cue in sentences] == [("Yes.",), ("No!",), ("Why?",), ("Because.",)]
    slow = list(cues([final("one two three four five six seven eight", 0.0, 1.5)], STARTED))
    assert [len(cue.lines[0].split()) for cue in slow] == [4, 4]
    spoken = [(0.0, 0.4), (1.5, 1.9)]
    words = [{"start": STARTED + start, "end": STARTED + end} for start, end in spoken]
    pause = final("before after", 0.0) | {"words": words}
    assert [cue.lines for cue in cues([pause], STARTED)] == [("before",), ("after",)]


def test_words_that_do_not_match_the_text_share_its_time() -> None:
    """Formatting may turn three spoken words into one written."""
    turn = final("one hundred and five", 2.0, 0.5) | {"text": "105 people"}
    (cue,) = cues([turn], STARTED)
    assert (cue.lines, cue.start_s, cue.end_s) == (("105 people",), 2.0, 4.0)


def test_markup_in_what_was_said_is_text() -> None:
    """WebVTT escapes it; SubRip, which cannot, must at least stay readable."""
    turn = final("<b>AT&T</b> --> x\x00\x1b", 1.0)
    (cue,) = read_vtt(render([turn], "vtt", STARTED))
    assert cue.lines == ("<b>AT&T</b> --> x",)
    assert read_srt(render([turn], "srt", STARTED))[0].lines == ("<b>AT&T</b> → x",)


def test_hours_and_beyond() -> None:
    """A day of recording is no reason for a wrong clock."""
    cue = Cue(3600 * 25 + 61.0006, 3600 * 25 + 62.9996, ("late",))
    assert srt([cue]).splitlines()[1] == "25:01:01,001 --> 25:01:03,000"
    assert vtt([cue]).splitlines()[2] == "25:01:01.001 --> 25:01:03.000"


@pytest.mark.parametrize(("form", "expected"), [("text", ""), ("srt", ""), ("vtt", "WEBVTT\n")])
def test_silence_gives_a_valid_empty_file(form: str, expected: str) -> None:
    """Nothing was said."""
    assert render([], form, STARTED) == expected
    assert render([final("", 1.0)], form, STARTED) == expected


def test_what_cannot_be_rendered_is_refused() -> None:
    """An unknown format, and a body of another shape."""
    with pytest.raises(ValueError, match=r"must be one of .*, not 'xml'"):
        render([], "xml", STARTED)
    for form in FORMATS:
        with pytest.raises(WireError):
            render([{"text": 3}], form, STARTED)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=300) | st.lists(
    st.sampled_from(
        ["word", "a", "-->", "&amp;", "<i>", "end.", "x" * 50, "日本語", "\u2028", "WEBVTT", "1"]
    ),
    max_size=30,
).map(" ".join)
SAID = st.lists(st.tuples(TEXTS, st.floats(-5, 4000), st.floats(0, 3)), max_size=6)


@given(SAID, st.booleans())
def test_any_transcript_makes_valid_subtitles(said: list[tuple[str, float, float]], timed: bool) -> None:
    """Read back by a strict reader: all words in order, lines within their measure, times ascending."""
    turns = [final(text, start, pace) for text, start, pace in said]
    turns = turns if timed else [turn | {"words": []} for turn in turns]
    for form, read in (("srt", read_srt), ("vtt", read_vtt)):
        found = read(render(turns, form, STARTED))
        assert all(len(cue.lines) <= CUE_LINES for cue in found)
        longest = max((len(line) for cue in found for line in cue.lines), default=0)
        # An arrow takes three characters less in SubRip, never more.
        assert longest <= LINE_CHARACTERS
        assert all(cue.start_s <= cue.end_s for cue in found)
        assert all(first.end_s <= second.start_s for first, second in pairwise(found))
        expected = render(turns, "text", STARTED)
        if form == "srt":
            expected = expected.replace("-->", "→")
        assert "".join(words_of(found)) == "".join(expected.split())
