"""Core: a question to the journal, asked again until it is answered or its time is up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from heard.wire.codec import Body
from heard.wire.topics import Topic
from heard_client.messages import Message
from heard_client.parsing import split
from heard_client.sequences import Reason
from heard_client.track import Track

RETRY_S = 0.3
"""Between two attempts to ask for the same."""
ASK_S = 3.0
"""So long an answer is waited for before it is asked for again."""
EVERY_RUN = "*"
FINALS_BACK = 1000
"""Revisions are looked for among so many finals."""

Kind = Literal["behind", "said", "runs"]


@dataclass(slots=True)
class Query:
    """One use of the op `history`, page by page.

    kind      behind: of `track`, what its topic has behind the last number
              said: of all runs, what was said since `since`
              runs: of all runs, the events since `since`, to learn which runs there were
    deadline  when it is given up
    due       when it is to be sent; once sent, when it is to be sent again
    """

    kind: Kind
    deadline: float = 0.0
    due: float = 0.0
    track: Track | None = None
    finals: int = 0
    """The number of the source's newest final, among the last of which revisions are looked for."""
    since: float = 0.0
    rows: list[Message] = field(default_factory=list)
    """Of the pages so far."""
    page: str = ""
    """What the daemon called the next page."""
    number: int = 0
    """Of the request on its way; 0 for none."""
    reason: Reason = "no-answer"
    """What is to be said where it is given up."""

    @property
    def is_of_finals(self) -> bool:
        """Whether its rows come by number, so that each page can be used as it is."""
        return self.track is not None and self.track.topic.startswith(f"{Topic.FINAL}.")

    def args(self) -> Body:
        """Return the arguments of the op."""
        args: Body
        if self.track is None:
            args = {"run": EVERY_RUN, "since": self.since}
            if self.kind == "runs":
                args["events"] = True
        else:
            _, source = split(self.track.topic) or (Topic.FINAL, "")
            args = {"run": self.track.run, "source": source}
            if self.is_of_finals:
                return args | {"after": self.track.last}
            args |= {"after": max(0, self.finals - FINALS_BACK), "revised": True}
        return args | ({"cursor": self.page} if self.page else {})

    def again(self, reason: Reason, now: float) -> None:
        """Let it be sent once more after a while; `reason` is what stood against it this time."""
        self.number, self.due, self.reason = 0, now + RETRY_S, reason
        self.rows, self.page = [], ""

    def settled(self) -> list[Message]:
        """Take out the rows that nothing on a later page can come before: those are said later still."""
        upto = max((_said(row) for row in self.rows), default=0.0)
        done = [row for row in self.rows if row.time <= upto]
        self.rows = [row for row in self.rows if row.time > upto]
        return done


def in_order(rows: list[Message]) -> list[Message]:
    """Return rows as they were published; a clock that was set back puts no topic out of order."""
    rows = sorted(rows, key=lambda row: row.time)
    places: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault((row.run, row.topic), []).append(place)
    for taken in places.values():
        for place, row in zip(taken, sorted((rows[p] for p in taken), key=lambda row: row.seq), strict=True):
            rows[place] = row
    return rows


def _said(row: Message) -> float:
    start = row.body.get("start")
    return float(start) if isinstance(start, int | float) else row.time
