"""Backends by name."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from heard.denoise.backend import Backend
from heard.denoise.off import Off
from heard.denoise.registry import FACTORIES, GROUP, BackendError, Registry, default_mix, factories
from heard.settings import DEFAULT_MIX


def test_an_unknown_backend_is_refused_naming_those_there_are() -> None:
    with pytest.raises(BackendError, match="must be one of noisereduce, off, not 'rnnoise'"):
        Registry().get("rnnoise")


def test_a_backend_whose_package_is_missing_says_so() -> None:
    def missing() -> Backend:
        raise ImportError("No module named 'df'")

    with pytest.raises(BackendError, match="neural: No module named 'df': install the package"):
        Registry({"neural": missing}).get("neural")


def test_a_backend_is_made_once() -> None:
    registry = Registry()
    assert registry.get("off") is registry.get("off")


def test_every_backend_has_a_default_mix() -> None:
    assert set(FACTORIES) == set(DEFAULT_MIX)
    assert default_mix("noisereduce") == 0.3
    assert default_mix("somebody's own") == 0.5


def test_counters_of_the_backends_in_use_are_added_up() -> None:
    registry = Registry()
    assert registry.counters() == {}
    registry.get("noisereduce")
    registry.get("off")
    assert registry.counters() == {"silent_windows": 0}


def test_off_alone_loads_neither_noisereduce_nor_scipy() -> None:
    """They are most of the stage's memory and of its start."""
    code = (
        "import sys; from heard.denoise.process import Registry; Registry().get('off');"
        "print(*sorted({'noisereduce', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == ""


def test_off_gives_back_what_it_is_fed() -> None:
    assert Off().delay_samples == 0
    assert Off().counters == {}


def test_another_package_brings_a_backend() -> None:
    """An entry point of the group is a backend; it cannot take the place of one of ours."""
    brought = [
        EntryPoint(name="mine", group=GROUP, value="heard.denoise.off:Off"),
        EntryPoint(name="noisereduce", group=GROUP, value="nowhere:Nothing"),
        EntryPoint(name="broken", group=GROUP, value="no_such_package:Backend"),
    ]
    registry = Registry(factories(brought))
    assert isinstance(registry.get("mine"), Off)
    assert factories(brought)["noisereduce"] is FACTORIES["noisereduce"]
    with pytest.raises(BackendError, match="no_such_package"):
        registry.get("broken")
