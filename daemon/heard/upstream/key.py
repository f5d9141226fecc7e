"""The service's API key: found, kept out of every log and error.

Read by this process alone, and sent in one place: the `Authorization` header of the upgrade.
"""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

CREDENTIAL = "assemblyai-api-key"
VARIABLE = "ASSEMBLYAI_API_KEY"
MASK = "***"
LEAST_SHOWN = 8
"""So many characters of the key are not shown even where the rest is missing."""


class KeyUnusableError(Exception):
    """There is no key, or none that can be used; the text says what would be right."""


class Key:
    """A secret that shows itself to nobody but `reveal`'s caller."""

    __slots__ = ("_bytes", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        # As JSON writes it; without characters to escape that is the key itself.
        self._bytes = json.dumps(text)[1:-1].encode()

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """Return the key itself, for the header."""
        return self._text

    def scrub(self, text: str) -> str:
        """Return `text` with the key masked: a service may repeat it in an error.

        One that is cut short at the end of the text is masked too, if what is left of it would help a thief.
        """
        text = text.replace(self._text, MASK)
        for length in range(min(len(self._text) - 1, len(text)), LEAST_SHOWN - 1, -1):
            if text.endswith(self._text[:length]):
                return text[:-length] + MASK
        return text

    def scrub_json(self, data: bytes) -> bytes:
        """Return a JSON message with the key masked, also where it is written with escapes."""
        if b"\\" in data:
            # "\u0073ecret" is "secret", and "\/" is "/", to whoever reads it.
            with suppress(ValueError, RecursionError):
                data = json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8", "replace")
        return data.replace(self._bytes, MASK.encode())


class Scrub(logging.Filter):
    """Masks the key in every line of this process's log, traces included."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._key = key

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask and let pass."""
        record.msg = self._key.scrub(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = self._key.scrub(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def find(api_key_file: str, environ: Mapping[str, str]) -> Key:
    """Return the key: systemd's credential, else the configured file (0600), else the environment.

    Raises:
        KeyUnusableError: none is found, or the one found cannot be read, is open to others, or is no key.
    """
    if directory := environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(directory) / CREDENTIAL
        if _exists(credential):
            return _checked(_read(credential), f"credential {credential}")
    if api_key_file and _exists(path := Path(api_key_file).expanduser()):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyUnusableError(f"{path}: mode {mode:04o}: must be 0600, readable by its owner alone")
        return _checked(_read(path), str(path))
    if text := environ.get(VARIABLE):
        return _checked(text, f"${VARIABLE}")
    raise KeyUnusableError(_nowhere(api_key_file))


def lacking(api_key_file: str, environ: Mapping[str, str]) -> str | None:
    """Return why there is no key, None where there is one; looks only at what exists, and reads nothing."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory and (Path(directory) / CREDENTIAL).exists():
        return None
    if api_key_file and Path(api_key_file).expanduser().exists():
        return None
    return None if environ.get(VARIABLE) else _nowhere(api_key_file)


def _nowhere(api_key_file: str) -> str:
    missing = f" ({api_key_file} does not exist)" if api_key_file else ""
    places = f"systemd's credential {CREDENTIAL}, upstream.api_key_file or ${VARIABLE}"
    return f"no API key{missing}: give {places}"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise KeyUnusableError(f"{path}: cannot be read: {error.strerror}") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise KeyUnusableError(f"{path}: cannot be read: {reason}") from None


def _checked(text: str, where: str) -> Key:
    key = text.strip()
    if not key:
        raise KeyUnusableError(f"{where}: is empty: must hold the API key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        # It goes into a header: a line break in it would begin another.
        raise KeyUnusableError(f"{where}: is no API key: must be printable characters without a space")
    return Key(key)
