"""`heardctl status`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from heard.wire.topics import Topic
from heard_client.cli.keys import Keys
from heard_client.cli.options import Where, endpoints
from heard_client.cli.plain import to_json
from heard_client.control import Control
from heard_client.errors import DaemonNotRunningError, NoReplyError
from heard_client.messages import Level, StatusMessage
from heard_client.subscribe import Subscriber

if TYPE_CHECKING:
    from rich.console import Group

REDRAW_S = 0.2
PATIENCE_S = 2.5
"""The status is published every second; after so long without it the daemon is asked."""


@click.command(epilog="For example: heardctl status --format json | jq .sources.mic.ledger")
@click.option("--follow", is_flag=True, help="Keep showing it on one screen, until q or Ctrl-C.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: the status map; with --follow one a line.",
)
@endpoints
def status(*, follow: bool, form: str, control_given: str | None, transcripts_given: str | None) -> None:
    """Show what the daemon does: sources, sessions, delays, processes, and where every sample went."""
    where = Where(control_given, transcripts_given)
    with where.control() as control:
        if not follow:
            _show_once(control.status(), form)
            return
        with Subscriber(where.transcripts(), topics=[Topic.STATUS, f"{Topic.LEVEL}."]) as subscriber:
            views = _views(control, subscriber)
            if form == "text" and sys.stdout.isatty():
                _redraw(views)
                return
            for view in views:
                if view.fresh:
                    _show_once(view.status, form, follow=True)


@dataclass(frozen=True, slots=True)
class _View:
    """What is to be shown now."""

    status: Mapping[str, object]
    levels: Mapping[str, Level]
    fresh: bool
    """Whether the status is another than that of the view before; else only levels have moved."""
    gone_since: float | None = None
    """Monotonic time since which the daemon is away."""


def _views(control: Control, subscriber: Subscriber) -> Iterator[_View]:
    """Yield views at most every REDRAW_S, the first at once; a daemon that goes away is waited for."""
    current: Mapping[str, object] = control.status()
    levels: dict[str, Level] = {}
    fresh, gone_since = True, None
    told_at = shown_at = time.monotonic()
    yield _View(current, levels, fresh)
    while True:
        fresh = False
        message = subscriber.receive(REDRAW_S)
        now = time.monotonic()
        if isinstance(message, StatusMessage):
            current, told_at, fresh, gone_since = message.status, now, True, None
        elif isinstance(message, Level):
            levels[message.source] = message
        if now - told_at > PATIENCE_S:
            told_at = now
            levels.clear()
            try:
                current, fresh, gone_since = control.status(), True, None
            except (DaemonNotRunningError, NoReplyError):
                gone_since = gone_since or now - PATIENCE_S
        if fresh or now - shown_at >= REDRAW_S:
            shown_at = now
            yield _View(current, levels, fresh, gone_since)


def _show_once(current: Mapping[str, object], form: str, *, follow: bool = False) -> None:
    if form == "json":
        sys.stdout.write(to_json(current, indent=None if follow else 2) + "\n")
    else:
        from rich.console import Console  # noqa: PLC0415  # 100 ms that no other command needs

        from heard_client.cli import dashboard  # noqa: PLC0415  # likewise: it is made of rich text

        console = Console(highlight=False)
        for line in dashboard.lines(current):
            console.print(line, soft_wrap=not console.is_terminal)
        if follow:
            console.print()
    sys.stdout.flush()


def _redraw(views: Iterator[_View]) -> None:
    """Show the views on one screen, in place; what was on the terminal before comes back at the end."""
    from rich.console import Console, Group  # noqa: PLC0415  # see _show_once
    from rich.live import Live  # noqa: PLC0415  # likewise
    from rich.text import Text  # noqa: PLC0415  # likewise

    from heard_client.cli import dashboard  # noqa: PLC0415  # likewise

    # What a shell has set these to is not what the terminal's size is later.
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    console = Console(highlight=False, _environ=environ)
    first = 0

    def drawn(view: _View) -> Group:
        lines = dashboard.lines(view.status, view.levels, console.height, first)
        if view.gone_since is not None:
            seconds = time.monotonic() - view.gone_since
            lines[0].append(f"  gone for {seconds:.0f} s", "bold red")
        if len(lines) + 1 < console.height:
            lines += [Text(), Text("q quits", "dim")]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines)

    with Live(console=console, screen=True, auto_refresh=False) as live, Keys() as keys:
        for view in views:
            for key in keys.pressed():
                if key == "quit":
                    return
                last = max(0, dashboard.sources(view.status) - 1)
                first = max(0, first - 1) if key == "up" else min(first + 1, last)
            live.update(drawn(view), refresh=True)
