"""Minutes of a meeting in Markdown: who said what and when, kept up to date while it goes on.

usage: meeting_notes.py NOTES.md

It ends when every source has ended, or with Ctrl-C. The file is whole at every moment; speaker labels that
the service settles later are put in.
"""

import sys
import time
from pathlib import Path

from heard_client import HeardError, Revised, Status, StatusMessage, Transcript, connect

SAME_BREATH_S = 20.0


def markdown(turns: list[Transcript]) -> str:
    """Return the notes: a paragraph for each speaker's turn, what follows in the same breath joined to it."""
    lines = [f"# Meeting of {time.strftime('%A, %d %B %Y', time.localtime(turns[0].start))}"]
    who, until = "", 0.0
    for turn in sorted(turns, key=lambda turn: turn.start):
        speakers = [word.speaker for word in turn.words if word.speaker]
        speaker = f"{turn.source} {speakers[0]}" if speakers else turn.source
        text = turn.text.replace("<", "&lt;")
        if speaker == who and turn.start - until < SAME_BREATH_S:
            lines[-1] += f" {text}"
        else:
            lines.append(f"**{speaker}** ({time.strftime('%H:%M:%S', time.localtime(turn.start))}): {text}")
        who, until = speaker, turn.end
    return "\n\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Replace the file at once: whoever reads it never sees half of it."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def is_over(status: Status) -> bool:
    """Return whether every source has ended and all that was said is here."""
    sources = status["sources"].values()
    return all(each["state"] == "ended" and each["ledger"]["pending"] == 0 for each in sources)


def main() -> None:
    notes = Path(sys.argv[1] if len(sys.argv) > 1 else "notes.md")
    turns: dict[str, Transcript] = {}
    topics = ["transcript.final.", "transcript.revised.", "status"]
    with connect(topics=topics, since=time.time()) as (messages, _):
        for message in messages:
            match message:
                case Transcript():
                    if isinstance(message, Revised) or message.turn_id not in turns:
                        turns[message.turn_id] = message
                        write(notes, markdown(list(turns.values())))
                        print(f"{len(turns)} turns in {notes}", flush=True)
                case StatusMessage(status=status) if is_over(status):
                    break


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except HeardError as error:
        sys.exit(f"meeting_notes.py: {error}")
