"""Frames of both sockets in, messages out: what is garbage is counted, what is refused is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.wire.codec import Body, pack, unpack
from heard_client.feed import Feed
from heard_client.messages import Final, Message
from heard_client.sequences import Missed

from .peers import final

MIC = "transcript.final.mic"


def feed(*, mends: bool = True) -> Feed:
    return Feed([MIC], None, mends=mends, repair_s=5.0)


def published(seq: int) -> list[bytes]:
    body: Body = {"v": 1, "run": "a", "seq": seq, "time": float(seq), "source": "mic"}
    return [MIC.encode(), pack(final(f"{seq}", f"t{seq}") | body)]


def handed(it: Feed) -> list[str | Missed]:
    found: list[str | Missed] = []
    while (thing := it.next()) is not None:
        assert isinstance(thing, Final | Missed)
        found.append(thing.text if isinstance(thing, Message) else thing)
    return found


def with_hole() -> tuple[Feed, int]:
    """Return a feed that has asked for number 2, and its request's number."""
    it = feed()
    it.published(published(1), 0.0)
    it.published(published(3), 0.0)
    ((number, request),) = it.requests(0.0)
    asked = unpack(request)
    assert (asked["id"], asked["op"]) == (number, "history")
    assert asked["args"] == {"run": "a", "source": "mic", "after": 1}
    assert handed(it) == ["1"]
    return it, number


def reply(number: object, *rows: int, error: str = "") -> list[bytes]:
    body: Body = {"v": 1, "id": number, "ok": not error}
    if error:
        return [pack(body | {"error": {"code": error, "message": "no"}})]
    transcripts = [unpack(published(seq)[1]) | {"topic": MIC} for seq in rows]
    return [pack(body | {"result": {"transcripts": transcripts, "more": False}})]


def test_the_status_is_subscribed_to_for_itself() -> None:
    """It tells of holes with nothing behind them; who did not ask for it is not given it."""
    assert feed().subscriptions == [MIC, "status"]
    assert feed(mends=False).subscriptions == [MIC]
    it = feed()
    it.published([b"status", pack({"run": "a", "seq": 1, "time": 1.0})], 0.0)
    assert handed(it) == []
    assert it.run == "a"


def test_an_answer_fills_the_hole() -> None:
    """In its place, once."""
    it, number = with_hole()
    it.replied(reply(number, 2, 3), 0.1)
    it.replied(reply(number, 2, 3), 0.2)
    assert handed(it) == ["2", "3"]
    assert it.wait_s(0.2) is None


@pytest.mark.parametrize(
    "frames",
    [[], [b"", b""], [b"\xc1"], [pack({})], reply("x", 2), reply(None, 2), reply(99, 2)],
)
def test_an_answer_that_is_none_changes_nothing(frames: list[bytes]) -> None:
    """The request is sent again when its time is up."""
    it, _ = with_hole()
    it.replied(frames, 0.1)
    assert handed(it) == []
    wait_s = it.wait_s(0.1)
    assert wait_s is not None
    assert it.requests(0.1 + wait_s + 0.01)


@pytest.mark.parametrize(("code", "reason"), [("not-available", "no-journal"), ("internal", "no-answer")])
def test_a_refusal_is_tried_again_until_the_time_is_up(code: str, reason: str) -> None:
    """`publish` may be restarting."""
    it, number = with_hole()
    now = 0.0
    while not (found := handed(it)):
        it.replied(reply(number, error=code), now)
        now += 0.5
        for number, _ in it.requests(now):  # noqa: B007  # the last one is answered next
            pass
        assert now < 10
    assert found == [Missed(MIC, "a", 2, 2, reason), "3"]  # type: ignore[arg-type]
    assert now >= 5


def test_a_result_of_another_shape_is_counted_and_asked_for_again() -> None:
    """It may be a daemon of another make."""
    it, number = with_hole()
    it.replied([pack({"v": 1, "id": number, "ok": True, "result": {"transcripts": 3}})], 0.1)
    assert it.malformed == 1
    assert it.requests(1.0)


def test_the_cursor_moves_with_what_is_handed_over_not_with_what_arrives() -> None:
    """Else a crash in between would lose a final."""
    it = feed()
    for seq in (1, 2, 3):
        it.published(published(seq), 0.0)
    seen = []
    while it.next() is not None:
        seen.append(it.cursor.seq[MIC])
    assert seen == [1, 2, 3]


def taken(it: Feed, frames: list[bytes]) -> list[str | Missed]:
    """Return what is handed over when these frames arrive at a subscriber that waits for them."""
    if (message := it.direct(frames)) is None:
        it.published(frames, 0.0)
        return handed(it)
    assert isinstance(message, Final)
    return [message.text]


def test_what_follows_is_handed_over_at_once() -> None:
    """It need not be kept for a moment: and the cursor is behind it."""
    it = feed()
    assert it.direct(published(1)) is None, "what came before it is not known"
    it.published(published(1), 0.0)
    assert it.direct(published(2)) is None, "another is to be handed over before it"
    assert handed(it) == ["1"]
    assert taken(it, published(2)) == ["2"]
    assert it.cursor.seq == {MIC: 2}
    assert it.cursor.time == 2.0
    assert it.direct(published(2)) is None, "it was here before"
    assert it.direct(published(4)) is None, "one is missing"
    assert it.cursor.seq == {MIC: 2}
    assert feed(mends=False).direct(published(1)) is None


@pytest.mark.parametrize(
    "frames", [[], [MIC.encode()], [b"\xff", b"\x80"], [b"level.mic", pack({})], [MIC.encode(), b"\xc1"]]
)
def test_what_cannot_be_handed_over_at_once_is_left_alone(frames: list[bytes]) -> None:
    """It is counted where it is taken in, and once."""
    it = feed()
    it.published(published(1), 0.0)
    assert handed(it) == ["1"]
    assert it.direct(frames) is None
    assert it.malformed + it.unknown == 0
    assert taken(it, published(2)) == ["2"]


@given(st.lists(st.integers(1, 12), max_size=30))
def test_the_short_way_hands_over_what_the_long_way_does(numbers: list[int]) -> None:
    """Whatever is missing, comes late or comes twice; the cursor is the same."""
    short, long = feed(), feed()
    for seq in numbers:
        found = taken(short, published(seq))
        long.published(published(seq), 0.0)
        assert found == handed(long)
        assert short.cursor == long.cursor
        assert len(short.requests(0.0)) == len(long.requests(0.0))
