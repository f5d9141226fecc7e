"""A file that claims to be audio is read to its end or refused in one line, by a process with limits."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from ..support.processes import run

FORMATS = ("WAV", "FLAC", "OGG", "AIFF", "AU", "CAF", "W64", "RF64", "MP3")
EACH = 14

# Each file that is begun is named first, so that one which ends the process is known.
READER = """
import resource, signal, sys
from pathlib import Path
from heard.capture.files import FileInput
from heard.capture.record import Place
from heard.capture.lost import InputRefusedError
from heard.capture.source import Now
from heard.settings import Source

resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
refused = read = 0
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, flush=True)
    signal.alarm(5)
    try:
        source = Source(name="tape", input="file", path=str(path), pace="fast", channel=0)
        tape = FileInput(source, Place(0, 0, 0.0), 0)
        tape.start(Now(0.0, 0.0))
        for turn in range(200):
            if tape.ended:
                break
            for heard in tape.read(Now(turn, turn), 160000):
                assert heard.pcm.dtype == "int16"
        read += 1
    except InputRefusedError as error:
        assert len(str(error).splitlines()) == 1, error
        refused += 1
    signal.alarm(0)
print("done", read, refused)
"""


def test_broken_audio_is_read_or_refused(tmp_path: Path) -> None:
    """Headers with other numbers, files cut short, bytes changed, of every format that is written here."""
    random = Random(1)
    folder = tmp_path / "files"
    folder.mkdir()
    tone = (np.sin(np.arange(8000) / 5) * 8000).astype(np.int16)
    for form in FORMATS:
        made = io.BytesIO()
        soundfile.write(made, np.stack([tone, tone], axis=1), 16000, format=form)
        whole = made.getvalue()
        (folder / f"{form}-whole").write_bytes(whole)
        for number in range(EACH):
            (folder / f"{form}-{number:02}").write_bytes(_broken(whole, random, number))
    finished = run([sys.executable, "-c", READER, str(folder)], limit_s=60)
    assert finished.code == 0, f"{finished.stdout.splitlines()[-1:]}: {finished.stderr[-600:]}"
    _, read, refused = finished.stdout.splitlines()[-1].split()
    assert int(read) >= len(FORMATS)
    assert int(read) + int(refused) == len(FORMATS) * (EACH + 1)


def _broken(whole: bytes, random: Random, number: int) -> bytes:
    data = bytearray(whole)
    match number % 4:
        case 0:
            return bytes(data[: random.randrange(len(data))])
        case 1:
            # A header whose counts and rates are enormous, negative or zero.
            place = random.randrange(4, 64)
            data[place : place + 4] = random.choice(
                (b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
            )
        case 2:
            for _ in range(20):
                data[random.randrange(len(data))] = random.randrange(256)
        case _:
            for _ in range(3):
                data[random.randrange(60)] = random.randrange(256)
    return bytes(data)
