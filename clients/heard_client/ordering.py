"""Core: every message that the journal keeps, exactly once and in order, out of a stream with holes.

Messages go in by `take`, as the publish socket delivers them: some are missing, some come twice, the
daemon's run changes. `queries` says what to ask the control socket for; the pages that it answers go in
by `answered`, failures by `failed`. What is to be handed over comes out of `ready`, in order: messages,
and a `Missed` where something could not be had. Nothing here waits for longer than `repair_s`.

How a hole is noticed:

- a number is left out before a message that arrives,
- the status, which comes once a second behind whatever was published before it, names the newest
  number of each topic: so also a hole with nothing behind it,
- another run begins: the one before may have published more than arrived, and between the two there may
  have been others. They are asked for, finished one after the other, and the new run is counted from 1.

How it is mended: by `history` of that run and source behind the last number. The journal is written before
a message is published and in the same order; so what it leaves out below a number that it has, it will
never have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

from heard.wire.codec import Body
from heard.wire.topics import Topic, full
from heard_client.cursor import KEPT, Cursor, is_kept
from heard_client.handover import Handover
from heard_client.messages import Final, Message, StatusMessage
from heard_client.query import ASK_S, Query, in_order
from heard_client.sequences import Missed, Reason
from heard_client.track import Track

PAST_RUNS = 64
MARGIN_S = 60.0
"""Events so long before the newest message are looked at as well, to learn of the sources of its run."""

Begin = Literal["joining", "late", "following"]


class Ordering:
    """Puts one subscription in order. Times (`now`) are of one monotonic clock, in seconds.

    wanted    says of a full topic of `KEPT` whether it is to be handed over
    repair_s  how long a hole is tried to be mended before it is reported
    cursor    where an earlier subscriber stopped: what was published since then comes first
    since     for a first start: what was said since then comes first; UTC, Unix seconds
    """

    def __init__(
        self,
        wanted: Callable[[str], bool],
        *,
        repair_s: float,
        cursor: Cursor | None = None,
        since: float | None = None,
    ) -> None:
        self._handover = Handover(cursor or Cursor())
        self.ready = self._handover.ready
        """What is to be handed over, each with the cursor behind it."""
        self._wanted = wanted
        self._repair_s = repair_s
        self._run = self.cursor.run
        self._begin: Begin = "following" if self._run else "joining" if since is None else "late"
        self._since = since or 0.0
        self._newest = 0.0
        self._tracks = {
            topic: Track(topic, self._run, last) for topic, last in self.cursor.seq.items() if wanted(topic)
        }
        self._past: deque[str] = deque(maxlen=PAST_RUNS)
        self._inbox: deque[Message] = deque()
        self._chain: deque[tuple[str, set[str]]] | None = None
        """While a run is being finished: those that follow it, with their topics; None: not yet known."""
        self._next = ""
        """The run that follows; empty while there is none."""
        self._queries: list[Query] = []
        self._numbers = 0
        self._no_journal = False
        """The journal could not be read until a deadline: the next hole is not waited for so long."""

    def take(self, message: Message, now: float) -> None:
        """Take in a final, a revision or a status from the publish socket."""
        if self.follows(message):
            self.ready.append((message, self.cursor))
            return
        self._inbox.append(message)
        self._pump(now)

    def follows(self, message: Message) -> bool:
        """Return whether a message is a final to be handed over at once; it has been taken in then.

        So it is nearly always: nothing is missing, nothing waits, and it was not here before.
        """
        track = self._tracks.get(message.topic)
        if (
            track is None
            or message.run != self._run
            or not track.follows(message.seq)
            or self._inbox
            or self._next
            or self._queries
            or not isinstance(message, Final)
            or not self._handover.let_by(message)
        ):
            return False
        track.last = message.seq
        return True

    @property
    def cursor(self) -> Cursor:
        """The cursor behind all that was let by and all that is in `ready`."""
        return self._handover.cursor

    def queries(self, now: float) -> list[tuple[int, Body]]:
        """Return the requests to send now: their numbers, and their arguments for the op `history`."""
        self._give_up(now)
        due = []
        for query in self._queries:
            if query.number == 0 and query.due <= now:
                self._numbers += 1
                query.number = self._numbers
                query.due = now + ASK_S
                due.append((query.number, query.args()))
        return due

    @property
    def is_asking(self) -> bool:
        """Whether there are requests that were not answered yet."""
        return bool(self._queries)

    def wait_s(self, now: float) -> float | None:
        """Return after how many seconds `queries` should be called again; None: when something arrives."""
        if not self._queries:
            return None
        return max(0.0, min(min(query.due, query.deadline) for query in self._queries) - now)

    def answered(self, number: int, rows: Iterable[Message], following: str | None, now: float) -> None:
        """Take in a page of the history; an answer that nobody waits for any more is dropped.

        following: how the daemon called the page behind; "" where there is one without a name, None for none
        """
        query = self._take_query(number)
        if query is None:
            return
        self._no_journal = False
        if query.is_of_finals:
            self._page(query, [*rows], more=following is not None, now=now)
        else:
            query.rows += rows
            if following:
                query.page = following
                if query.kind == "said":
                    self._hand_said(query.settled())
                self._ask(query, now)
            else:
                self._whole(query, now)
        self._pump(now)

    def failed(self, number: int, reason: Reason, now: float) -> None:
        """Take note that a request was refused or could not be sent; it is tried again until its deadline."""
        query = self._take_query(number)
        if query is None:
            return
        if reason == "no-journal" and self._no_journal:
            query.deadline = now
        if now >= query.deadline:
            self._abandon(query, reason, now)
        else:
            query.again(reason, now)
            self._queries.append(query)
        self._pump(now)

    def _take_query(self, number: int) -> Query | None:
        for query in self._queries:
            if query.number == number != 0:
                self._queries.remove(query)
                return query
        return None

    def _ask(self, query: Query, now: float) -> None:
        query.number, query.due, query.deadline = 0, now, now + self._repair_s
        self._queries.append(query)

    def _give_up(self, now: float) -> None:
        """Let go of requests that were not answered in time."""
        for query in [query for query in self._queries if now >= min(query.due, query.deadline)]:
            if now >= query.deadline:
                self._queries.remove(query)
                self._abandon(query, query.reason, now)
            elif query.number:
                query.number, query.due, query.reason = 0, now, "no-answer"
        self._pump(now)

    def _abandon(self, query: Query, reason: Reason, now: float) -> None:
        self._no_journal = reason == "no-journal"
        if query.kind == "said":
            self._handover.hand(Missed(str(Topic.FINAL), self._run, 0, None, reason))
        track = query.track
        if track is None:
            self._whole(query, now)
            return
        self._hand_all(track.give_up(track.target, reason))
        if track.ending:
            track.ended = True
            self._handover.hand(Missed(track.topic, track.run, track.last + 1, None, reason))
            self._mend_all(now)

    def _whole(self, query: Query, now: float) -> None:
        """Use what a query of several pages has brought."""
        match query.kind:
            case "said":
                self._hand_said(query.rows)
                self._begin = "joining"
                self._note(self._newest)
            case "runs":
                self._runs(query.rows, now)
            case "behind":
                self._page(query, query.rows, more=False, now=now)

    def _page(self, query: Query, found: list[Message], *, more: bool, now: float) -> None:
        track = query.track
        assert track is not None, "a query of this kind has one"
        before = track.last
        highest = 0
        for row in found:
            if row.topic == track.topic and row.run == track.run:
                track.add(row)
                highest = max(highest, row.seq)
        self._hand_all(track.give_up(highest, "not-in-journal"))
        if track.last > before and (more or not (track.is_whole or track.ending)):
            query.rows = []
            self._ask(query, now)
        elif track.ending:
            self._hand_all(track.give_up(track.target, "not-in-journal"))
            track.ended = True
            self._mend_all(now)
        elif not track.is_whole:
            # The journal's disk may be slow or full; or a process was killed between number and message.
            if now >= query.deadline:
                self._hand_all(track.give_up(track.target, "not-in-journal"))
            else:
                query.again("not-in-journal", now)
                self._queries.append(query)

    def _pump(self, now: float) -> None:
        """Handle what has arrived, as far as nothing has to be asked for before."""
        while True:
            if self._next and not self._leave(now):
                return
            if not self._inbox or self._is_listing:
                return
            message = self._inbox[0]
            if message.run in self._past:
                pass  # it was finished, and this is here from the journal
            elif not self._run:
                self._run = message.run
                if self._begin == "late":
                    # Only now is it certain that what is published from here on arrives.
                    self._ask(Query("said", since=self._since), now)
                continue
            elif message.run != self._run:
                self._next = message.run
                if self.cursor.time:
                    self._ask(Query("runs", since=self.cursor.time - MARGIN_S), now)
                else:
                    self._chain = deque()  # nothing of the run before was ever seen
                continue
            elif isinstance(message, StatusMessage):
                self._compare(message, now)
            else:
                self._arrived(message, now)
            self._inbox.popleft()

    @property
    def _is_listing(self) -> bool:
        return any(query.track is None for query in self._queries)

    def _track(self, topic: str, joined_at: int) -> Track:
        if topic not in self._tracks:
            last = joined_at if self._begin != "following" else 0
            self._tracks[topic] = Track(topic, self._run, last)
        return self._tracks[topic]

    def _arrived(self, message: Message, now: float) -> None:
        track = self._track(message.topic, message.seq - 1)
        track.add(message)
        # A correction may have come without its final; the next status tells.
        if message.topic.startswith(Topic.FINAL):
            self._mend(track, now)

    def _compare(self, message: StatusMessage, now: float) -> None:
        """Compare with the numbers in a status: it came behind all messages that it counts."""
        newest = message.status.get("publish", {}).get("seq")
        if isinstance(newest, dict):  # a daemon of an earlier version does not tell
            none = {full(kept, str(each)): 0 for each in message.status.get("sources", {}) for kept in KEPT}
            for topic, seq in (none | newest).items():
                if isinstance(topic, str) and isinstance(seq, int) and is_kept(topic) and self._wanted(topic):
                    track = self._track(topic, seq)
                    track.known = max(track.known, seq)
            # What begins from here on is wanted from its first message.
            self._begin = "following"
        self._mend_all(now)
        self._note(message.time)

    def _note(self, time: float) -> None:
        """Let the cursor name every topic, so that whoever goes on from it wants what begins later."""
        numbers = {topic: track.last for topic, track in self._tracks.items()}
        self._handover.cursor = Cursor(self._run, max(self.cursor.time, time), numbers)

    def _mend_all(self, now: float) -> None:
        # Finals come first in this order: their corrections wait for them.
        for topic in sorted(self._tracks):
            self._mend(self._tracks[topic], now)

    def _mend(self, track: Track, now: float) -> None:
        """Hand over what can be; ask for what is missing, unless that was done."""
        finals = self._tracks.get(track.topic.replace(Topic.REVISED, Topic.FINAL), track)
        if finals is not track and not finals.is_whole:
            return  # a correction of what has not been handed over yet
        self._hand_all(track.ready())
        if not track.is_whole and all(query.track is not track for query in self._queries):
            self._ask(Query("behind", track=track, finals=finals.last), now)

    def _hand_said(self, rows: list[Message]) -> None:
        """Hand over what was said before this subscription began; the cursor moves when all of it is here."""
        for row in in_order(rows):
            if not (is_kept(row.topic) and self._wanted(row.topic)):
                continue
            if row.run == self._run:
                track = self._track(row.topic, 0)
                track.last = max(track.last, row.seq)
            self._newest = max(self._newest, row.time)
            self._handover.hand_early(row)

    def _runs(self, events: list[Message], now: float) -> None:
        """Take in what happened since the newest message of the run that is to be finished."""
        between: dict[str, set[str]] = {}
        for event in in_order(events):
            if event.run == self._next or event.time > self._inbox[0].time:
                break  # what begins behind the next run is noticed when its messages come
            topics = {t for topic in KEPT if event.source and self._wanted(t := full(topic, event.source))}
            if event.run == self._run and self._begin == "following":
                for topic in topics:
                    self._track(topic, 0)
            elif event.run not in (self._run, *self._past) and event.time > self.cursor.time:
                between.setdefault(event.run, set()).update(topics)
        self._chain = deque(between.items())
        self._finish(now)

    def _finish(self, now: float) -> None:
        """Ask for what the run may have published behind the last number that is known."""
        # An answer that is on its way may be from before its end.
        self._queries = []
        for track in self._tracks.values():
            track.ending = True
        self._mend_all(now)

    def _leave(self, now: float) -> bool:
        """Go on to the next run where all of this one is here; return whether that is so."""
        while self._chain is not None and all(track.is_whole for track in self._tracks.values()):
            self._past.append(self._run)
            if not self._chain:
                self._enter(self._next, ())
                self._next, self._chain = "", None
                return True
            self._enter(*self._chain.popleft())
            self._finish(now)
        return False

    def _enter(self, run: str, topics: Iterable[str]) -> None:
        self._run = run
        self._begin = "following"
        self._tracks = {topic: Track(topic, run, 0) for topic in topics}
        self._handover.cursor = Cursor(run, self.cursor.time)

    def _hand_all(self, things: Iterable[Message | Missed]) -> None:
        for thing in things:
            self._handover.hand(thing)
