"""The obvious way to hear a device, for comparison: `python -m tests.bench.plain_device NAME`.

A stream of sounddevice's, as its documentation shows it. Prints a line for each half second: what came, in
seconds and as the loudest sample; and how the stream ended, if it ever says so.
"""

import sys
import time

import numpy as np
import sounddevice


def main() -> None:
    """Listen until killed."""
    parts: list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]] = []

    def callback(data: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]", *_: object) -> None:
        parts.append(data.copy())

    with sounddevice.InputStream(
        device=sys.argv[1],
        samplerate=16_000,
        channels=1,
        dtype="int16",
        callback=callback,
        finished_callback=lambda: print("ended", flush=True),  # noqa: T201  # this is a program
    ) as stream:
        while stream.active:
            time.sleep(0.5)
            heard = np.concatenate([np.zeros((1, 1), np.int16), *parts])
            parts.clear()
            sys.stdout.write(f"{len(heard) / 16_000:.3f} {int(np.abs(heard).max())}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
