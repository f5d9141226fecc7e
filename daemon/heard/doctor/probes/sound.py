"""Looks for inputs and listens to them. PortAudio is called by other processes only: it may hang."""

from __future__ import annotations

import getpass
import grp
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from heard.capture.lost import InputRefusedError
from heard.doctor.probes import child
from heard.doctor.sound import Device, Listing, Machine, Opened
from heard.settings import Source

LIST_S = 12.0
OPEN_S = 15.0
"""Longest wait for a device beyond the time that it is listened to."""

BRIDGES = ("*/alsa-lib/libasound_module_pcm_pulse.so", "*/alsa-lib/libasound_module_pcm_pipewire.so")
"""Below /usr/lib, where Debian has them: from libasound2-plugins and pipewire-alsa."""


def listing() -> Listing:
    """Return what PortAudio lists."""
    ended = child.run([sys.executable, "-m", "heard.capture.devices"], LIST_S)
    if ended.code is None:
        return Listing(timed_out=True, seconds=LIST_S)
    if ended.code:
        return Listing(error=ended.last_line or f"looking for inputs ended with {ended.code}")
    rows = json.loads(ended.output)
    return Listing(
        tuple(
            Device(str(row["name"]), str(row["kind"]), int(row["channels"]), bool(row["default"]))
            for row in rows
        ),
        lacking=ended.last_line,
    )


def listen(source: Source, seconds: float) -> tuple[Opened, bytes]:
    """Open the device of a source as capture does; return what came of it, and s16le at the working rate."""
    argv = [sys.executable, "-m", "heard.compare.microphone", "--device", source.device]
    argv += ["--seconds", f"{seconds:g}", "--channel", str(source.channel), "--rate-hz", str(source.rate_hz)]
    ended = child.run(argv, seconds + OPEN_S)
    if ended.code is None:
        return Opened(timed_out=True), ended.output
    if ended.code:
        return Opened(ended.last_line or f"listening ended with {ended.code}"), ended.output
    words = ended.last_line.split()
    lost = next((int(word) for word in words if word.isdecimal()), 0) if "were lost" in ended.last_line else 0
    return Opened(lost_samples=lost), ended.output


def file(source: Source) -> str | None:
    """Return why the file of a source cannot be read as audio, None where it can."""
    from heard.capture.files import open_sound  # noqa: PLC0415  # loads libsndfile

    try:
        open_sound(Path(source.path), source.channel).close()
    except (InputRefusedError, OSError) as error:
        return str(error)
    return None


def machine(environ: Mapping[str, str]) -> Machine:
    """Return what this user could hear with."""
    nodes = sorted(Path("/dev/snd").glob("pcm*c")) if Path("/dev/snd").is_dir() else []
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    servers = []
    if environ.get("PULSE_SERVER") or (runtime and (Path(runtime) / "pulse/native").exists()):
        servers.append("PulseAudio")
    if runtime and (Path(runtime) / "pipewire-0").exists():
        servers.append("PipeWire")
    return Machine(
        user=_user(),
        nodes=len(nodes),
        readable=sum(os.access(node, os.R_OK) for node in nodes),
        in_audio=os.geteuid() == 0 or _audio() in os.getgroups(),
        servers=tuple(servers),
        bridges=tuple(path.name for pattern in BRIDGES for path in Path("/usr/lib").glob(pattern)),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.geteuid()}"


def _audio() -> int | None:
    try:
        return grp.getgrnam("audio").gr_gid
    except KeyError:
        return None
