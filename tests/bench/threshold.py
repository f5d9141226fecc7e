"""Would another threshold of noisereduce spare the words? Of the library itself, on whole recordings.

    nice -n 19 python -m tests.bench.threshold [--corpus DIR] [--part development] [--default]

The library calls a bin noise that does not stand out by so many times its floor
(`thresh_n_mult_nonstationary`, 2 by default), or by as many along a gentler slope. Each is mixed at 0.3, as
the default is, and heard by a recognizer on the mixes of `make bench-denoise`. A stream cannot know
the whole recording, but follows it to some 39 dB at that mix. Results are kept: a run that was ended goes on
where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import noisereduce
import numpy as np

from heard.compare.grid import OFF, Setting
from heard.compare.hear import loaded, transcript
from heard.denoise.adaptive import Adaptive
from heard.denoise.noisereduce import N_FFT
from heard.denoise.pcm import Pcm, to_float, to_pcm
from heard.recognizer.registry import DEFAULT_ENGINE

from ..support.corpus import DATA, Utterance, load
from .recognition.intervals import Difference, paired
from .recognition.kept import Kept
from .recognition.mixes import RATE_HZ, Mix, by_name, sound_of
from .recognition.outcome import Key, Outcome
from .recognition.plan import plan
from .recognition.report import complete
from .recognition.summary import BOTH, GROUPS, NOISY, QUIET, SCOPES, Heard, rows
from .recognition.tables import markdown, snr_table, words_table
from .recognition.words import counted

SEED = 4
MIX = 0.3
VERSION = "1"
"""Of what is kept; counts up when what this module computes changes."""
FORMS = {"library": (2.0, 10.0), "library-1": (1.0, 10.0), "library-0.5": (0.5, 10.0), "gentle-1": (1.0, 3.0)}
"""By the name in the table: threshold and slope (`sigmoid_slope_nonstationary`)."""
DEFAULT = (OFF, Setting("library", MIX), Setting("library", MIX, adaptive=True))
SETTINGS = (
    OFF,
    *(Setting(name, MIX) for name in FORMS),
    Setting("library", MIX, adaptive=True),
    Setting("library-1", MIX, adaptive=True),
)


def denoised(pcm: Pcm, setting: Setting) -> Pcm:
    """Return what the library makes of a whole recording under one of SETTINGS."""
    if setting == OFF:
        return pcm
    dry = to_float(pcm)
    threshold, slope = FORMS[setting.backend]
    with np.errstate(all="ignore"):
        wet = noisereduce.reduce_noise(
            y=dry,
            sr=RATE_HZ,
            stationary=False,
            n_fft=N_FFT,
            padding=0,
            prop_decrease=setting.mix,
            thresh_n_mult_nonstationary=threshold,
            sigmoid_slope_nonstationary=slope,
            n_jobs=1,
        )
    # Of a bin that is silent throughout it makes NaN, and it drops what is no whole hop.
    whole = np.concatenate((wet, dry[len(wet) :]))
    wet = np.where(np.isfinite(whole), whole, dry).astype(np.float32)
    if setting.adaptive:
        adaptive = Adaptive(0, pcm[:0])
        adaptive.hear(pcm)
        wet = dry + adaptive.over(0, len(pcm)) * (wet - dry)
    return to_pcm(wet)[0]


def streamed(folder: Path, engine: str, mixes: Sequence[Mix]) -> dict[Mix, dict[Setting, int]]:
    """Return the errors that `make bench-denoise` kept of `mixes`, by setting; of two versions the later."""
    known = {(each.utterance, each.noise, each.snr_db, each.seed): each for each in mixes}
    found: dict[Mix, dict[Setting, int]] = {}
    for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
        if not line:
            continue
        read = json.loads(line)
        key = json.loads(read["key"])
        mix, place = key["mix"], ("utterance", "noise", "snr_db", "seed")
        if key["engine"] == engine and (each := known.get(tuple(mix[name] for name in place))):
            found.setdefault(each, {})[Setting(**key["setting"])] = read["outcome"]["errors"]
    return found


def beside_streams(heard: Heard, errors: dict[Mix, dict[Setting, int]]) -> str:
    """Return a table of what the stream makes more or fewer of than the library on the same mixes."""
    lines = []
    for library in (each for each in SETTINGS if each.backend == "library"):
        stream = replace(library, backend="noisereduce")
        both = [mix for mix in heard if stream in errors.get(mix, {})]
        for group in (NOISY, QUIET):
            differences = [
                Difference(
                    mix.utterance,
                    errors[mix][stream] - heard[mix][library].errors,
                    heard[mix][library].words,
                )
                for mix in both
                if mix.snr_db in GROUPS[group]
            ]
            if differences:
                words = sum(each.words for each in differences)
                counts = [str(len(differences)), str(words)]
                lines.append([stream.name, group, *counts, str(paired(differences, seed=SEED))])
    return markdown(["stream against library", "SNR", "mixes", "words", "points"], lines)


def main() -> int:
    """Measure what is missing, print a table; return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.threshold")
    parser.add_argument("--corpus", type=Path, default=DATA, help="folder with a manifest.tsv")
    parser.add_argument("--cache", type=Path, default=Path("out/bench-threshold"), help="folder for results")
    parser.add_argument("--part", choices=tuple(SCOPES), default=BOTH)
    parser.add_argument("--pairs", type=int, default=0, help="noises for each utterance and SNR; 0: all")
    parser.add_argument("--engine", default=DEFAULT_ENGINE, help="as `heard recognizer --engine` takes it")
    parser.add_argument("--default", action="store_true", help="only with the library's own threshold")
    parser.add_argument("--stream", type=Path, metavar="DIR", help="what make bench-denoise kept, to compare")
    parser.add_argument("--limit-minutes", type=float, default=60.0, help="begin nothing after so long")
    asked = parser.parse_args()
    settings = DEFAULT if asked.default else SETTINGS
    speech, noises = load(asked.corpus)
    recordings = by_name(speech, noises)
    planned = plan(speech, noises, seed=SEED, pairs=asked.pairs)
    mixes = [each for each in planned if each.part in SCOPES[asked.part]]
    kept, engine = Kept(asked.cache), loaded(asked.engine)
    until_s = time.monotonic() + 60 * asked.limit_minutes
    for mix in mixes:
        if time.monotonic() >= until_s:
            break
        keys = {setting: Key(mix, setting, asked.engine, VERSION) for setting in settings}
        if all(kept.get(key) for key in keys.values()):
            continue
        sound, spoken = sound_of(mix, recordings), recordings[mix.utterance]
        assert isinstance(spoken, Utterance)
        for setting, key in keys.items():
            said = transcript(engine, denoised(sound.pcm, setting)[sound.listen])
            count = counted(spoken.transcript, said)
            audio_s = len(sound.pcm) / RATE_HZ
            kept.put(key, Outcome(said, count.errors, count.uncut, count.words, audio_s, 0.0, None))
    outcomes = {
        mix: {
            setting: outcome
            for setting in settings
            if (outcome := kept.get(Key(mix, setting, asked.engine, VERSION))) is not None
        }
        for mix in mixes
    }
    heard = complete(mixes, settings, outcomes)
    sys.stdout.write(f"{asked.engine}, {asked.part}: {len(heard)} of {len(mixes)} mixes, seed {SEED}\n\n")
    if heard:
        found = rows(heard, settings, seed=SEED)
        sys.stdout.write(f"{words_table(found)}\n\n{snr_table(found)}\n")
        if asked.stream:
            errors = streamed(asked.stream, asked.engine, mixes)
            sys.stdout.write(f"\n{beside_streams(heard, errors)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
