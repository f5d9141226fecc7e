"""Core: PortAudio, and the device of each source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from heard.doctor.finding import Finding, fault, ok, skipped, warning
from heard.settings import Source

PORTAUDIO = "portaudio"
SHOWN = 6
"""Names of devices that an error lists."""
RESTART = "systemctl --user restart pipewire wireplumber pipewire-pulse (or: pulseaudio -k)"


@dataclass(frozen=True, slots=True)
class Device:
    """An input, as `heard devices` lists it."""

    name: str
    kind: str
    channels: int
    default: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """The inputs there are.

    error    why none are listed, None where they are
    lacking  why PortAudio added none to the sound server's, "" where it could
    """

    devices: tuple[Device, ...] = ()
    error: str | None = None
    lacking: str = ""
    timed_out: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What this user could hear with.

    nodes     capture devices of ALSA there are (/dev/snd/pcm*c), and how many of them open for us
    in_audio  whether the user is root or in the group `audio`
    servers   sound servers whose socket is there: "PulseAudio", "PipeWire"
    bridges   plug-ins of ALSA that are installed and lead to one
    """

    user: str
    nodes: int
    readable: int
    in_audio: bool
    servers: tuple[str, ...]
    bridges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of opening a device: `error` is why it delivered nothing, None where it did."""

    error: str | None = None
    timed_out: bool = False
    lost_samples: int = 0


def portaudio(listing: Listing, machine: Machine, *, needed: bool) -> list[Finding]:
    """Judge the library and whether there is any input; `needed`: a source has a device."""
    if not needed:
        return [skipped(PORTAUDIO, "no source listens to a device")]
    if listing.timed_out:
        hangs = f"the sound system does not answer within {listing.seconds:.0f} s"
        return [fault(PORTAUDIO, hangs, RESTART)]
    if listing.error is not None:
        found, colon, fix = listing.error.rpartition(": apt install ")
        if colon:
            return [fault(PORTAUDIO, found, f"apt install {fix}")]
        return [fault(PORTAUDIO, listing.error, "apt install --reinstall libportaudio2")]
    if listing.devices:
        count = len(listing.devices)
        if listing.lacking:
            found, _, fix = listing.lacking.partition(": apt install ")
            only = f"{found}: {count} of the sound server's inputs can be heard, and no others"
            return [warning(PORTAUDIO, only, f"apt install {fix or '--reinstall libportaudio2'}")]
        by = f", {' and '.join(machine.servers)} at hand" if machine.servers else ""
        return [ok(PORTAUDIO, f"{count} input{'' if count == 1 else 's'}{by}")]
    return [_nothing(machine)]


def device(source: Source, listing: Listing) -> tuple[Device | None, list[Finding]]:
    """Return the device of a source, and what keeps it from being opened."""
    check = f"device {source.name}"
    if listing.error is not None or listing.timed_out or not listing.devices:
        return None, [skipped(check, "PortAudio lists no inputs")]
    named = next((each for each in listing.devices if each.name == source.device), None)
    if named is None and source.device == "default":
        named = next((each for each in listing.devices if each.default), None)
    names = [each.name for each in listing.devices]
    if named is None:
        shown = ", ".join(repr(name) for name in names[:SHOWN])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        near = get_close_matches(source.device, names, 1) or names[:1]
        return None, [
            fault(
                check,
                f"no input is called {source.device!r}; there are: {shown}{more}",
                f'plug it in, or source.{source.name}.device = "{near[0]}" (heard devices lists them)',
            )
        ]
    if source.channel > named.channels:
        wrong = f"channel = {source.channel}, but {named.name!r} has {named.channels}"
        return None, [fault(check, wrong, f"source.{source.name}.channel = {named.channels}, or 0 for all")]
    return named, []


def opened(source: Source, found: Device, outcome: Opened) -> list[Finding]:
    """Judge how a device opened and delivered."""
    check = f"device {source.name}"
    called = repr(found.name) + (" (a monitor)" if found.kind == "monitor" else "")
    if outcome.timed_out:
        return [fault(check, f"{called}: opening it hangs", RESTART)]
    if outcome.error is not None:
        text = outcome.error
        if "no audio for" in text:
            return [fault(check, f"{text}: it opens, and delivers nothing", f"plug it in anew; {RESTART}")]
        if "sample rate" in text.lower():
            return [fault(check, text, f"source.{source.name}.rate_hz = 0, the device's own rate")]
        return [fault(check, text, "see who else has it: fuser -v /dev/snd/*; close that, or " + RESTART)]
    if outcome.lost_samples:
        lost = f"{called} delivers, but lost {outcome.lost_samples} samples meanwhile"
        return [warning(check, lost, "the machine is too busy, or the device slow: nice -n -5 heard run")]
    return [ok(check, f"{called} opens and delivers")]


def file(source: Source, error: str | None) -> list[Finding]:
    """Judge the file of a source; `error` is why it cannot be read, None where it can."""
    check = f"file {source.name}"
    if error is None:
        return [ok(check, f"{source.path} can be read")]
    if "channel = " in error:
        return [fault(check, error, f"source.{source.name}.channel = 1, or 0 for all")]
    return [fault(check, error, f"put it there, or correct source.{source.name}.path")]


def of_daemon(name: str, source: Mapping[str, object]) -> list[Finding]:
    """Judge a source by what the running daemon says of it; its device is not opened a second time."""
    check = f"device {name}"
    called = repr(source.get("device"))
    match source.get("state"):
        case "lost":
            lost = f"{called} is lost to the running daemon, which looks for it"
            return [fault(check, lost, "heard devices; the daemon's log lists those that exist")]
        case "muted":
            return [warning(check, f"{called} is muted: nothing is heard", f"heardctl unmute {name}")]
        case state:
            level = source.get("level_dbfs")
            if isinstance(level, (int, float)) and level <= _SILENT_DBFS and state == "live":
                silent = f"{called} delivers digital silence to the running daemon"
                return [warning(check, silent, "its mute switch; pactl set-source-mute @DEFAULT_SOURCE@ 0")]
            shown = f", {level:.0f} dBFS" if isinstance(level, (int, float)) else ""
            return [ok(check, f"{called} is {state} in the running daemon{shown}")]


_SILENT_DBFS = -110.0


def _nothing(machine: Machine) -> Finding:
    """Say why there is no input at all."""
    if machine.nodes and not machine.readable and not machine.servers:
        return fault(
            PORTAUDIO,
            f"no input: {machine.nodes} in /dev/snd, which {machine.user} may not open",
            f"sudo usermod -aG audio {machine.user}, then log in anew"
            if not machine.in_audio
            else "ls -l /dev/snd: the group must be audio, the mode 0660",
        )
    if not machine.nodes and not machine.servers:
        return fault(
            PORTAUDIO,
            "no input: no sound card in /dev/snd, and no sound server of this user",
            'plug a microphone in; as a service see docs/operations.md; or source.NAME.input = "file"',
        )
    if machine.servers and not machine.bridges:
        server = machine.servers[-1]
        return fault(
            PORTAUDIO,
            f"no input: {server} is there, but nothing joins it to ALSA, through which PortAudio hears",
            f"apt install {'pipewire-alsa' if server == 'PipeWire' else 'libasound2-plugins'}",
        )
    by = " and ".join(machine.servers) or "ALSA"
    return fault(PORTAUDIO, f"no input, though {by} is there", f"arecord -L; {RESTART}")
