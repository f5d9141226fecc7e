"""`config/heard.toml` is what a user reads: it must be what the code does."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

from heard.config import load
from heard.config.fields import dotted
from heard.settings import Denoise, Settings, Source

FILE = Path(__file__).resolve().parents[1] / "config/heard.toml"
TEXT = FILE.read_text(encoding="utf-8")


def test_it_has_every_key_in_the_order_of_the_code() -> None:
    """And no key that the code does not know."""
    found: list[str] = []
    section = ""
    for line in TEXT.splitlines():
        if head := re.fullmatch(r"\[+([a-z.]+)\]+", line):
            section = f"{head[1]}."
        elif key := re.match(r"([a-z_]+) = ", line):
            found.append(section + key[1])
    assert tuple(found) == dotted()


def test_its_values_are_the_defaults() -> None:
    """Raw, before anything is filled in. The mix, which is left out by default, is the backend's own."""
    table = tomllib.loads(TEXT)
    (source,) = table.pop("source")
    denoise = source.pop("denoise")
    defaults = dataclasses.asdict(Settings())
    assert table == {name: value for name, value in defaults.items() if name != "source"}
    assert source == {k: v for k, v in dataclasses.asdict(Source()).items() if k != "denoise"}
    assert denoise == dataclasses.asdict(Denoise(mix=Denoise().mix_in_force))


@pytest.mark.parametrize("environ", [{}, {"XDG_RUNTIME_DIR": "/run/user/1", "XDG_STATE_HOME": "/home/me/s"}])
def test_reading_it_changes_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    """A daemon with the whole file behaves as one without any."""
    nothing = tmp_path / "empty.toml"
    nothing.touch()
    without = load(nothing, [], environ).settings
    mixed = tuple(
        dataclasses.replace(each, denoise=Denoise(mix=each.denoise.mix_in_force)) for each in without.source
    )
    assert load(FILE, [], environ).settings == dataclasses.replace(without, source=mixed)


def test_every_key_is_explained() -> None:
    """Each stands below a comment, with an empty line before that."""
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[a-z_]+ = ", line):
            assert lines[number - 1].startswith("# "), f"{line!r} is not explained"


def test_the_examples_in_its_comments_are_right() -> None:
    """What a user copies from a comment is accepted."""
    (params,) = re.findall(r"^# (params = \{.+\})$", TEXT, re.MULTILINE)
    overrides = re.findall(r"--set (\S+=\S+)", TEXT)
    environ = dict(re.findall(r"(HEARD_\w+__\w+)=(\w+)", TEXT))
    assert len(overrides) == len(environ) == 2
    found = load(FILE, [f"upstream.{params}", *overrides], environ).settings
    assert found.upstream.service == "assemblyai"
    assert found.upstream.params["max_turn_silence"] == 800
    assert (found.source[0].device, found.source[0].denoise.mix) == ("USB", 0.5)
