"""`heard doctor` for a test: in this process, or as a command where the world is another."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heard.config import load
from heard.doctor.checks import Asked, with_settings
from heard.doctor.examine import examine
from heard.doctor.finding import Finding, State

from ..support.corpus import utterance
from ..support.processes import run
from .running import command, configuration

SPOKEN = str(utterance("arctic-aew-a0003").path)
FILE = {"name": "mic", "input": "file", "path": SPOKEN, "denoise": {"backend": "off"}}
"""A source with which nothing can be wrong."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor said, and the exit status of the command (0 where it was not run as one)."""

    findings: tuple[Finding, ...]
    code: int = 0

    def faults(self) -> dict[str, Finding]:
        """Return the faults by their checks."""
        return {each.check: each for each in self.findings if each.state is State.FAULT}

    def of(self, check: str) -> Finding:
        """Return the only finding of a check."""
        (found,) = [each for each in self.findings if each.check == check]
        return found


def written(place: Path, sources: Sequence[Mapping[str, object]] = (FILE,), **sections: object) -> Path:
    """Write a configuration below `place`, which becomes the runtime directory; return its path."""
    config = place / "heard.toml"
    config.write_text(configuration(place, sources, **sections), encoding="utf-8")  # type: ignore[arg-type]  # sections
    return config


def examined(config: Path, environ: Mapping[str, str] | None = None, **asked: object) -> Report:
    """Make every check here; devices are not opened unless `listen_s` is given."""
    environ = os.environ if environ is None else environ
    wanted = Asked(**{"listen_s": 0.0, **asked})  # type: ignore[arg-type]  # Asked's own fields
    return Report(tuple(examine(with_settings(load(config, [], environ), environ, wanted))))


def asked(
    config: Path, *words: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
) -> Report:
    """Run the command, and read its JSON."""
    argv = [*prefix, *command("doctor", "--config", str(config), "--format", "json", *words)]
    finished = run(argv, limit_s=100, env=env)
    assert "Traceback" not in finished.stderr, finished.stderr
    assert finished.code in (0, 1, 2), finished.stderr
    rows = json.loads(finished.stdout)
    assert all(list(row) == ["check", "state", "found", "fix"] for row in rows)
    findings = tuple(Finding(row["check"], State(row["state"]), row["found"], row["fix"]) for row in rows)
    assert all(each.fix for each in findings if each.state in (State.FAULT, State.WARNING))
    return Report(findings, finished.code)
