"""`heard transcribe FILE`: one file through the whole pipeline, as fast as it goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import click

from heard.cli.embedded import EmbeddedDaemon, file_sources, quiet
from heard.cli.fail import CREDENTIALS, FAILURE, INTERRUPTED, Failure
from heard.cli.live import Progress
from heard.cli.options import configured, settings_from
from heard.cli.run import check
from heard.settings import Settings
from heard.wire.codec import Body
from heard.wire.status import Status
from heard_client.exports import FORMATS, render


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@configured
def transcribe(file: Path, form: str, config: Path | None, overrides: tuple[str, ...]) -> int:
    """Transcribe FILE, anything that libsndfile reads, through the whole pipeline.

    The text goes to stdout, progress to stderr.

    \b
    Examples:
      heard transcribe meeting.wav
      heard transcribe meeting.flac --format srt > meeting.srt
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    settings = quiet(settings_from(config, overrides))
    sources = file_sources((file,), settings.source[0], pace="fast")
    settings = replace(settings, source=sources, publish=replace(settings.publish, partials=False))
    check(settings)
    finals, started = transcript(settings)
    click.echo(render(finals, form, started), nl=False)
    return 0


def transcript(settings: Settings) -> tuple[list[Body], float]:
    """Run the daemon on its one file to the end.

    Returns the finals as published, and the time (UTC) of sample 0.

    Raises:
        Failure: the key is refused, a final was missed, or the daemon failed.
    """
    finals: list[Body] = []
    topics = ("transcript.final.", "upstream.")
    try:
        with EmbeddedDaemon(settings, topics) as daemon, Progress() as progress:
            for topic, body in daemon.messages():
                if topic.startswith("transcript.final."):
                    finals.append(body)
                    if body["seq"] != len(finals):
                        raise Failure("a part of the transcript was missed: try again", FAILURE)
                elif topic == "status":
                    progress.update(cast("Status", body))
                elif topic.startswith("upstream.") and body.get("event") == "refused":
                    reason = str(body.get("reason"))
                    raise Failure(f"upstream: {reason}", CREDENTIALS if "key refused" in reason else FAILURE)
    except KeyboardInterrupt:
        raise Failure("interrupted", INTERRUPTED) from None
    sources = cast("Status", daemon.last_status)["sources"] if daemon.last_status else {}
    return finals, next((each["started"] or 0.0 for each in sources.values()), 0.0)
