"""A voice command: say "mute the microphone", and it is muted. With heard's own client library."""

from heard_client import Control, Final, Gap, Subscriber

with Subscriber(topics=["transcript.final.", "gap."]) as messages, Control() as daemon:
    for message in messages:
        match message:
            case Final(source=source, text=text, latency_ms=latency):
                print(f"{source}: {text}  ({latency.total:.0f} ms after it was said)", flush=True)
                if "mute the microphone" in text.lower():
                    print(daemon.mute(source), flush=True)
            case Gap(source=source, reason=reason):
                print(f"{source}: {message.end - message.start:.1f} s were lost: {reason}", flush=True)
        if messages.missed:
            print(f"too slow, messages missed: {messages.missed}", flush=True)
            messages.missed.clear()
