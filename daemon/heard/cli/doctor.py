"""`heard doctor`: what keeps heard from working, and the fix for each fault."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click

from heard.cli.fail import FAILURE, USAGE
from heard.cli.options import configured
from heard.config import ConfigError, load
from heard.doctor.finding import Finding, State, failed, summary

MARKS = {State.OK: ("✓", "green"), State.WARNING: ("!", "yellow"), State.FAULT: ("✗", "red")}
MARKS |= {State.SKIPPED: ("-", "bright_black")}
NAME_WIDTH = 19


@click.command()
@configured
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="json: a list of maps with check, state, found and fix.",
)  # fmt: skip
@click.option(
    "--listen", "listen_s", type=click.FloatRange(0, 60), default=2.0, show_default=True, metavar="SECONDS",
    help="Listen to each device for so long; 0 opens none.",
)  # fmt: skip
@click.option("--connect", is_flag=True, help="Open a session of the service as well; it is billed.")
def doctor(
    config: Path | None, overrides: tuple[str, ...], form: str, listen_s: float, *, connect: bool
) -> int:
    """Find what keeps heard from working, and say the fix for each fault.

    Looks at the packages, the configuration, PortAudio and each device, the key, the way to the service,
    the directories and sockets, systemd's units, and at the daemon if one runs (whose devices are then not
    opened). Changes nothing. Exit status 0: nothing is at fault; 1: something is; 2: the configuration has
    errors.

    \b
    Examples:
      heard doctor
      heard doctor --config /etc/heard/heard.toml --connect
      heard doctor --format json | jq '.[] | select(.state == "fault")'
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    # Imported late: `heard doctor --help` needs none of it.
    from heard.doctor.checks import Asked, with_settings, without_settings  # noqa: PLC0415
    from heard.doctor.examine import examine  # noqa: PLC0415

    status = 0
    try:
        loaded = load(config, overrides, os.environ)
        checks = with_settings(loaded, os.environ, Asked(listen_s, connect))
    except ConfigError as error:
        status, checks = USAGE, without_settings(error.errors)
    found = list(_shown(examine(checks)) if form == "text" else examine(checks))
    if form == "json":
        click.echo(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    else:
        click.echo(summary(found))
    sys.stdout.flush()
    return status or (FAILURE if failed(found) else 0)


def _shown(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Print each finding as it comes, and pass it on."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for finding in findings:
        for line in lines(finding, width):
            click.echo(line)
        sys.stdout.flush()
        yield finding


def lines(finding: Finding, width: int | None) -> list[str]:
    """Return a finding as it is printed: mark, colour and `width` on a terminal; a word elsewhere (None)."""
    mark, colour = MARKS[finding.state]
    name = f"{finding.check:<{NAME_WIDTH}}"
    if width is None:
        told = [f"{finding.state:<8} {name} {finding.found}"]
        return told + [f"{'':<9}{'':<{NAME_WIDTH}} fix: {finding.fix}"] * bool(finding.fix)
    indent = " " * (NAME_WIDTH + 3)
    first, *rest = [
        click.style(line, dim=finding.state is State.SKIPPED)
        for line in _wrapped(finding.found, width - len(indent))
    ]
    told = [f"{click.style(mark, fg=colour, bold=True)} {name} {first}", *(indent + line for line in rest)]
    if finding.fix:
        first, *rest = _wrapped(f"fix: {finding.fix}", width - len(indent))
        first = first.replace("fix:", click.style("fix:", bold=True), 1)
        told += [indent + line for line in (first, *rest)]
    return told


def _wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines between words; a path stays whole."""
    return textwrap.wrap(text, max(width, 30), break_long_words=False, break_on_hyphens=False) or [""]
