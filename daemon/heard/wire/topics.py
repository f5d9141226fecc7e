"""Topics of the publish socket. A full topic is one of these and, but for DAEMON_WIDE, a source's name."""

from __future__ import annotations

from enum import StrEnum


class Topic(StrEnum):
    """First part of a topic."""

    PARTIAL = "transcript.partial"
    FINAL = "transcript.final"
    REVISED = "transcript.revised"
    SOURCE = "source"
    UPSTREAM = "upstream"
    GAP = "gap"
    LEVEL = "level"
    AUDIO = "audio"
    SPECTRUM = "spectrum"
    FAULT = "fault"
    STATUS = "status"


DAEMON_WIDE = frozenset({Topic.FAULT, Topic.STATUS})
"""Topics that name no source."""


def full(topic: Topic, source: str) -> str:
    """Return the topic as it stands on the wire: `transcript.final.mic`, or `status` alone."""
    return str(topic) if topic in DAEMON_WIDE else f"{topic}.{source}"
