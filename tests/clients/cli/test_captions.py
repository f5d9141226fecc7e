"""What `heardctl listen` makes of messages, without a terminal."""

from heard.wire.codec import Body, pack
from heard_client.cli.captions import PARTIAL_LINES, Captions, as_text
from heard_client.messages import Message
from heard_client.parsing import parse

from ..peers import final


def message(topic: str, body: Body, run: str = "r") -> Message:
    read = parse(topic, pack({"v": 1, "run": run, "seq": 1, "time": 1.0} | body))
    assert read is not None
    return read


def texts(captions: Captions, columns: int = 79) -> list[str]:
    return [line.text for line in captions.lines(columns)]


def test_a_partial_is_replaced_and_its_final_stays() -> None:
    """The moving part holds the open turn of each source and nothing else."""
    captions = Captions()
    assert captions.take(message("transcript.partial.mic", final("so")), 79) == []
    assert captions.take(message("transcript.partial.mic", final("so far")), 79) == []
    captions.take(message("transcript.partial.line", final("yes", "t2")), 79)
    assert texts(captions) == ["mic: so far", "line: yes"]
    added = captions.take(message("transcript.final.mic", final("So far.")), 79)
    assert [line.text for line in added] == ["mic: So far."]
    assert texts(captions) == ["line: yes"]


def test_a_backfilled_final_leaves_the_open_turn_alone() -> None:
    """What was said during an outage arrives while somebody speaks."""
    captions = Captions(named=False)
    captions.take(message("transcript.partial.mic", final("now", "t2")), 79)
    captions.take(message("transcript.final.mic", final("Before.", "t1", backfill=True)), 79)
    assert texts(captions) == ["now"]


def test_a_new_run_ends_the_open_turns() -> None:
    """The daemon that would have finished them is gone."""
    captions = Captions()
    captions.take(message("transcript.partial.mic", final("never fin")), 79)
    captions.take(message("status", {}, run="r2"), 79)
    assert texts(captions) == []


def test_a_final_of_the_run_before_that_comes_late_ends_no_open_turn() -> None:
    """It was missed, and is fetched while the next run's first turn is being spoken."""
    captions = Captions()
    captions.take(message("transcript.partial.mic", final("so", "t9"), run="r2"), 79)
    captions.take(message("transcript.final.mic", final("Before.", "t1"), run="r"), 79)
    assert texts(captions) == ["mic: so"]


def test_long_turns_fit_the_terminal() -> None:
    """A final is broken into lines below each other; of a partial the end is shown."""
    captions = Captions()
    words = " ".join(f"word{n}" for n in range(40))
    captions.take(message("transcript.partial.mic", final(words)), 40)
    assert len(texts(captions, 40)) == PARTIAL_LINES
    assert texts(captions, 40)[-1].endswith("word39")
    added = [line.text for line in captions.take(message("transcript.final.mic", final(words)), 40)]
    assert all(len(line) <= 40 for line in added)
    assert all(line.startswith("     word") for line in added[1:])


def test_each_source_keeps_a_colour_of_its_own() -> None:
    """In the order in which they first spoke; none where colours are off."""
    captions = Captions()
    first = captions.take(message("transcript.final.mic", final("a")), 79)[0].style
    second = captions.take(message("transcript.final.line", final("b")), 79)[0].style
    again = captions.take(message("transcript.final.mic", final("c")), 79)[0].style
    assert first == again != second
    plain = Captions(colours=False)
    assert plain.take(message("transcript.final.mic", final("a")), 79)[0].style == ""
    plain.take(message("transcript.partial.mic", final("a")), 79)
    assert [line.style for line in plain.lines(79)] == [""]


def test_events_that_matter_to_a_reader_are_noted() -> None:
    """What is every day's business of a session is not."""
    captions = Captions()
    noted = {
        ("source.mic", "lost"): "(mic: lost, unplugged)",
        ("upstream.mic", "outage"): "(mic: outage, no network)",
        ("upstream.mic", "open"): None,
    }
    for (topic, event), expected in noted.items():
        body: Body = {"event": event, "detail": "unplugged", "reason": "no network"}
        lines = [line.text for line in captions.take(message(topic, body), 79)]
        assert lines == ([expected] if expected else [])
    gap = message("gap.mic", {"reason": "xrun", "samples": 800, "start": 1.0, "end": 1.5})
    assert captions.take(gap, 79)[0].text == "(mic: 0.5 s of audio lost, xrun)"


def test_a_pipe_gets_finals_alone() -> None:
    """One line each; with the source's name unless one was asked for."""
    said = message("transcript.final.mic", final("Hear,\n hear!"))
    assert as_text(said, named=True) == "mic: Hear, hear!"
    assert as_text(said, named=False) == "Hear, hear!"
    assert as_text(message("transcript.partial.mic", final("He")), named=True) is None


def test_a_fault_is_told_when_it_begins_and_when_it_is_over() -> None:
    """Whoever reads captions learns that the journal misses what they see."""
    body: Body = {"process": "publish", "what": "journal", "event": "began", "detail": "no space"}
    (line,) = Captions().take(message("fault", body), 79)
    assert line.text == "(publish: journal at fault, no space)"
    (line,) = Captions().take(message("fault", body | {"event": "over"}), 79)
    assert line.text == "(journal: well again)"
