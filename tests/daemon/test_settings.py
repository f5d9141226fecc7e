"""Settings as values: their defaults, and their way to a child process."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from heard.settings import (
    DEFAULT_MIX,
    Capture,
    Denoise,
    Publish,
    Recognizer,
    Settings,
    Source,
    Upstream,
    from_json,
    to_json,
)

from ..support.processes import run


def test_every_setting_reaches_a_child() -> None:
    """As they were: numbers, lists, several sources, a mix that was left out."""
    settings = Settings(
        runtime_dir="/run/é",
        state_dir="/s",
        exit_when_done=True,
        log_level="debug",
        publish=Publish(audio=True, journal_days=0),
        capture=Capture(retention_s=2.5, block_ms=40),
        upstream=Upstream(params={"keyterms_prompt": ["a"], "vad_threshold": 0.5, "format_turns": True}),
        recognizer=Recognizer(engine="other"),
        source=(Source(name="a", denoise=Denoise(backend="off")), Source(name="b", denoise=Denoise(mix=1))),
    )
    assert from_json(to_json(settings)) == settings
    assert from_json(to_json(Settings())) == Settings()


def test_a_mix_left_out_is_the_backends_own() -> None:
    """Also after the backend is changed; a plug-in without a default of ours gets half."""
    assert Denoise().mix_in_force == 0.3
    assert Denoise(backend="off").mix_in_force == 0
    assert Denoise(backend="plug-in").mix_in_force == 0.5
    assert Denoise(mix=0.0).mix_in_force == 0.0
    assert Denoise().backend in DEFAULT_MIX


def test_a_source_is_found_by_its_name() -> None:
    """None for a name that nobody has."""
    settings = Settings(source=(Source(name="a"), Source(name="b", channel=2)))
    found = settings.by_name("b")
    assert found is not None
    assert found.channel == 2
    assert settings.by_name("c") is None


def test_settings_do_not_change() -> None:
    """They are handed around: whoever wants others makes new ones."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().runtime_dir = "/x"  # type: ignore[misc]  # what is tested
    with pytest.raises(dataclasses.FrozenInstanceError):
        Source().denoise = Denoise()  # type: ignore[misc]  # likewise


def test_a_child_needs_no_validator() -> None:
    """Reading settings loads nothing that weighs: each child pays for what it imports."""
    code = (
        "import sys, heard.settings; print(sorted({'pydantic', 'click', 'rich', 'numpy'} & set(sys.modules)))"
    )
    assert run([sys.executable, "-c", code], limit_s=90).stdout == "[]\n"
