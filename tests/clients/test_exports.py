"""Finals as text, JSON, SRT and WebVTT: readable, in order, and valid for a strict reader."""

import html
import json
import math
import re
from datetime import timedelta, timezone
from itertools import pairwise

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from heard.wire.codec import Body, WireError
from heard_client.cues import CUE_LINES, CUE_S, LINE_CHARACTERS, Cue, cues
from heard_client.exports import FORMATS, JOINER, dated, markdown, render, srt, vtt

STARTED = 1_700_000_000.0
WIDE = "\uff5b\uff5d"
"""Braces in SubRip."""


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
        found.append(
            Cue(seconds(match[1]), seconds(match[2]), tuple(line.replace(JOINER, "") for line in lines))
        )
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


def by_pysubs2(written: str) -> list[Cue]:
    """Read SubRip as a stranger's library does, which obeys what it takes for markup."""
    return [
        Cue(event.start / 1000, event.end / 1000, tuple(event.plaintext.replace(JOINER, "").split("\n")))
        for event in pysubs2.SSAFile.from_string(written, format_="srt")
    ]


def by_webvtt(written: str) -> list[Cue]:
    """Read WebVTT as a stranger's library does; escapes are for the player."""
    return [
        Cue(seconds(each.start), seconds(each.end), tuple(html.unescape(line) for line in each.lines))
        for each in webvtt.from_string(written).captions
    ]


READERS = (
    *(("srt", reader) for reader in (read_srt, by_pysubs2)),
    *(("vtt", reader) for reader in (read_vtt, by_webvtt)),
)
"""Ours are strict, the others are what people use."""


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
    turn = final("<b>AT&T</b> --> x\x00\x1b {\\an8}up {y:i} a\\Nb </font>", 1.0)
    shown = "<b>AT&T</b> --> x {\\an8}up {y:i} a\\Nb </font>"
    for form, read in READERS:
        said = " ".join(line for cue in read(render([turn], form, STARTED)) for line in cue.lines)
        assert said == (shown.translate(str.maketrans("{}", WIDE)) if form == "srt" else shown)
    page = MarkdownIt("gfm-like", {"linkify": False}).render(markdown([turn], UTC))
    assert "&lt;b&gt;AT&amp;T&lt;/b&gt; --&gt; x {\\an8}up {y:i} a\\Nb &lt;/font&gt;</p>" in page


UTC = timezone.utc  # noqa: UP017  # beside the other zone


def test_a_document_for_people() -> None:
    """Days, times and names; at midnight another day begins."""
    zone = timezone(timedelta(hours=2, minutes=30))
    late = [final("Good night.", 3600 - 794), final("*Good* [morning](x)", 3600 - 789, source="li_ne")]
    assert markdown(late, zone) == (
        "# Transcript\n\nTimes are UTC+02:30.\n\n## 2023-11-15\n\n"
        "**01:30:06 file** Good night.\n\n"
        "**01:30:11 li\\_ne** \\*Good\\* \\[morning\\](x)\n"
    )
    assert markdown(late, UTC).count("## 2023-11-14") == 1
    over = [final("one", 3600 * 1.77), final("two", 3600 * 1.8)]
    assert re.findall("## (.*)", markdown(over, UTC)) == ["2023-11-14", "2023-11-15"]
    assert markdown([], UTC) == ""
    assert dated(late[0], UTC) == "2023-11-14 23:00:06 file: Good night.\n"
    assert dated(final("", 1.0), UTC) == ""


def test_two_people_at_once_keep_their_times() -> None:
    """Each cue says whose it is; those of one source never overlap, those of two do where the people did."""
    turns = [
        final("I think that we should go now.", 0.0, source="mic"),
        final("No! Wait for me.", 1.0, source="line"),
        final("Alright then.", 3.0, source="mic"),
    ]
    found = cues(turns, STARTED)
    assert [(cue.start_s, cue.lines[0].split()[0]) for cue in found] == [
        (0.0, "mic:"), (1.0, "line:"), (1.3, "line:"), (3.0, "mic:")
    ]  # fmt: skip
    assert found[0].end_s > found[1].start_s
    for form, read in READERS:
        assert read(render(turns, form, STARTED)) == found


def test_speakers_are_told_apart() -> None:
    """Another speaker is another cue with the name before it, and the source's where there are several."""
    turn = final("How are you? Fine and you?", 0.0)
    words = turn["words"]
    assert isinstance(words, list)
    for number, word in enumerate(words):
        word["speaker"] = "A" if number < 3 else "B"
    assert [cue.lines for cue in cues([turn], STARTED)] == [("A: How are you?",), ("B: Fine and you?",)]
    labels = {cue.lines[0] for cue in cues([turn, final("x", 9.0, source="line")], STARTED)}
    assert labels == {"file A: How are you?", "file B: Fine and you?", "line: x"}
    assert "**22:13:20 file** How" in markdown([turn], UTC)


def test_no_cue_stands_longer_than_it_may() -> None:
    """Not even for one word that the service stretched; and times that are no numbers do no harm."""
    drawl = final("well", 0.0) | {"words": [{"text": "well", "start": STARTED, "end": STARTED + 60}]}
    assert [(cue.start_s, cue.end_s) for cue in cues([drawl], STARTED)] == [(0.0, CUE_S)]
    broken = final("well", 0.0) | {"start": math.nan, "words": [{"start": math.inf, "end": -math.inf}]}
    for form in FORMATS:
        assert "well" in render([broken], form, STARTED, UTC)


def test_what_was_over_before_zero_is_left_out() -> None:
    """A film that began in the middle of a turn: its first cue is what is still being said."""
    turn = final("Gone is this. Half of it stays. All of it.", -2.0, 0.5)
    assert [(cue.start_s, cue.end_s, cue.lines) for cue in cues([turn], STARTED)] == [
        (0.0, 1.4, ("Half of it stays.",)),
        (1.5, 2.9, ("All of it.",)),
    ]


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
        [
            "word",
            "a",
            "-->",
            "{\\b1}",
            "</i>",
            "<00:01>",
            "NOTE",
            "00:00:01,000",
            "\\N",
            "&amp;",
            "<i>",
            "end.",
            "x" * 50,
            "日本語",
            "\u2028",
            "WEBVTT",
            "1",
        ]
    ),
    max_size=30,
).map(" ".join)
SAID = st.lists(st.tuples(TEXTS, st.floats(0, 4000), st.floats(0, 3)), max_size=6)


@settings(max_examples=50)
@given(SAID, st.booleans())
def test_any_transcript_makes_valid_subtitles(said: list[tuple[str, float, float]], timed: bool) -> None:
    """Read back by a strict reader: all words in order, lines within their measure, times ascending."""
    turns = [final(text, start, pace) for text, start, pace in said]
    turns = turns if timed else [turn | {"words": []} for turn in turns]
    for form, read in (("srt", read_srt), ("vtt", read_vtt)):
        found = read(render(turns, form, STARTED))
        assert all(len(cue.lines) <= CUE_LINES for cue in found)
        longest = max((len(line) for cue in found for line in cue.lines), default=0)
        assert longest <= LINE_CHARACTERS
        assert all(cue.start_s <= cue.end_s <= cue.start_s + CUE_S + 0.001 for cue in found)
        assert all(first.end_s <= second.start_s for first, second in pairwise(found))
        expected = render(turns, "text", STARTED)
        if form == "srt":
            expected = expected.translate(str.maketrans("{}", WIDE))
        assert "".join(words_of(found)) == "".join(expected.split())
