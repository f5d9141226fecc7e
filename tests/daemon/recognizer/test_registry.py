"""Engines are found by name."""

from pathlib import Path

import pytest

from heard.recognizer.engines import TurnSettings
from heard.recognizer.errors import StartError
from heard.recognizer.registry import DEFAULT_ENGINE, engine_names, load_engine

PLUGIN = """
from heard.recognizer.engines import SpokenWord, Utterance

class Echo:
    name = "echo"
    def recognize(self, samples, *, draft=None, cancelled=lambda: False):
        return Utterance((SpokenWord(str(len(samples)), 1.0),))

def load():
    return Echo()

def load_nothing():
    return object()

def load_what_is_missing():
    import no_such_module_anywhere
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package on the path, with engines as entry points."""
    (tmp_path / "echo_engine.py").write_text(PLUGIN)
    info = tmp_path / "echo_engine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-engine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[heard.engines]\n"
        "echo = echo_engine:load\n"
        "nothing = echo_engine:load_nothing\n"
        "missing = echo_engine:load_what_is_missing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def test_the_default_engine_is_found_by_name() -> None:
    """A streaming engine made of Moonshine."""
    assert load_engine(DEFAULT_ENGINE).name == "moonshine-tiny"


@pytest.mark.usefixtures("plugin")
def test_other_packages_bring_engines() -> None:
    """An utterance engine behind an entry point becomes a streaming one."""
    assert engine_names() == ["moonshine-tiny", "moonshine-base", "echo", "missing", "nothing"]
    engine = load_engine("echo")
    assert engine.name == "echo"
    assert not engine.open(TurnSettings()).turn_open


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing", "neither an utterance engine nor a streaming engine"),
        ("missing", "No module named 'no_such_module_anywhere'"),
        ("unknown", "must be one of moonshine-tiny, moonshine-base, echo, missing, nothing"),
    ],
)
def test_an_engine_that_cannot_be_had_is_told_in_one_line(name: str, says: str) -> None:
    """The line names the engine."""
    with pytest.raises(StartError, match=says) as caught:
        load_engine(name)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)
