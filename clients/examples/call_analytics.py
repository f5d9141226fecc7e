"""Who talks how much in a call of two sources: shares, overlaps, silence, and how late the transcript is.

usage: call_analytics.py [CALLER AGENT]

It ends when both sources have ended, or with Ctrl-C, and prints the figures as JSON.
"""

import json
import statistics
import sys
import time

from heard_client import Final, Missed, Status, StatusMessage, connect

PAUSE_S = 0.7
"""A speaker who says nothing for so long has stopped talking."""

Spans = list[tuple[float, float]]


def talking(finals: list[Final]) -> Spans:
    """Return from when to when somebody talked: words without a pause between them."""
    spans: Spans = []
    for start, end in sorted((word.start, word.end) for final in finals for word in final.words):
        if spans and start - spans[-1][1] < PAUSE_S:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def seconds(spans: Spans) -> float:
    return sum(end - start for start, end in spans)


def overlap(one: Spans, other: Spans) -> Spans:
    """Return when both talked."""
    both = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return [(start, end) for start, end in both if start < end]


def figures(said: dict[str, list[Final]]) -> dict[str, object]:
    """Return the figures of a call; times in seconds, latency in milliseconds."""
    spans = {name: talking(finals) for name, finals in said.items()}
    one, other = spans.values()
    every = [span for each in spans.values() for span in each]
    whole = max((end for _, end in every), default=0.0) - min((start for start, _ in every), default=0.0)
    both, talked = seconds(overlap(one, other)), sum(map(seconds, spans.values()))
    late = [final.latency_ms.total for finals in said.values() for final in finals]
    return {
        "call_s": round(whole, 2),
        "talk_share": {
            name: round(seconds(each) / talked, 3) if talked else 0.0 for name, each in spans.items()
        },
        "longest_s": {
            name: round(max((b - a for a, b in each), default=0.0), 2) for name, each in spans.items()
        },
        "overlap_s": round(both, 2),
        "silence_s": round(whole - (talked - both), 2),
        "turns": {name: len(finals) for name, finals in said.items()},
        "latency_ms_median": round(statistics.median(late)) if late else None,
    }


def is_over(status: Status, name: str) -> bool:
    """Return whether a source has ended and all that was said there is here."""
    source = status["sources"].get(name)
    return source is not None and source["state"] == "ended" and source["ledger"]["pending"] == 0


def main() -> None:
    names = sys.argv[1:3] if len(sys.argv) > 2 else ["caller", "agent"]
    said: dict[str, list[Final]] = {name: [] for name in names}
    missed: list[Missed] = []
    try:
        with connect(topics=["transcript.final.", "status"], since=time.time(), on_missed=missed.append) as (
            messages,
            _,
        ):
            for message in messages:
                match message:
                    case Final(source=source) if source in said:
                        said[source].append(message)
                    case StatusMessage(status=status) if all(is_over(status, name) for name in names):
                        break
    except KeyboardInterrupt:
        pass
    for hole in missed:
        print(hole, file=sys.stderr)
    print(json.dumps(figures(said), indent=2))


if __name__ == "__main__":
    main()
