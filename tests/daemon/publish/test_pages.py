"""Questions to the journal: what they may be, what they find, and pages that never grow too large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.publish import pages
from heard.publish.bodies import complete
from heard.publish.journal import Journal
from heard.wire.codec import MAX_MESSAGE_BYTES, Body, pack, unpack
from heard.wire.control import Code, ControlError
from heard.wire.events import Event
from heard.wire.topics import Topic

from .journalled import RUN, found, numbers, opened, said, written


def history(**args: object) -> pages.Question:
    return pages.history(dict(args), RUN)


def search(words: str, **args: object) -> pages.Question:
    return pages.search({"words": words, **args})


def test_bodies_come_as_published_with_their_topic(tmp_path: Path) -> None:
    """Nothing is lost on the way into the file and out of it."""
    written(tmp_path, [said(1), said(2, "Naïve ☃")])
    with opened(tmp_path) as database:
        expected = [{**body, "topic": "transcript.final.mic"} for body in (said(1), said(2, "Naïve ☃"))]
        assert found(database, history()) == expected


def test_a_span_a_source_a_run(tmp_path: Path) -> None:
    """The current run unless another is named; `*` is all of them."""
    others = [said(3, source="line"), said(4, run="old", start=5.0)]
    written(tmp_path, [said(1), said(2), *others])
    with opened(tmp_path) as database:
        assert numbers(database, history()) == [1, 2, 3]
        assert numbers(database, history(source="mic")) == [1, 2]
        assert numbers(database, history(run="old")) == [4]
        assert numbers(database, history(run="*")) == [4, 1, 2, 3]
        assert numbers(database, history(since=20.5, until=31.0)) == [2, 3]
        assert numbers(database, history(run="none")) == []


def test_after_goes_by_number(tmp_path: Path) -> None:
    """What a subscriber missed, in the order in which it was published: backfilled turns come late."""
    written(tmp_path, [said(1), said(2), said(3, start=1.0), said(9, source="line")])
    with opened(tmp_path) as database:
        assert numbers(database, history(source="mic", after=1)) == [2, 3]
        assert numbers(database, history(source="mic", after=1, limit=1)) == [2]
        assert numbers(database, history(source="mic", after=3)) == []
        assert numbers(database, history()) == [3, 1, 2, 9]


@pytest.mark.parametrize("args", [{"run": "*"}, {"source": "mic", "after": 0}, {"run": RUN, "since": 5.0}])
def test_pages_make_up_the_whole(tmp_path: Path, args: dict[str, object]) -> None:
    """Each once, in order, whatever the size of a page; equal times do not confuse it."""
    written(tmp_path, [said(n, start=10.0 + n // 3) for n in range(1, 12)])
    with opened(tmp_path) as database:
        whole = numbers(database, history(**args))
        assert sorted(whole) == list(range(1, 12))
        for limit in (1, 3, 11, 12):
            seen: list[int] = []
            cursor = ""
            while True:
                page = unpack(pages.answer(database, history(**args, limit=limit, cursor=cursor)))
                bodies: Any = page["transcripts"]
                seen += [body["seq"] for body in bodies]
                assert len(bodies) <= limit
                if not page["more"]:
                    assert "next" not in page
                    break
                cursor = str(page["next"])
            assert seen == whole


def test_a_page_fits_a_reply(tmp_path: Path) -> None:
    """Long turns make short pages, and one that is too long for any comes without its words."""
    words: list[object] = [
        {"text": "w" * 1000, "start": 1.0, "end": 1.0, "confidence": 1.0, "final": True}
    ] * 300
    turns = [{**said(n), "words": words} for n in range(1, 6)]
    huge = {**said(6), "words": [words[0]] * 880, "text": "t" * 80_000}
    journal = written(tmp_path, turns)
    journal.append(Topic.FINAL, huge, 0.0)
    assert pages.PAGE_BYTES < len(pack(huge)) < MAX_MESSAGE_BYTES
    with opened(tmp_path, index=False) as database:
        cursor, seen = "", []
        while True:
            data = pages.answer(database, history(cursor=cursor))
            assert len(data) < MAX_MESSAGE_BYTES - 1000
            page: Any = unpack(data)
            seen += [(body["seq"], len(body["words"]), len(body["text"])) for body in page["transcripts"]]
            if not page["more"]:
                break
            cursor = page["next"]
    assert seen == [*((n, 300, 5) for n in range(1, 6)), (6, 0, pages.LONGEST_TEXT)]


def test_revisions_stand_in_for_their_finals_where_they_are_asked_for(tmp_path: Path) -> None:
    """The newest counts; the topic tells."""
    journal = written(tmp_path, [said(1), said(2, "Second")])
    for number, text in ((1, "Hallo"), (2, "Hullo")):
        revision = {**said(1, text, topic=Topic.REVISED), "seq": number}
        journal.append(Topic.REVISED, revision, 0.0)
    with opened(tmp_path) as database:
        told = [(body["topic"], body["text"]) for body in found(database, history(revised=True))]
        assert told == [("transcript.revised.mic", "Hullo"), ("transcript.final.mic", "Second")]
        assert [body["text"] for body in found(database, history())] == ["Hello", "Second"]
        assert [body["text"] for body in found(database, search("hullo"))] == ["Hullo"]
        assert numbers(database, search("hello")) == numbers(database, search("hallo")) == []


def test_a_revision_changes_what_is_indexed_already(tmp_path: Path) -> None:
    """And a final that comes again with another text does."""
    journal = written(tmp_path, [said(1), said(2)])
    with opened(tmp_path) as database:
        journal.append(Topic.REVISED, said(1, "Hallo", topic=Topic.REVISED), 0.0)
        journal.append(Topic.FINAL, {**said(2, "Servus"), "seq": 3}, 0.0)
        assert numbers(database, search("hello")) == []
        assert numbers(database, search("hallo")) == [1]
        assert numbers(database, search("servus")) == [3]


def test_search_is_newest_first_over_all_runs(tmp_path: Path) -> None:
    """Narrowed by time and source like the rest, and paged."""
    bodies = [
        said(1, "red one"),
        said(2, "blue two"),
        said(3, "Red three", source="line"),
        said(4, "réd four", run="r2"),
    ]
    written(tmp_path, bodies)
    with opened(tmp_path) as database:
        assert numbers(database, search("red")) == [4, 3, 1]
        assert numbers(database, search("red", source="mic", until=35.0)) == [1]
        assert numbers(database, search("red", since=30.5)) == [4, 3]
        page: Any = unpack(pages.answer(database, search("red", limit=2)))
        assert (page["more"], len(page["transcripts"])) == (True, 2)
        assert numbers(database, search("red", limit=2, cursor=page["next"])) == [1]


def test_gaps_and_sessions_are_asked_for_apart(tmp_path: Path) -> None:
    """In the same order and with the same limits."""
    journal = written(tmp_path, [said(1)])
    gap: Body = {"reason": "xrun", "samples": 160, "start": 12.0, "end": 12.5}
    open_: Body = {"event": "open"}
    for topic, body in ((Topic.UPSTREAM, open_), (Topic.GAP, gap)):
        journal.append(topic, complete(Event(topic, "mic", body), RUN, 1, 20.0), 0.0)
    with opened(tmp_path) as database:
        told = found(database, history(events=True), "events")
        assert [body["topic"] for body in told] == ["gap.mic", "upstream.mic"]
        assert told[0]["samples"] == 160
        assert [body["topic"] for body in found(database, history(events=True, until=15.0), "events")] == [
            "gap.mic"
        ]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ({"limit": 0}, Code.BAD_VALUE, "limit: must be 1 to 10000, not 0"),
        ({"limit": 2**62}, Code.BAD_VALUE, "limit"),
        ({"limit": "many"}, Code.BAD_REQUEST, "field 'limit' must be int, not str"),
        ({"limit": True}, Code.BAD_REQUEST, "field 'limit' must be int, not bool"),
        ({"since": float("nan")}, Code.BAD_VALUE, "since: must be a time in Unix seconds, not nan"),
        ({"until": float("inf")}, Code.BAD_VALUE, "until"),
        ({"since": "yesterday"}, Code.BAD_REQUEST, "field 'since' must be float"),
        ({"source": 7}, Code.BAD_REQUEST, "field 'source' must be str"),
        ({"run": []}, Code.BAD_REQUEST, "field 'run' must be str"),
        ({"after": 1}, Code.BAD_VALUE, "name the source"),
        ({"after": 1, "source": "mic", "run": "*"}, Code.BAD_VALUE, "after"),
        ({"after": -1, "source": "mic"}, Code.BAD_VALUE, "must be a seq"),
        ({"after": 2**64 - 1, "source": "mic"}, Code.BAD_VALUE, "must be a seq"),
        ({"cursor": "' OR 1=1"}, Code.BAD_VALUE, "cursor: must be `next` of an earlier page"),
        ({"cursor": "inf 3"}, Code.BAD_VALUE, "cursor"),
        ({"cursor": f"1.0 {2**70}"}, Code.BAD_VALUE, "cursor"),
        ({"revised": 1}, Code.BAD_REQUEST, "field 'revised' must be bool"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: Body, code: Code, message: str) -> None:
    """With the argument's name and what would be right."""
    with pytest.raises(ControlError) as raised:
        pages.history(args, RUN)
    assert raised.value.code == code
    assert message in raised.value.message


def test_forget_wants_to_know_what() -> None:
    """Nothing named is nothing forgotten; everything has a word of its own."""
    with pytest.raises(ControlError, match="name since, until, source or run"):
        pages.to_forget({})
    assert not pages.to_forget({"all": True}).dry_run
    assert pages.to_forget({"run": "r", "dry_run": True}).span.run == "r"


VALUES: st.SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.just([])
)


@given(
    st.dictionaries(
        st.sampled_from(["since", "until", "source", "run", "after", "limit", "cursor", "events"]), VALUES
    )
)
def test_any_arguments_are_answered_or_refused(tmp_path_factory: pytest.TempPathFactory, args: Body) -> None:
    """Whatever a client sends, SQLite is asked nothing that it would choke on."""
    folder = tmp_path_factory.getbasetemp() / "any"
    if not folder.exists():
        Journal(folder, 0.0).close()
    try:
        question = pages.history(args, RUN)
    except ControlError:
        return
    with opened(folder) as database:
        assert unpack(pages.answer(database, question))["more"] is False
