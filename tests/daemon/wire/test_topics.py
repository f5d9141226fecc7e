"""Topics as they stand on the wire."""

from heard.wire.topics import Topic, full


def test_a_full_topic_names_its_source() -> None:
    """But for `status`, which is the whole daemon's."""
    assert full(Topic.FINAL, "mic") == "transcript.final.mic"
    assert full(Topic.STATUS, "mic") == "status"


def test_the_list_of_topics() -> None:
    """The contract's, no more and no less."""
    assert sorted(Topic) == [
        "audio",
        "gap",
        "level",
        "source",
        "status",
        "transcript.final",
        "transcript.partial",
        "transcript.revised",
        "upstream",
    ]
