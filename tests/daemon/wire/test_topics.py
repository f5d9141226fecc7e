"""Topics as they stand on the wire."""

from heard.wire.topics import Topic, full


def test_a_full_topic_names_its_source() -> None:
    """But for those that are the whole daemon's."""
    assert full(Topic.FINAL, "mic") == "transcript.final.mic"
    assert full(Topic.STATUS, "mic") == "status"
    assert full(Topic.FAULT, "") == "fault"


def test_the_list_of_topics() -> None:
    """The contract's, `fault` and `spectrum`."""
    assert sorted(Topic) == [
        "audio",
        "fault",
        "gap",
        "level",
        "source",
        "spectrum",
        "status",
        "transcript.final",
        "transcript.partial",
        "transcript.revised",
        "upstream",
    ]
