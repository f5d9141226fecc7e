"""`heard demo`: the whole pipeline on a noisy recording, or on your microphone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from heard import demo as recording
from heard.cli.embedded import EmbeddedDaemon, file_sources, quiet
from heard.cli.fail import INTERRUPTED, USAGE, Failure
from heard.cli.live import LiveView, print_summary
from heard.cli.options import configured, settings_from
from heard.cli.run import check
from heard.settings import Settings
from heard.wire.codec import Body


@click.command()
@click.option("--mic", is_flag=True, help="Listen to the microphone instead of a recording. Ctrl-C ends it.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@configured
def demo(mic: bool, files: tuple[Path, ...], config: Path | None, overrides: tuple[str, ...]) -> int:  # noqa: FBT001  # click passes it by name
    """Hear it work: a live transcript on the terminal, then a short summary.

    Without arguments it plays a noisy recording that comes with heard, at the pace at which it was
    spoken. It needs no key, no network and no configuration.

    \b
    Examples:
      heard demo
      heard demo --mic
      heard demo interview.flac
      heard demo --set source.mic.denoise.mix=0
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    if mic and files:
        raise Failure("--mic and FILE exclude each other: give one of them", USAGE)
    settings = quiet(settings_from(config, overrides))
    if not mic:
        paths = files or (recording.recording(),)
        settings = replace(settings, source=file_sources(paths, settings.source[0], pace="realtime"))
    return play(settings, "your microphone" if mic else ", ".join(path.name for path in paths))


def play(settings: Settings, title: str) -> int:
    """Run the daemon with `settings` and show what it hears; return the exit status."""
    check(settings)
    finals: list[Body] = []
    interrupted = False
    with EmbeddedDaemon(settings) as daemon, LiveView(title) as view:
        messages = daemon.messages()
        while True:
            try:
                for topic, body in messages:
                    if topic.startswith("transcript.final."):
                        finals.append(body)
                    view.show(topic, body)
                break
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = True
                daemon.stop()
                messages = daemon.messages()
        status = daemon.last_status
    if status is not None:
        print_summary(status, finals)
    # Ctrl-C is how listening to a microphone ends; of a recording it is an interruption.
    return INTERRUPTED if interrupted and all(s.input != "device" for s in settings.source) else 0
