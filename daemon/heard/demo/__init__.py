"""The noisy recording that `heard demo` plays; `NOTICE.md` beside it says whose voices are heard."""

from importlib.resources import files
from pathlib import Path


def recording() -> Path:
    """Return the path of the recording: FLAC, 16 kHz mono, about 20 s."""
    return _installed("demo.flac")


def transcript() -> str:
    """Return what is said in it: lower case, no punctuation but apostrophes, one sentence a line."""
    return _installed("demo.txt").read_text(encoding="utf-8").strip()


def _installed(name: str) -> Path:
    # heard is always installed as files: its children are started with `python -m heard`.
    return Path(str(files(__name__).joinpath(name)))
