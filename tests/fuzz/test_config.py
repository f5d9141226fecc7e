"""A configuration may hold anything: it is taken, or refused with one line per error."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from heard.config import ConfigError, effective, load
from heard.config.fields import dotted
from heard.settings import from_json, to_json

KEYS = [
    *dotted(),
    "source.mic.device",
    "source.mic.denoise.mix",
    "nonsense.key",
    "a.b.c.d",
    "source",
    "curve",
]
TEXT = Path(__file__).parents[2].joinpath("config/heard.toml").read_text(encoding="utf-8")
# What a file or variable cannot hold is the operating system's to refuse.
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
SCALARS = st.one_of(
    st.integers(), st.floats(), st.booleans(), WORDS, st.just("ipc://{runtime_dir}/x"), st.just("tcp://*:*")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def read(text: str, overrides: list[str], environ: dict[str, str]) -> None:
    """Load a configuration: it becomes settings that children can read, or lines for a person."""
    refused: list[str] | None = None
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        try:
            loaded = load(Path(file.name), overrides, environ)
        except ConfigError as error:
            refused = error.errors
    if refused is not None:
        assert refused
        assert all(line.strip() and "Traceback" not in line for line in refused)
        return
    assert from_json(to_json(loaded.settings)).runtime_dir == loaded.settings.runtime_dir
    effective(loaded.settings)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5), st.lists(WORDS, max_size=2))
def test_any_value_of_any_key(given_values: dict[str, object], words: list[str]) -> None:
    """By --set and by the environment, alone and together with words that are no settings at all."""
    overrides = [f"{key}={json.dumps(value)}" for key, value in given_values.items()]
    environ = {
        f"HEARD_{key.upper().replace('.', '__')}": json.dumps(value) for key, value in given_values.items()
    }
    read("", [*overrides, *words], {})
    read("", [], environ | {f"HEARD_{word}": word for word in words})


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_as_a_file(text: str) -> None:
    """TOML or not."""
    read(text, [], {})


def test_a_configuration_that_was_torn() -> None:
    """Every key's file with lines left out, doubled, mixed up and cut."""
    random = Random(1)
    lines = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
    for _ in range(80):
        torn = [line for line in lines if random.random() < 0.9]
        for _ in range(random.randrange(4)):
            place = random.randrange(len(torn))
            match random.randrange(4):
                case 0:
                    torn.insert(place, torn[random.randrange(len(torn))])
                case 1:
                    torn[place] = torn[place][: random.randrange(len(torn[place]) + 1)]
                case 2:
                    torn[place] = (
                        torn[place].partition("=")[0] + "= " + random.choice(lines).rpartition("=")[2]
                    )
                case _:
                    torn[place] = torn[place] + chr(random.randrange(1, 0x3000))
        read("\n".join(torn), [], {})
