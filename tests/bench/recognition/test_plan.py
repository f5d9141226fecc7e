"""The plan: fixed by its seed, two parts that share no voice and no noise, and fair beginnings."""

from __future__ import annotations

from collections import Counter

from ...support import corpus
from .plan import PARTS, SNRS_DB, deal, plan

SPEECH, NOISES = corpus.load()


def test_halves_are_equal_and_depend_on_the_seed_alone() -> None:
    """The order of the names does not matter; another seed deals otherwise."""
    names = [f"speaker {number}" for number in range(20)]
    dealt = deal(names, 4)
    assert Counter(dealt.values()) == dict.fromkeys(PARTS, 10)
    assert deal(reversed(names), 4) == dealt
    assert deal(names, 5) != dealt


def test_the_parts_share_neither_voice_nor_noise() -> None:
    """What a setting is confirmed on was not there when it was chosen."""
    speakers = {each.name: each.speaker for each in SPEECH}
    mixes = plan(SPEECH, NOISES, seed=4, pairs=0)
    voices, noises = (
        {part: {of(mix) for mix in mixes if mix.part == part and mix.noise} for part in PARTS}
        for of in (lambda mix: speakers[mix.utterance], lambda mix: mix.noise)
    )
    assert all(voices.values())
    assert voices[PARTS[0]].isdisjoint(voices[PARTS[1]])
    assert noises[PARTS[0]].isdisjoint(noises[PARTS[1]])


def test_every_pair_of_a_part_comes_once_at_every_snr() -> None:
    """Without a limit each utterance meets each noise of its part at each SNR, and is run clean once."""
    mixes = plan(SPEECH, NOISES, seed=4, pairs=0)
    assert len(set(mixes)) == len(mixes)
    assert len(mixes) == len(SPEECH) * (1 + len(SNRS_DB) * len(NOISES) // 2)


def test_fewer_pairs_are_the_beginning_of_more() -> None:
    """So a longer run goes on where a shorter one stopped; every utterance has every SNR in each round."""
    more = plan(SPEECH, NOISES, seed=4, pairs=2)
    fewer = plan(SPEECH, NOISES, seed=4, pairs=1)
    assert more[: len(fewer)] == fewer
    assert Counter((mix.utterance, mix.snr_db) for mix in fewer) == {
        (each.name, snr_db): 1 for each in SPEECH for snr_db in (None, *SNRS_DB)
    }
