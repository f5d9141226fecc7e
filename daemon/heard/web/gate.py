"""Core: who is let in. Headers and the time go in; a refusal, or none, comes out.

Three things are kept apart. *Host*: a name that somebody else's DNS points at us (rebinding) is not ours, so
that page's script is refused. *Site*: what another site's page has the browser send here is refused. *Token*:
beyond this machine one is needed; a browser that has shown it gets a cookie that proves it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

COOKIE = "heard"
COOKIE_S = 30 * 24 * 3600
"""How long a browser is remembered; a change of the token ends it at once."""
TOKEN_CHARS = 16
"""The least length of a token: long enough that guessing is hopeless."""
OPEN_PATHS = ("/login", "/static/")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: an HTTP status, and a sentence that says what would be right."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets in who may come.

    token  what must be shown; empty: whoever can reach us may come, which is this machine
    names  names by which browsers may know us, beside `localhost` and addresses
    """

    token: str = field(default="", repr=False)
    names: frozenset[str] = frozenset()

    def refuses(self, method: str, path: str, headers: Mapping[str, str], now: float) -> Refusal | None:
        """Return why a request is refused, None where it is not; `headers` by their lower-case names."""
        host = headers.get("host", "")
        if not self._is_ours(host):
            text = f"{_short(host)!r} is no name of this server: start it with --host NAME to allow one"
            return Refusal(421, text)
        if not _same_site(method, path, headers):
            return Refusal(403, "this was sent from another site's page")
        if method not in ("GET", "HEAD", "POST"):
            return Refusal(405, "GET and POST are understood")
        if path.startswith(OPEN_PATHS) or self.knows(headers, now):
            return None
        return Refusal(401, "show the token: log in, or send `Authorization: Bearer TOKEN`")

    def knows(self, headers: Mapping[str, str], now: float) -> bool:
        """Say whether the token, or a cookie that proves it, is shown."""
        if not self.token:
            return True
        kind, _, shown = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(shown.strip()):
            return True
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        if morsel is None:
            return False
        expires = morsel.value.partition(".")[0]
        if not (expires.isascii() and expires.isdecimal() and len(expires) < 12) or int(expires) < now:
            return False
        return hmac.compare_digest(morsel.value.encode(), self._proof(expires).encode())

    def is_token(self, shown: str) -> bool:
        """Compare in a time that tells nothing, not even a length."""
        ours, theirs = (
            hashlib.sha256(each.encode(errors="replace")).digest() for each in (self.token, shown)
        )
        return bool(self.token) and hmac.compare_digest(ours, theirs)

    def cookie(self, now: float) -> str:
        """Return the value of a cookie that proves that the token was shown."""
        return self._proof(str(int(now) + COOKIE_S))

    def _proof(self, expires: str) -> str:
        proof = hmac.new(self.token.encode(), f"heard web until {expires}".encode(), hashlib.sha256)
        return f"{expires}.{proof.hexdigest()}"

    def _is_ours(self, host: str) -> bool:
        name = _name(host)
        if name is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in ("localhost", *self.names)
        return True  # rebinding needs a name


def read_token(text: str, where: str) -> str:
    """Return the token that a file holds.

    Raises:
        ValueError: it is none; the text says what would be right.
    """
    token = text.strip()
    if len(token) < TOKEN_CHARS:
        raise ValueError(
            f"{where}: a token of {len(token)} characters: must have at least {TOKEN_CHARS}; "
            f"make one with `openssl rand -hex 16 > {where}`"
        )
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ValueError(f"{where}: must hold one line of printable characters without a space")
    return token


def _same_site(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Say whether a request is no other site's.

    Browsers tell by `Sec-Fetch-Site`, and by `Origin` in whatever changes something; what sends neither is
    no browser. Following a link to the page itself is what links are for.
    """
    origin = headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower():
        return False
    site = headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none"):
        return True
    follows_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return method == "GET" and path in ("/", "/login") and follows_link


def _name(host: str) -> str | None:
    """Return the name or address in a `Host` header, without its port; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # checks it
    except ValueError:
        return None
    if parts.netloc != host or "@" in host or not parts.hostname:
        return None
    return parts.hostname.rstrip(".")


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"
