"""Does a vote among the settings know which one is best? On mixes whose words are known.

    python -m tests.bench.majority [--cache out/bench-denoise] [--corpus DIR]

Reads the transcripts that `make bench-denoise` kept: nothing is denoised or recognized again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from heard.compare.grid import DEFAULT, OFF, Setting
from heard.compare.run import Counted, counted

from ..support.corpus import DATA, load

ENGINE = "moonshine-tiny"
GROUPS: dict[str, tuple[int | None, ...]] = {"0 to 10 dB": (0, 5, 10), "20 dB and clean": (20, None)}

Mix = tuple[str, str, int | None, int]
"""Utterance, noise, SNR, seed."""


def kept(folder: Path) -> dict[Mix, dict[Setting, str]]:
    """Return what the recognizer heard of each mix under each setting; of two versions the later."""
    found: dict[Mix, dict[Setting, str]] = {}
    for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
        if not line:
            continue
        read = json.loads(line)
        key = json.loads(read["key"])
        if key["engine"] == ENGINE:
            mix, setting = key["mix"], key["setting"]
            place = (mix["utterance"], mix["noise"], mix["snr_db"], mix["seed"])
            found.setdefault(place, {})[Setting(**setting)] = read["outcome"]["said"]
    return found


def both(mixes: dict[Mix, dict[Setting, str]], transcripts: dict[str, str]) -> tuple[Counted, Counted]:
    """Count the words of mixes with their transcripts for references, and with the majority."""
    references = [transcripts[utterance] for utterance, _, _, _ in mixes]
    said = {setting: [heard[setting] for heard in mixes.values()] for setting in DEFAULT}
    return counted(said, references), counted(said, [])


def main() -> int:
    """Print a table; return 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.majority")
    parser.add_argument("--cache", type=Path, default=Path("out/bench-denoise"))
    parser.add_argument("--corpus", type=Path, default=DATA)
    asked = parser.parse_args()
    transcripts = {each.name: each.transcript for each in load(asked.corpus)[0]}
    whole = {
        mix: heard
        for mix, heard in kept(asked.cache).items()
        if mix[0] in transcripts and all(setting in heard for setting in DEFAULT)
    }
    for group, snrs in GROUPS.items():
        mixes = {mix: heard for mix, heard in whole.items() if mix[2] in snrs}
        if not mixes:
            continue
        by_words, by_vote = both(mixes, transcripts)
        lines = [f"{group}: {len(mixes)} mixes, {by_words.words} words", ""]
        lines += ["| | word errors | against `off` | off the majority |", "| --- | --- | --- | --- |"]
        for setting in DEFAULT:
            against = "" if setting == OFF else f"{by_words.against_off[setting].points:+.1f}"
            rates = (by_words.rates[setting], by_vote.rates[setting])
            lines.append(f"| {setting.name} | {rates[0]:.1f} % | {against} | {rates[1]:.1f} % |")
        sys.stdout.write("\n".join([*lines, "", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
