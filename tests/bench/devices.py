"""How soon a lost device is noticed and heard again: `python -m tests.bench.devices [--rounds N]`.

A real PulseAudio server with two outputs, whose monitors are the microphones; the server moves streams
whose device goes away, as a desktop's does (module-rescue-streams). Beside heard's own way to the device:
the way by PortAudio on ALSA's plug-in for PulseAudio, which heard takes for names that only ALSA knows, and
the obvious one, sounddevice's stream on that plug-in. Noticed: from the fault to `lost`; recovered: from
the beginning of its cure (the start of a server included) to `live`. Every figure of heard's is of messages
on the publish socket.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from ..support.poll import until
from ..support.processes import started
from ..support.sound_server import SoundServer, sound_server
from ..system.device_faults import (
    DEVICE,
    FAULTS,
    NOTICED_S,
    RATE_HZ,
    RECOVERED_S,
    Fault,
    Outcome,
    first,
    listening,
    outage,
)
from ..system.running import Daemon

WAYS = {"heard": DEVICE, "PortAudio": "room"}
"""The device's name in both ways."""
LOUD = 1000
"""A sample of the other device's tone is larger."""
ROW = "{:<16}{:>22}{:>22}{:>26}{:>20}\n"


def main() -> int:
    """Print one table; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.devices")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    write = sys.stdout.write
    write(f"targets: noticed {NOTICED_S:g} s, recovered {RECOVERED_S:g} s; median (longest) of {rounds}\n\n")
    write(ROW.format("", "noticed, s", "recovered, s", "gap begins off by, ms", "wrong device, s"))
    met = True
    for fault in FAULTS:
        for way, device in WAYS.items():
            outcomes = measured(fault, device, rounds)
            write(ROW.format(f"{fault.name}", *figures(outcomes)).rstrip() + f"   {way}\n")
            sys.stdout.flush()
            if way == "heard":
                met &= all(fine(outcome) for outcome in outcomes)
        write(ROW.format(fault.name, *obvious(fault)).rstrip() + "   the obvious stream\n")
    noticed, back = moved(rounds)
    write(ROW.format("another default", spread(noticed), spread(back), "", "").rstrip() + "   heard\n")
    write(ROW.format("only zeros", spread(zeros(rounds)), "", "", "").rstrip() + "   heard\n")
    return 0 if met else 1


def measured(fault: Fault, device: str, rounds: int) -> list[Outcome]:
    """Return what became of the fault, `rounds` times on one server."""
    with sound_server(("room", "hall")) as server, listening(server, mic(device)) as heard:
        found = []
        for _ in range(rounds):
            if fault.name == "unplugged":
                server.control("load-module", "module-rescue-streams")
            found.append(outage(heard, server, fault))
            if found[-1].recovered_s is None:
                break
        return found


def obvious(fault: Fault) -> tuple[str, str, str, str]:
    """Return the columns of sounddevice's plain stream, once: what it says, and what it hears meanwhile."""
    with sound_server(("room", "hall")) as server, server.sounding(440.0, "hall"):
        argv = [sys.executable, "-m", "tests.bench.plain_device", WAYS["PortAudio"]]
        with started(argv, limit_s=60, env=server.environment()) as plain:
            until(lambda: len(plain.printed().splitlines()) > 2, 20, "a second of sound")
            if fault.name != "server killed":
                server.control("load-module", "module-rescue-streams")
            lines = len(plain.printed().splitlines())
            began = time.monotonic()
            fault.cause(server)
            with suppress(TimeoutError):
                until(lambda: "ended" in plain.printed(), fault.away_s, "its end")
            ended = "ended" in plain.printed()
            noticed = f"{time.monotonic() - began:.2f}" if ended else "never"
            # Only the other device sounds.
            later = [line.split() for line in plain.printed().splitlines()[lines:] if line != "ended"]
            wrong_s = sum(float(seconds) for seconds, loudest in later if int(loudest) > LOUD)
            if fault.name == "server hung":
                server.thaw()
            return noticed, "-", "-", f"{wrong_s:.1f}" if wrong_s else "0"


def mic(device: str) -> dict[str, object]:
    """Return a source on that device."""
    return {"name": "mic", "device": device, "rate_hz": RATE_HZ}


def fine(outcome: Outcome) -> bool:
    """Say whether an outcome reaches the targets."""
    return (
        outcome.noticed_s is not None
        and outcome.noticed_s <= NOTICED_S
        and outcome.recovered_s is not None
        and outcome.recovered_s <= RECOVERED_S
        and outcome.heard == 0
    )


def figures(outcomes: Sequence[Outcome]) -> tuple[str, str, str, str]:
    """Return the columns of one row."""
    begins = [
        max(0.0, before - float(outcome.gap["start"]), float(outcome.gap["start"]) - after_) * 1000
        for outcome in outcomes
        for before, after_ in [outcome.caused_at]
        if outcome.gap is not None
    ]
    wrong = max(outcome.heard for outcome in outcomes) / RATE_HZ
    return (
        spread([outcome.noticed_s for outcome in outcomes]),
        spread([outcome.recovered_s for outcome in outcomes]),
        f"{statistics.median(begins):.0f} ({max(begins):.0f})" if begins else "-",
        f"{wrong:.1f}" if wrong else "0",
    )


def moved(rounds: int) -> tuple[list[float | None], list[float | None]]:
    """Return how long after the default has changed `lost` and `live` came."""
    noticed, back = [], []
    with sound_server(("room", "hall")) as server, listening(server, mic("default")) as heard:
        for turn in range(rounds):
            began = time.time()
            server.control("set-default-source", f"{('hall', 'room')[turn % 2]}.monitor")
            noticed.append(after(heard, "lost", began))
            back.append(after(heard, "live", began))
    return noticed, back


def zeros(rounds: int) -> list[float | None]:
    """Return how long after the end of a sound the verdict came."""
    with sound_server() as server, listening(server, mic(DEVICE)) as heard:
        return [_silenced(heard, server) for _ in range(min(rounds, 2))]


def _silenced(heard: Daemon, server: SoundServer) -> float | None:
    with server.sounding(440.0, "room"):
        heard.listen(1.0)
        began = time.time()
    return after(heard, "verdict", began)


def after(heard: Daemon, event: str, since: float) -> float | None:
    """Return how long after `since` an event came."""
    body = first(heard, "mic", event, since=since, limit_s=8)
    return None if body is None else float(body["time"]) - since


def spread(values: Sequence[float | None]) -> str:
    """Return median and longest; what did not happen is told."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "never" if not known else f"{len(values) - len(known)} of {len(values)} never"
    return f"{statistics.median(known):.2f} ({max(known):.2f})"


if __name__ == "__main__":
    sys.exit(main())
