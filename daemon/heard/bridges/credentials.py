"""A bridge's secrets, from systemd's credentials, private files or the environment, and its TLS settings."""

from __future__ import annotations

import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from heard.bridges.errors import CREDENTIALS, USAGE, StartError


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that shows itself only when asked to."""

    text: str

    def __repr__(self) -> str:
        return "***"


def revealed(secret: Secret | None) -> str | None:
    """Return the text itself, for the library that sends it."""
    return None if secret is None else secret.text


def secret(credential: str, file: Path | None, variable: str, environ: Mapping[str, str]) -> Secret | None:
    """Return the secret: systemd's credential of that name, else the file (0600), else the variable.

    Raises:
        StartError: what was found cannot be read, is open to others, or is empty.
    """
    if directory := environ.get("CREDENTIALS_DIRECTORY"):
        path = Path(directory) / credential
        if path.exists():
            return _checked(_read(path), str(path))
    if file is not None:
        path = file.expanduser()
        text = _read(path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise StartError(
                f"{path}: mode {mode:04o}: must be 0600, readable by its owner alone", CREDENTIALS
            )
        return _checked(text, str(path))
    if variable in environ:
        return _checked(environ[variable], f"${variable}")
    return None


def address(url: str, ports: Mapping[str, int]) -> tuple[SplitResult, int]:
    """Return a URL in parts and its port, which may be the scheme's own.

    ports: the schemes that are understood → the port of each

    Raises:
        StartError: another scheme, no host, no port that can be, or a secret in it.
    """
    wanted = " or ".join(f"{scheme}://HOST" for scheme in ports)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise StartError(f"{_plain(url)}: must be {wanted}", USAGE) from None
    if parts.username is not None or parts.password is not None:
        raise StartError(
            "a URL with a name or password in it is seen by every user of this machine: "
            "give the name as an option and the password in a file",
            USAGE,
        )
    if parts.scheme not in ports or not parts.hostname:
        raise StartError(f"{url}: must be {wanted}", USAGE)
    return parts, ports[parts.scheme] if port is None else port


def tls_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """Return the TLS settings: the machine's authorities or those in `ca`, and a certificate of our own.

    Raises:
        StartError: a file cannot be read or does not hold what it must.
    """
    if key is not None and certificate is None:
        raise StartError("--tls-key is of no use without --tls-cert", USAGE)
    try:
        context = ssl.create_default_context(cafile=None if ca is None else str(ca.expanduser()))
    except OSError as error:
        raise StartError(
            f"{ca}: holds no certificate of an authority: {error.strerror or error}", USAGE
        ) from None
    if certificate is not None:
        try:
            context.load_cert_chain(certificate.expanduser(), None if key is None else key.expanduser())
        except OSError as error:
            raise StartError(
                f"{certificate}: no certificate and key: {error.strerror or error}", USAGE
            ) from None
    return context


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise StartError(f"{path}: cannot be read: {reason}", CREDENTIALS) from None


def _checked(text: str, where: str) -> Secret:
    text = text.strip()
    if not text or not text.isprintable():
        raise StartError(f"{where}: must hold the secret, in one line", CREDENTIALS)
    return Secret(text)


def _plain(url: str) -> str:
    """Return a URL without what may be a secret."""
    return url.rpartition("@")[2]
