"""What `heard demo` shows while it listens: finals as they come, below them the turn being spoken and levels.

Nothing here knows a socket: bodies come in as published (docs/wire.md), lines go to a terminal. Where stdout
is no terminal the finals go there one a line, and the moving part to stderr if that is one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from heard.cli.summary import print_summary
from heard.settings import WORKING_RATE_HZ
from heard.wire.codec import Body, take_or
from heard.wire.status import Status
from heard.wire.topics import Topic
from heard_client.cues import one_line

__all__ = ["LiveView", "Progress", "print_summary"]

PARTIAL_LINES = 3
"""A longer partial shows its end."""
BAR_CELLS = 24
FLOOR_DBFS = -80.0
"""Level at which a bar is empty."""
REDRAW_S = 0.08


class LiveView:
    """The view of a running demo; use it in a `with` statement, or `close` it.

    title      what is being heard
    out, err   instead of stdout and stderr
    clock      monotonic seconds
    """

    def __init__(
        self,
        title: str,
        *,
        out: TextIO | None = None,
        err: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out or sys.stdout
        self._clock = clock
        self._began = clock()
        self._title = title
        self._partials: dict[str, str] = {}
        self._levels: dict[str, Body] = {}
        self._named = False
        self._first_source: str | None = None
        self._drawn_at = float("-inf")
        self._console = screen_for(self._out, err or sys.stderr)
        self._live: Live | None = None
        if self._console is not None:
            # What else is printed meanwhile goes above the moving part, if it goes to that terminal.
            both = self._console.file is self._out
            self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=both)
            self._live.start()
            self._draw(now=True)

    def show(self, topic: str, body: Body) -> None:
        """Take in any message; one that this view does not show only moves the clock."""
        match topic.rpartition(".")[0]:
            case Topic.PARTIAL:
                self.partial(body)
            case Topic.FINAL:
                self.final(body)
            case Topic.LEVEL:
                self.level(body, topic.rpartition(".")[2])
            case _:
                self._draw()

    def partial(self, body: Body) -> None:
        """Show the turn so far in place of what stood there."""
        source = self._source(body)
        self._partials[source] = one_line(take_or(body, "text", str, ""))
        self._draw(now=True)

    def final(self, body: Body) -> None:
        """Let a finished turn stay for good."""
        source = self._source(body)
        self._partials.pop(source, None)
        text = one_line(take_or(body, "text", str, ""))
        line = f"{source}: {text}" if self._named else text
        if self._live is not None and self._console is not None and self._console.file is self._out:
            self._console.print(Text(line), soft_wrap=False)
        else:
            # Whatever reads it wants each turn as it is finished.
            self._out.write(line + "\n")
            self._out.flush()
        self._draw(now=True)

    def level(self, body: Body, source: str = "") -> None:
        """Move the bars."""
        self._levels[take_or(body, "source", str, source)] = body
        self._draw()

    def close(self) -> None:
        """Take the moving part away; may be called twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _source(self, body: Body) -> str:
        """Return the body's source; once there are two, lines carry their names."""
        source = take_or(body, "source", str, "")
        if self._first_source is None:
            self._first_source = source
        self._named = self._named or source != self._first_source
        return source

    def _draw(self, *, now: bool = False) -> None:
        if self._live is None or self._console is None:
            return
        time_s = self._clock()
        if now or time_s - self._drawn_at >= REDRAW_S:
            self._drawn_at = time_s
            lines: list[Text] = []
            for source, text in self._partials.items():
                lines += partial_lines(f"{source}: {text}" if self._named else text, self._console.width)
            lines.append(Text())
            lines += level_lines(self._levels)
            lines.append(head_line(self._title, time_s - self._began))
            for line in lines:
                line.no_wrap, line.overflow = True, "ellipsis"
            self._live.update(Group(*lines), refresh=True)


def screen_for(out: TextIO, err: TextIO) -> Console | None:
    """Return a console on whichever of the two is a terminal that can redraw, stdout first."""
    for stream in (out, err):
        console = Console(file=stream, highlight=False)
        # Asked of the stream itself: rich may be told by the environment to colour a pipe.
        if stream.isatty() and not console.is_dumb_terminal:
            return console
    return None


def partial_lines(text: str, columns: int) -> list[Text]:
    """Return the last lines of a partial, none wider than `columns`."""
    console = Console(width=columns)
    return list(Text(text, "dim").wrap(console, columns))[-PARTIAL_LINES:]


def level_lines(levels: dict[str, Body]) -> list[Text]:
    """Return the bars of each source: as captured, and after noise reduction."""
    lines = []
    for name, body in sorted(levels.items()):
        of = f" of {name}" if len(levels) > 1 else ""
        snr = body.get("snr_db")
        lines.append(_bar_line(f"captured{of}", _decibels(body, "rms_dbfs")))
        lines.append(_bar_line("denoised", _decibels(body, "denoised_rms_dbfs")))
        if isinstance(snr, int | float):
            lines[-1].append(f"   speech to noise {snr:.0f} dB", "dim")
    return lines


def head_line(title: str, elapsed_s: float) -> Text:
    """Return the line with what is heard and for how long."""
    minutes, seconds = divmod(int(elapsed_s), 60)
    return Text.assemble((f"{minutes}:{seconds:02} ", "bold"), (f"listening to {title}; Ctrl-C ends", "dim"))


def _decibels(body: Body, name: str) -> float | None:
    value = body.get(name)
    return float(value) if isinstance(value, int | float) else None


def _bar_line(name: str, level_dbfs: float | None) -> Text:
    share = 0.0 if level_dbfs is None else min(1.0, max(0.0, 1 - level_dbfs / FLOOR_DBFS))
    whole, part = divmod(int(share * BAR_CELLS * 8), 8)
    bar = "█" * whole + (" ▏▎▍▌▋▊▉"[part] if whole < BAR_CELLS else "")
    figure = "-" if level_dbfs is None else f"{level_dbfs:.1f}"
    return Text.assemble(
        (f"{name:<9} ", "dim"), (f"{bar:<{BAR_CELLS}}", "green on grey23"), f" {figure:>6} dBFS"
    )


class Progress:
    """The progress bar of `heard transcribe` on stderr; nothing where that is no terminal.

    total_s   length of the audio in seconds; None: what has been captured so far
    """

    def __init__(self, total_s: float | None = None, *, err: TextIO | None = None) -> None:
        self._total_s = total_s
        self._bars: Bars | None = None
        console = screen_for(err or sys.stderr, err or sys.stderr)
        if console is not None:
            self._bars = Bars(
                SpinnerColumn(),
                TextColumn("[progress.description]{task.description}"),
                BarColumn(bar_width=None),
                _Seconds(),
                console=console,
                transient=True,
                # Only stderr is ours: stdout may be a file that wants the transcript.
                redirect_stdout=False,
            )
            self._task = self._bars.add_task("starting", total=None)
            self._bars.start()

    def update(self, status: Status) -> None:
        """Move the bar to what `status` says is settled."""
        settled_s, captured_s = settled(status)
        if self._bars is not None and captured_s:
            total_s = max(self._total_s or captured_s, captured_s)
            self._bars.update(self._task, completed=settled_s, total=total_s, description="transcribing")

    def close(self) -> None:
        """Take the bar away; may be called twice."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def settled(status: Status) -> tuple[float, float]:
    """Return how many seconds of all sources are settled (delivered or given up), and how many captured."""
    ledgers = [source["ledger"] for source in status["sources"].values()]
    done = sum(ledger["delivered"] + sum(ledger["dropped"].values()) for ledger in ledgers)
    return done / WORKING_RATE_HZ, sum(ledger["captured"] for ledger in ledgers) / WORKING_RATE_HZ


class _Seconds(ProgressColumn):
    """How much of the audio is done: `12 of 60 s`."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text()
        return Text(f"{task.completed:.0f} of {task.total:.0f} s of audio", "dim")
