"""Who is let in to the page."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.web.gate import COOKIE_S, Gate, read_token

NOW = 1_700_000_000.0
TOKEN = "a-token-of-the-tests-0123"  # noqa: S105
OPEN = Gate()
LOCKED = Gate(TOKEN, frozenset({"studio.local"}))
HOME = {"host": "localhost:8787"}


def _status(gate: Gate, headers: dict[str, str], method: str = "GET", path: str = "/api/search") -> int:
    refusal = gate.refuses(method, path, HOME | headers, NOW)
    return 200 if refusal is None else refusal.status


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:8787", "[::1]:8787", "192.168.7.5:8787", "localhost.:80"]
)
def test_addresses_and_localhost_are_ours(host: str) -> None:
    """A name server that another site rules can make a name point here, but not an address."""
    assert _status(OPEN, {"host": host.lower()}) == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8787", "localhost.evil.example", "a@localhost", "localhost/x",
             "localhost:99999", "localhost:x", "127.0.0.1.evil.example", "studio.local"]
)  # fmt: skip
def test_other_names_are_refused_with_the_sentence_that_says_how(host: str) -> None:
    """Rebinding: the page of evil.example, whose name now points at this machine, gets nothing."""
    refusal = OPEN.refuses("GET", "/", {"host": host}, NOW)
    assert refusal is not None
    assert (refusal.status, "--host NAME" in refusal.reason) == (421, True)


def test_a_name_that_was_allowed_is_ours() -> None:
    assert LOCKED.refuses("GET", "/login", {"host": "studio.local"}, NOW) is None


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},  # another program on this machine
        {"origin": ""},
        {"origin": "http://["},
        {"origin": "http://localhost:8787/"},
        {"origin": "http://localhost:8787@evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost:8787"},
    ],
)
def test_what_another_site_sends_is_refused(method: str, headers: dict[str, str]) -> None:
    """Whichever of its two ways a browser has to say so."""
    assert _status(OPEN, headers, method) == 403


def test_a_link_to_the_page_may_be_followed_but_not_one_to_what_it_asks() -> None:
    """From anywhere; what an image, a frame or a script of another site asks for is another matter."""
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert _status(OPEN, link, path="/") == 200
    assert _status(OPEN, link, path="/export") == 403
    assert _status(OPEN, link, "POST", "/") == 403
    assert _status(OPEN, link | {"sec-fetch-dest": "iframe"}, path="/") == 403
    assert _status(OPEN, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, path="/") == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_our_own_page_and_what_is_no_browser_may_come(method: str) -> None:
    assert _status(OPEN, {"origin": "http://localhost:8787", "sec-fetch-site": "same-origin"}, method) == 200
    assert _status(OPEN, {}, method) == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "get"])
def test_other_methods_are_not_understood(method: str) -> None:
    """Without an answer to OPTIONS no browser sends another site's JSON."""
    assert _status(OPEN, {}, method) == 405


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer \udcff"},
        {"cookie": "heard="},
        {"cookie": f"heard={TOKEN}"},
        {"cookie": "heard=9999999999."},
        {"cookie": f"other={Gate(TOKEN).cookie(NOW)}"},
        {"cookie": f"heard={Gate(TOKEN).cookie(NOW - COOKIE_S - 2)}"},
        {"cookie": f"heard={Gate('another-token-of-the-tests').cookie(NOW)}"},
        {"cookie": f"heard={'9' + Gate(TOKEN).cookie(NOW)}"},
        {"cookie": "heard=²³.x"},
    ],
)
def test_without_the_token_nothing_is_shown(headers: dict[str, str]) -> None:
    assert _status(LOCKED, headers) == 401
    assert _status(LOCKED, headers, path="/events") == 401
    assert _status(LOCKED, headers, path="/static/app.js") == 200
    assert _status(LOCKED, headers, path="/staticx") == 401


def test_the_token_or_a_cookie_that_proves_it_opens() -> None:
    """The cookie does not hold the token, and is refused when it has expired."""
    assert _status(LOCKED, {"authorization": f"Bearer {TOKEN}"}) == 200
    cookie = LOCKED.cookie(NOW)
    assert TOKEN not in cookie
    assert _status(LOCKED, {"cookie": f"a=b; heard={cookie}"}) == 200
    assert LOCKED.refuses("GET", "/", HOME | {"cookie": f"heard={cookie}"}, NOW + COOKIE_S + 2) is not None


def test_the_token_is_in_no_text_about_the_gate() -> None:
    assert TOKEN not in repr(LOCKED)


@settings(deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_no_header_breaks_it(host: str, origin: str, authorization: str, cookie: str) -> None:
    """Whatever a client sends, it is refused or let in."""
    headers = {"host": host, "origin": origin, "authorization": authorization, "cookie": cookie}
    refusal = LOCKED.refuses("GET", "/", headers, NOW)
    assert refusal is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "0 characters"), ("short", "at least 16"), ("x" * 16 + " y", "one line"), ("é" * 20, "printable")],
)
def test_a_file_without_a_good_token_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_token(text, "token")


def test_the_token_is_the_line_in_the_file() -> None:
    assert read_token(f"  {TOKEN}\n", "token") == TOKEN
