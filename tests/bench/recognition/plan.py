"""Core: which mixes are run, in which order, and on which side of the corpus each one is.

Speakers are dealt out into two halves, and so are noises. A mix is of the development part where both
are, of the confirmation part where both are of the other; pairs across belong to neither and are not
run. So nothing that a setting is confirmed on was there when it was chosen: no voice and no noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import partial

from heard.compare.grid import Setting

from ...support.corpus import Noise, Utterance
from .mixes import LOOP, Mix

PARTS = ("development", "confirmation")
SNRS_DB = (0, 5, 10, 20)

SETTINGS = (
    Setting("off", 0.0),
    Setting(LOOP, 1.0),
    Setting("noisereduce", 0.3),
    Setting("noisereduce", 0.3, adaptive=True),
    Setting("noisereduce", 0.5),
    Setting("noisereduce", 1.0),
    Setting("gate", 0.3),
    Setting("gate-fast", 0.3),
    Setting("deepfilter", 0.3),
    Setting("deepfilter", 0.5),
    Setting("deepfilter", 0.7),
    Setting("deepfilter", 1.0),
)
DEFAULT = (Setting("off", 0.0), Setting("noisereduce", 0.3), Setting("noisereduce", 0.3, adaptive=True))
NEURAL = (Setting("off", 0.0), Setting("deepfilter", 0.5))
LARGER = (*DEFAULT, NEURAL[-1])
"""What the larger recognizer hears, which is slow."""


def number_of(seed: int, *words: str) -> int:
    """Return a number that is as good as random, and always the same."""
    text = "\0".join((str(seed), *words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


def deal(names: Iterable[str], seed: int) -> dict[str, str]:
    """Return the part of each name: halves of equal size, the first the larger if they cannot be."""
    shuffled = sorted(set(names), key=lambda name: number_of(seed, name))
    return {name: PARTS[place % 2] for place, name in enumerate(shuffled)}


def plan(speech: Sequence[Utterance], noises: Sequence[Noise], *, seed: int, pairs: int) -> list[Mix]:
    """Return the mixes in the order in which they are to be run.

    Each utterance is run clean, and at each SNR with `pairs` noises of its part (0: with all of them).
    A round has one noise for every utterance and SNR, and is shuffled: a run that ends early is a fair
    sample.
    """
    speakers = deal((each.speaker for each in speech), seed)
    sides = deal((each.name for each in noises), seed)
    planned: list[Mix] = []
    rounds = max(list(sides.values()).count(part) for part in PARTS) if noises else 0
    for turn in range(min(pairs, rounds) if pairs else rounds):
        wanted: list[Mix] = []
        for utterance in speech:
            part = speakers[utterance.speaker]
            if turn == 0:
                wanted.append(Mix(part, utterance.name, "", None, seed))
            own = [each.name for each in noises if sides[each.name] == part]
            own.sort(key=partial(number_of, seed, utterance.name))
            for place, snr_db in enumerate(SNRS_DB):
                if turn < len(own):
                    # Two apart, so that two rounds at three SNRs meet six noises.
                    noise = own[(turn + 2 * place) % len(own)]
                    entry = number_of(seed, utterance.name, noise, "entry")
                    wanted.append(Mix(part, utterance.name, noise, snr_db, entry))
        wanted.sort(key=lambda mix: number_of(seed, mix.name, "order"))
        planned += wanted
    return planned
