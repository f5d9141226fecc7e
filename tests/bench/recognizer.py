"""What the embedded recognizer costs and how good it is: `python -m tests.bench.recognizer`.

One session over the real socket. Recordings of `tests/data` are sent at real-time pace for cost and
delay, partials on; then all of them, as fast as the server takes them, for word errors.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time

import numpy as np
import numpy.typing as npt
from websockets.sync.client import ClientConnection

from ..daemon.recognizer.serving import Message, frames, receive, recognizer, rest, session, transcript_of
from ..support import corpus
from ..support.processes import Child, cpu_s, pss_of
from ..support.wer import word_error_rate

LIVE = ("vctk-p225-011", "arctic-aew-a0003", "ls-198-209-0000", "lj-LJ001-0004", "vctk-p226-016")
"""Sent in real time: 35 s of speech with the pauses between, one of them long enough to be several turns."""

FRAME_S = 0.05
PAUSE_S = 1.5
SPEECH_RANGE_DB = 35.0
"""Speech ends with the last 20 ms that are no further than this below the loudest."""

TERMINATE = '{"type":"Terminate"}'
MIB = 1 << 20


def measure() -> dict[str, float]:
    """Measure, in about a minute.

    rtf              CPU time by audio time, one session in real time, partials included
    idle_rtf         the same while nobody speaks
    final_delay_s    from the end of speech to the final, median; `final_delay_max_s` the longest
    partial_delay_s  from the beginning of speech to the first partial, median
    rss_bytes        of the process after that; `pss_bytes` likewise
    wer              over all recordings of tests/data, each in a session of its own
    flood_rtf        wall time by audio time for that, as fast as it goes
    """
    with recognizer(limit_s=300) as (child, url):
        with session(url) as connection:
            figures = _live(connection, child)
        pairs = []
        began, audio_s = time.monotonic(), 0.0
        for utterance in corpus.utterances():
            pcm = np.concatenate((utterance.pcm(), _silence(1.0)))
            audio_s += len(pcm) / corpus.RATE_HZ
            with session(url) as connection:
                for frame in frames(pcm):
                    connection.send(frame)
                connection.send(TERMINATE)
                pairs.append((utterance.transcript, transcript_of(rest(connection)[0])))
        figures["flood_rtf"] = (time.monotonic() - began) / audio_s
        figures["wer"] = word_error_rate(pairs)
        return figures


def _live(connection: ClientConnection, child: Child) -> dict[str, float]:
    """Send LIVE at real-time pace with pauses between, and watch what comes when."""
    parts, speech = [_silence(PAUSE_S)], []
    for name in LIVE:
        pcm = corpus.utterance(name).pcm()
        at = sum(map(len, parts))
        first, last = _speech(pcm)
        speech.append((at + first, at + last))
        parts += [pcm, _silence(PAUSE_S)]
    audio = np.concatenate(parts)
    arrived: list[tuple[float, Message]] = []
    assert receive(connection)["type"] == "Begin"

    def read() -> None:
        while not arrived or arrived[-1][1]["type"] != "Termination":
            message = receive(connection)
            arrived.append((time.monotonic(), message))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    idle_s = _pace(connection, _silence(3.0), child)
    began = time.monotonic()
    spent_s = _pace(connection, audio, child)
    connection.send(TERMINATE)
    reader.join(10)
    if reader.is_alive():
        raise TimeoutError("no Termination within 10 s")
    return {
        "rtf": spent_s / (len(audio) / corpus.RATE_HZ),
        "idle_rtf": idle_s / 3.0,
        **_delays(arrived, speech, began),
        "rss_bytes": _rss(child),
        "pss_bytes": float(pss_of(child.pid)),
    }


def _pace(connection: ClientConnection, pcm: npt.NDArray[np.int16], child: Child) -> float:
    """Send each frame when its last sample would have been captured; return the server's CPU time."""
    began, before = time.monotonic(), cpu_s(child.pid)
    frame_bytes = int(FRAME_S * corpus.RATE_HZ) * 2
    for count, frame in enumerate(frames(pcm, frame_bytes), start=1):
        time.sleep(max(0.0, began + count * FRAME_S - time.monotonic()))
        connection.send(frame)
    return cpu_s(child.pid) - before


def _delays(
    arrived: list[tuple[float, Message]], speech: list[tuple[int, int]], began: float
) -> dict[str, float]:
    """Return how long after the beginnings and ends of speech, in samples from `began`, text came."""
    finals, partials = [], []
    turns = [(at - began, message) for at, message in arrived if message["type"] == "Turn"]
    for first, last in speech:
        start_s, end_s = first / corpus.RATE_HZ, last / corpus.RATE_HZ
        window = [(at, m) for at, m in turns if start_s < at < end_s + PAUSE_S]
        finals.append(max(at for at, m in window if m["end_of_turn"]) - end_s)
        partials.append(min(at for at, m in window if not m["end_of_turn"]) - start_s)
    return {
        "final_delay_s": statistics.median(finals),
        "final_delay_max_s": max(finals),
        "partial_delay_s": statistics.median(partials),
    }


def _speech(pcm: npt.NDArray[np.int16]) -> tuple[int, int]:
    """Return the first and the last sample of speech, by level."""
    step = corpus.RATE_HZ // 50
    blocks = pcm[: len(pcm) // step * step].reshape(-1, step).astype(np.float64)
    level_db = 10 * np.log10(np.mean(blocks**2, axis=1) + 1e-9)
    loud = np.flatnonzero(level_db > level_db.max() - SPEECH_RANGE_DB)
    return int(loud[0]) * step, int(loud[-1] + 1) * step


def _silence(seconds: float) -> npt.NDArray[np.int16]:
    return np.zeros(int(seconds * corpus.RATE_HZ), np.int16)


def _rss(child: Child) -> float:
    with open(f"/proc/{child.pid}/statm", encoding="ascii") as statm:  # noqa: PTH123 - a kernel file
        return float(int(statm.read().split()[1]) * 4096)


def main() -> int:
    """Print one table."""
    figures = measure()
    rows = (
        ("real-time factor of one core, partials on", f"{figures['rtf']:.3f}", "0.3"),
        ("the same while nobody speaks", f"{figures['idle_rtf']:.3f}", ""),
        ("final after the end of speech, median", f"{figures['final_delay_s']:.2f} s", "1.2 s"),
        ("final after the end of speech, longest", f"{figures['final_delay_max_s']:.2f} s", "1.2 s"),
        ("first partial after the beginning of speech", f"{figures['partial_delay_s']:.2f} s", ""),
        ("memory, RSS", f"{figures['rss_bytes'] / MIB:.0f} MiB", "180 MiB"),
        ("memory, PSS", f"{figures['pss_bytes'] / MIB:.0f} MiB", ""),
        ("word error rate, all of tests/data", f"{100 * figures['wer']:.1f} %", ""),
        ("audio as fast as it is taken, real-time factor", f"{figures['flood_rtf']:.3f}", ""),
    )
    for what, figure, most in rows:
        sys.stdout.write(f"{what:<50}{figure:>10}{most and f'   at most {most}'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
