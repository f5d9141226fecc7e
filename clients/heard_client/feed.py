"""Core: frames of the publish socket and replies of the control socket in, messages to hand over out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from heard.wire.codec import Body, WireError, checked, take, take_or, unpack
from heard.wire.control import Code, Reply, Request
from heard.wire.topics import Topic
from heard_client.cursor import Cursor, is_kept
from heard_client.messages import Message, StatusMessage
from heard_client.ordering import Ordering
from heard_client.parsing import from_body, reader, split
from heard_client.sequences import Missed, Reason, Sequences


class Lane(NamedTuple):
    """What is to be done with the messages of one topic: made once for each.

    read    makes one of a body
    wanted  whether they are handed over
    kept    whether the journal keeps them
    """

    read: Callable[[Body], Message]
    wanted: bool
    kept: bool


class Feed:
    """One subscription. Times (`now`) are of one monotonic clock, in seconds.

    topics    prefixes of topics, as the user gave them
    source    only messages about this source (and those about none); None for all
    mends     whether there is a control socket to ask for what is missing
    For the rest see `Ordering`.
    """

    def __init__(
        self,
        topics: Iterable[str],
        source: str | None,
        *,
        mends: bool,
        repair_s: float,
        cursor: Cursor | None = None,
        since: float | None = None,
    ) -> None:
        self.prefixes = [_prefix(topic, source) for topic in topics]
        self.malformed = 0
        self.unknown = 0
        self._source = source
        # Asked for every message, of the same few topics.
        self._lanes = lru_cache(maxsize=256)(self._lane)
        self._sequences = Sequences()
        self._ready: deque[tuple[Message | Missed, Cursor | None]] = deque()
        self._cursor = cursor or Cursor()
        self._ordering = (
            Ordering(self._is_wanted, repair_s=repair_s, cursor=cursor, since=since) if mends else None
        )

    @property
    def subscriptions(self) -> list[str]:
        """The prefixes to subscribe to: the user's, and the status, by which holes are noticed."""
        own = [] if self._ordering is None or self._is_wanted(Topic.STATUS) else [str(Topic.STATUS)]
        return [*dict.fromkeys([*self.prefixes, *own])]

    @property
    def run(self) -> str:
        """The run of the newest message that arrived."""
        return self._sequences.run

    @property
    def cursor(self) -> Cursor:
        """The cursor behind what `next` has returned."""
        if self._ordering is not None and not self._ready:
            return self._ordering.cursor
        return self._cursor

    @property
    def is_ready(self) -> bool:
        """Whether `next` has something to return."""
        return bool(self._ready)

    def next(self) -> Message | Missed | None:
        """Return what is to be handed over next, None when nothing is."""
        if not self._ready:
            return None
        thing, cursor = self._ready.popleft()
        self._cursor = cursor or self._cursor
        return thing

    def published(self, frames: Sequence[bytes], now: float) -> None:
        """Take in what the publish socket delivered; what is none of heard's messages is counted."""
        try:
            topic, data = frames
            lane = self._lanes(topic)
            message = None if lane is None else lane.read(unpack(data))
        except (ValueError, WireError):
            # Not two frames, a topic that is no text, or a body that is no message.
            self.malformed += 1
            return
        if lane is None or message is None:
            self.unknown += 1
            return
        if self._ordering is not None and lane.kept:
            if lane.wanted:
                self._ordering.take(message, now)
                self._collect()
            return
        reason: Reason = "no-control" if lane.kept else "not-kept"
        missed = self._sequences.take(message.topic, message.run, message.seq, reason)
        if missed is not None and lane.wanted:
            self._ready.append((missed, None))
        if self._ordering is not None and isinstance(message, StatusMessage):
            self._ordering.take(message, now)
            self._collect()
        if lane.wanted:
            self._ready.append((message, None))

    def direct(self, frames: Sequence[bytes]) -> Message | None:
        """Return the final in these frames where it is what comes next, as it nearly always is.

        None where it is not, or nothing that can be told at a glance: `published` is to take the frames in.
        """
        if self._ready or self._ordering is None:
            return None
        try:
            topic, data = frames
            lane = self._lanes(topic)
            if lane is None or not lane.kept or not lane.wanted:
                return None
            message = lane.read(unpack(data))
        except (ValueError, WireError):
            return None
        return message if self._ordering.follows(message) else None

    def requests(self, now: float) -> list[tuple[int, bytes]]:
        """Return what is to be sent to the control socket now: each request with its number."""
        if self._ordering is None:
            return []
        due = self._ordering.queries(now)
        self._collect()
        return [(number, Request(number, "history", args).pack()) for number, args in due]

    def replied(self, frames: Sequence[bytes], now: float) -> None:
        """Take in what the control socket answered."""
        assert self._ordering is not None, "only who asks is answered"
        number: object = None
        try:
            (data,) = frames
            reply = Reply.unpack(data)
            number = reply.id
            if not isinstance(number, int):
                self.malformed += 1
            elif reply.code is not None:
                reason: Reason = "no-journal" if reply.code is Code.NOT_AVAILABLE else "no-answer"
                self._ordering.failed(number, reason, now)
            else:
                self._ordering.answered(number, *_page(reply.result or {}), now)
        except (ValueError, WireError):
            self.malformed += 1
            if isinstance(number, int):
                self._ordering.failed(number, "no-answer", now)
        self._collect()

    def unsent(self, number: int, now: float) -> None:
        """Take note that a request could not be sent: nobody is there."""
        assert self._ordering is not None, "only who asks can fail"
        self._ordering.failed(number, "no-answer", now)
        self._collect()

    @property
    def is_asking(self) -> bool:
        """Whether an answer of the control socket is waited for, or a request is to be sent there."""
        return self._ordering is not None and self._ordering.is_asking

    def wait_s(self, now: float) -> float | None:
        """Return after how many seconds `requests` should be called again; None: when something arrives."""
        return None if self._ordering is None else self._ordering.wait_s(now)

    def _lane(self, topic: bytes) -> Lane | None:
        full_topic = topic.decode()
        read = reader(full_topic)
        return None if read is None else Lane(read, self._is_wanted(full_topic), is_kept(full_topic))

    def _collect(self) -> None:
        if self._ordering is not None:
            self._ready.extend(self._ordering.ready)
            self._ordering.ready.clear()

    def _is_wanted(self, topic: str) -> bool:
        if not any(topic.startswith(prefix) for prefix in self.prefixes):
            return False
        # Prefixes let `mic2` through where `mic` was asked.
        named = split(topic)
        return not self._source or named is None or named[1] in ("", self._source)


def _prefix(topic: str, source: str | None) -> str:
    """Return the narrowest prefix for `topic`: a topic's name is completed with the source."""
    whole = f"{topic.rstrip('.')}.{source}"
    return topic if source is None or split(whole) is None else whole


def _page(result: Body) -> tuple[list[Message], str | None]:
    """Return the messages of a page, and how the page behind is called (None: there is none)."""
    bodies = take(result, "events" if "events" in result else "transcripts", list)
    rows = [from_body(take(checked(body, "body", dict), "topic", str), body) for body in bodies]
    more = take_or(result, "more", bool, default=False)
    return [row for row in rows if row is not None], take_or(result, "next", str, "") if more else None
