"""Some seconds of a device on stdout: `python -m heard.compare.microphone --device NAME --seconds N`.

A process of its own: a sound system that hangs must not take the command along. Raw 16-bit mono at the
working rate, as capture hears it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from heard.capture.device import DeviceInput
from heard.capture.lost import InputLostError
from heard.capture.source import Now
from heard.settings import WORKING_RATE_HZ, Capture, Source

POLL_S = 0.02


def record(source: Source, seconds: float, *, stall_s: float) -> int:
    """Write `seconds` of the device to stdout as it is heard; return how many samples were lost on the way.

    Raises:
        InputLostError: the device is not there, went away, or delivers nothing.
    """
    device = DeviceInput(source, reads="auto", stall_s=stall_s)
    device.start(_now())
    wanted = round(seconds * WORKING_RATE_HZ)
    lost_s = 0.0
    while wanted:
        for heard in device.read(_now(), WORKING_RATE_HZ):
            lost_s += heard.lost_s
            taken = heard.pcm[:wanted]
            wanted -= len(taken)
            sys.stdout.buffer.write(taken.astype("<i2").tobytes())
        sys.stdout.buffer.flush()
        time.sleep(POLL_S)
    device.stop()
    return round(lost_s * WORKING_RATE_HZ)


def main() -> int:
    """Record; return 1 with a line on stderr where that fails."""
    parser = argparse.ArgumentParser(prog="python -m heard.compare.microphone")
    parser.add_argument("--device", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--channel", type=int, default=1)
    parser.add_argument("--rate-hz", type=int, default=0)
    asked = parser.parse_args()
    source = Source(device=asked.device, channel=asked.channel, rate_hz=asked.rate_hz)
    try:
        lost = record(source, asked.seconds, stall_s=Capture().stall_ms / 1000)
    except InputLostError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 1
    if lost:
        sys.stderr.write(f"{asked.device}: {lost} samples were lost while recording\n")
    return 0


def _now() -> Now:
    return Now(time.monotonic(), time.time())


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # An orderly exit may hang in PortAudio.
    os._exit(code)
