"""A push-to-talk assistant: Enter opens the microphone, Enter again closes it, then it answers.

usage: push_to_talk.py [SOURCE]

Between two questions the device is closed: nothing is captured, and nothing is sent.
"""

import sys
import time

from heard_client import Final, connect

SOURCE = sys.argv[1] if len(sys.argv) > 1 else "mic"
LAST_WORDS_S = 5.0


def answer(question: str) -> str:
    """Put your assistant here."""
    if "time" in question.lower().split():
        return f"It is {time.strftime('%H:%M')}."
    return f"You said: {question}" if question else "I did not hear anything."


with connect(topics=["transcript.final."], source=SOURCE) as (messages, daemon):
    daemon.mute(SOURCE)
    print("Enter to speak, Enter when you have spoken, Ctrl-D to leave.", flush=True)
    try:
        while True:
            input()
            daemon.unmute(SOURCE)
            print("listening …", flush=True)
            input()
            daemon.end_turn(SOURCE)
            daemon.mute(SOURCE)
            # The last words are still on their way; each turn that was begun ends in a final.
            said: list[str] = []
            while (message := messages.receive(LAST_WORDS_S if not said else 1.0)) is not None:
                if isinstance(message, Final):
                    said.append(message.text)
            print(answer(" ".join(said)), flush=True)
    except (EOFError, KeyboardInterrupt):
        daemon.mute(SOURCE)
