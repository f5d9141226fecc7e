"""`heardctl listen`."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

import click

from heard.wire.topics import Topic
from heard_client.cli.captions import Captions, as_text
from heard_client.cli.options import Where, endpoints
from heard_client.cli.plain import to_json
from heard_client.cli.region import HIDE_CURSOR, SHOW_CURSOR, Region, columns_of
from heard_client.connect import probe
from heard_client.messages import Message, StatusMessage
from heard_client.subscribe import Subscriber

TICK_S = 0.25
"""So often the lines are drawn anew where nothing arrives, for a terminal that changed its size."""
SILENCE_S = 4.0
"""The status comes every second; after so long without any message the daemon is taken to be away."""

TRANSCRIPTS = (Topic.PARTIAL, Topic.FINAL, Topic.REVISED)
EVENTS = (Topic.SOURCE, Topic.UPSTREAM, Topic.GAP)


@click.command(
    epilog="For example: heardctl listen --format json | jq -r 'select(.latency_ms.total > 900).text'"
)
@click.option("--source", metavar="NAME", help="Only this source.")
@click.option("--finals", is_flag=True, help="Only finished turns.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one message a line, as published, with its topic.",
)
@endpoints
def listen(
    source: str | None, *, finals: bool, form: str, control_given: str | None, transcripts_given: str | None
) -> None:
    """Show what is being said, live, until Ctrl-C.

    On a terminal the turn being spoken is redrawn in place and finished turns scroll away. Into a pipe or
    file goes one line for each finished turn. A daemon that is restarted is waited for; finished turns that
    were missed meanwhile are fetched from the daemon's journal.
    """
    where = Where(control_given, transcripts_given)
    address = where.transcripts()
    probe(address)
    topics = [Topic.FINAL] if finals else list(TRANSCRIPTS)
    interactive = form == "text" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if interactive:
        topics += EVENTS
    daemon_wide = [Topic.STATUS, Topic.FAULT] if interactive else [Topic.STATUS]
    with Subscriber(
        address,
        control=where.control_address(),
        topics=[*(f"{topic}." for topic in topics), *daemon_wide],
        source=source,
    ) as subscriber:
        if interactive:
            _on_terminal(subscriber, named=source is None, stream=sys.stdout)
        else:
            _as_lines(subscriber, named=source is None, form=form)


def _as_lines(subscriber: Subscriber, *, named: bool, form: str) -> None:
    watch = _Watch(subscriber)
    while True:
        message = subscriber.receive(TICK_S)
        for remark in watch.remarks(message, time.monotonic()):
            click.echo(f"heardctl: {remark}", err=True)
        if message is None or isinstance(message, StatusMessage):
            continue
        if form == "json":
            line: str | None = to_json({"topic": message.topic} | message.body)
        else:
            line = as_text(message, named=named)
        if line is not None:
            # The buffer is written with every line: what reads the pipe wants it now.
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def _on_terminal(subscriber: Subscriber, *, named: bool, stream: TextIO) -> None:
    captions = Captions(named=named, colours=not os.environ.get("NO_COLOR"))
    region = Region(stream)
    watch = _Watch(subscriber)
    stream.write(HIDE_CURSOR)
    try:
        while True:
            message = subscriber.receive(TICK_S)
            # One column stays free: a line that fills the last one wraps on some terminals and not on others.
            columns = max(10, columns_of(stream) - 1)
            added = captions.take(message, columns) if message is not None else []
            for remark in watch.remarks(message, time.monotonic()):
                added += captions.note(remark, columns)
            region.scroll(added, captions.lines(columns))
    finally:
        region.close()
        stream.write(SHOW_CURSOR)
        stream.flush()


class _Watch:
    """Notes what a reader of the transcript should know about its arrival."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._heard_at: float | None = None
        self._away = False
        self._run = ""
        self._missed = 0

    def remarks(self, message: Message | None, now: float) -> list[str]:
        """Take in what arrived at `now` (monotonic), None for nothing; return what is to be said."""
        said = []
        run = self._subscriber.run
        if run != self._run:
            if self._run:
                said.append("heard was restarted")
            self._run, self._away = run, False
        if message is not None and self._away:
            self._away = False
            said.append("heard is back")
        if message is not None or self._heard_at is None:
            self._heard_at = now
        elif not self._away and now - self._heard_at > SILENCE_S:
            self._away = True
            said.append(f"nothing from heard for {SILENCE_S:g} s; waiting for it")
        missed = sum(
            count for topic, count in self._subscriber.missed.items() if topic.startswith(Topic.FINAL)
        )
        if missed > self._missed:
            said.append(f"{missed - self._missed} finished turns were missed and cannot be had any more")
            self._missed = missed
        return said
