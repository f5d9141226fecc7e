"""The page's routes, between a browser's requests and a daemon's sockets."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from heard.web import app
from heard.web.app import MOST_BYTES, STATIC, make_app
from heard.web.audience import Audience
from heard.web.gate import Gate
from heard.wire.codec import Body, checked, pack, unpack
from heard_client import AsyncControl

from ...clients.peers import Frames, answering, final

TOKEN = "a-token-of-the-tests-0123"  # noqa: S105
Answer = Callable[[str, Body], Body]


class Daemon:
    """The far end of the control socket: keeps what it was asked, and answers as `answer` says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Body]] = []
        self.answer: Answer = lambda _op, _args: {}

    def reply(self, frames: Frames) -> list[Frames]:
        """Answer one request."""
        request = unpack(frames[-1])
        op, args = checked(request["op"], "op", str), checked(request["args"], "args", dict)
        if op != "watch":
            self.asked.append((op, args))
        head: Body = {"v": 1, "id": request["id"]}
        try:
            return [[frames[0], pack(head | {"ok": True, "result": self.answer(op, args)})]]
        except LookupError as error:
            code, message = error.args
            return [[frames[0], pack(head | {"ok": False, "error": {"code": code, "message": message}})]]


@pytest.fixture(name="daemon")
def _daemon() -> Daemon:
    return Daemon()


@pytest.fixture(name="page")
def _page(daemon: Daemon, tmp_path: Path) -> Iterator[TestClient]:
    with answering(tmp_path / "c", daemon.reply) as endpoint, _client(endpoint) as client:
        yield client


@contextmanager
def _client(control: str, gate: Gate | None = None) -> Iterator[TestClient]:
    daemon = AsyncControl(control)
    made = make_app(daemon, gate or Gate(), Audience())
    with TestClient(made, base_url="http://localhost:8787", follow_redirects=False) as client:
        yield client
    daemon.close()


@pytest.fixture(name="locked")
def _locked(daemon: Daemon, tmp_path: Path) -> Iterator[TestClient]:
    with (
        answering(tmp_path / "c", daemon.reply) as endpoint,
        _client(endpoint, Gate(TOKEN)) as client,
    ):
        yield client


def test_the_page_and_all_that_it_needs_are_served_from_here(page: TestClient) -> None:
    """What the HTML and the scripts refer to is there, and nothing of it is anywhere else."""
    seen: set[str] = set()

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert "style" not in dict(attrs), "the policy would block it"
            assert not any(name.startswith("on") for name, _ in attrs), "likewise"
            assert tag != "script" or dict(attrs).get("src"), "likewise"
            seen.update(value for name, value in attrs if name in ("href", "src") and value)

    Links().feed(page.get("/").text)
    for script in STATIC.glob("*.js"):
        seen.update(
            f"/static/{name}" for name in re.findall(r'"\./([^"]+)"', script.read_text(encoding="utf-8"))
        )
    for path in sorted(seen - {"#captions"}):
        assert path.startswith("/static/"), path
        assert page.get(path).status_code == 200, path
    everything = "".join(each.read_text(encoding="utf-8") for each in STATIC.iterdir())
    assert set(re.findall(r"https?://[^\s\"']+", everything)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", everything)


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/nowhere", "/api/search", "/login"])
def test_every_answer_keeps_the_browser_safe(page: TestClient, path: str) -> None:
    headers = page.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("asked", "op", "args"),
    [
        ({"what": "mute"}, "mute", {}),
        ({"what": "unmute"}, "unmute", {}),
        ({"what": "end-turn"}, "endpoint", {}),
        ({"what": "reconnect"}, "reconnect", {}),
        ({"what": "mix", "mix": 0.5}, "set", {"key": "denoise.mix", "value": 0.5}),
    ],
)
def test_what_is_done_on_the_page_is_done_by_the_daemon(
    page: TestClient, daemon: Daemon, asked: Body, op: str, args: Body
) -> None:
    result: Body = {"sources": {"mic": "muted"}} if op != "set" else {"denoise.mix": 0.5}
    daemon.answer = lambda _op, _args: result
    answer = page.post("/api/do", json=asked | {"source": "mic"})
    assert answer.status_code == 200
    assert answer.json() == {"result": result.get("sources", result)}
    assert daemon.asked == [(op, args | {"source": "mic"})]


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"{", 400, "JSON object"),
        (b"[]", 400, "JSON object"),
        (b"[" * 4000, 400, "JSON object"),
        (b"{}", 400, "source"),
        (b'{"source": "mic"}', 400, "what"),
        (b'{"source": "mic", "what": "stop"}', 400, "mute, unmute, end-turn, reconnect or mix"),
        (b'{"source": "mic", "what": "mix"}', 400, "mix"),
        (b'{"source": "mic", "what": "mix", "mix": "1"}', 400, "mix"),
        (b'{"source": 3, "what": "mute"}', 400, "source"),
        (b" " * (MOST_BYTES + 1), 413, "at most"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_daemon_hears_of_it(
    page: TestClient, daemon: Daemon, body: bytes, status: int, text: str
) -> None:
    answer = page.post("/api/do", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, text in answer.json()["error"]) == (status, True)
    assert daemon.asked == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_of_another_site_can_send_changes_nothing(
    page: TestClient, daemon: Daemon, kind: str
) -> None:
    """Even where a browser did not say whose it is."""
    body = b'{"source": "mic", "what": "mute"}'
    assert page.post("/api/do", content=body, headers={"content-type": kind}).status_code == 415
    origin = {"content-type": "application/json", "origin": "https://evil.example"}
    assert page.post("/api/do", content=body, headers=origin).status_code == 403
    assert page.get("/api/do", params={"source": "mic", "what": "mute"}).status_code == 405
    assert daemon.asked == []


def test_another_name_gets_nothing(page: TestClient) -> None:
    """The page of a site whose name was made to point here."""
    answer = page.get("/", headers={"host": "evil.example:8787"})
    assert (answer.status_code, "heard" in answer.text) == (421, False)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("bad-value", 400),
        ("unknown-source", 404),
        ("not-available", 503),
        ("unknown-op", 501),
        ("internal", 502),
    ],
)
def test_what_the_daemon_refuses_is_told_in_its_words(
    page: TestClient, daemon: Daemon, code: str, status: int
) -> None:
    def refuse(_op: str, _args: Body) -> Body:
        raise LookupError(code, "because <b>so</b>")

    daemon.answer = refuse
    answer = page.post("/api/do", json={"what": "mute", "source": "mic"})
    assert (answer.status_code, answer.json()) == (status, {"error": "because <b>so</b>"})


def test_without_a_daemon_the_page_is_there_and_says_so(tmp_path: Path) -> None:
    with _client(f"ipc://{tmp_path}/c") as page:
        assert page.get("/").status_code == 200
        answer = page.get("/api/search", params={"words": "anything"})
        assert (answer.status_code, "heard is not running" in answer.json()["error"]) == (503, True)


def _turn(number: int) -> Body:
    header: Body = {"topic": "transcript.final.mic", "v": 1, "run": "r", "seq": number, "time": 1.0}
    said: Body = {"source": "mic", "start": 60.0 * number, "end": 60.0 * number + 1, "words": []}
    return header | final(f"turn <b>{number}</b>", f"t{number}") | said


def test_a_search_is_answered_in_pages(page: TestClient, daemon: Daemon) -> None:
    daemon.answer = lambda _op, _args: {"transcripts": [_turn(2), _turn(1)], "more": True, "next": "c2"}
    found = page.get("/api/search", params={"words": '"next tuesday"', "cursor": "c1"}).json()
    assert [turn["text"] for turn in found["turns"]] == ["turn <b>2</b>", "turn <b>1</b>"]
    assert found["next"] == "c2"
    assert daemon.asked == [("search", {"words": '"next tuesday"', "limit": 50, "cursor": "c1"})]


@pytest.mark.parametrize("words", ["", "  ", "x" * 201])
def test_a_search_for_nothing_or_too_much_is_refused(page: TestClient, daemon: Daemon, words: str) -> None:
    assert page.get("/api/search", params={"words": words}).status_code == 400
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("form", "media", "begins"),
    [
        ("srt", "application/x-subrip", "1\n00:01:00,000 -->"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:01:00.000 -->"),
        ("text", "text/plain", "turn <b>1</b>\n"),
        ("markdown", "text/markdown", "# Transcript"),
        ("json", "application/json", '{\n  "v": 1'),
    ],
)
def test_a_download_is_a_file_of_all_pages(
    page: TestClient, daemon: Daemon, form: str, media: str, begins: str
) -> None:
    """Never a page that a browser would show: what was said may look like one."""

    def pages(_op: str, args: Body) -> Body:
        last = "cursor" in args
        return {"transcripts": [_turn(2 if last else 1)], "more": not last, "next": "c"}

    daemon.answer = pages
    answer = page.get("/export", params={"format": form, "since": "0", "source": "mic"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media
    assert answer.headers["content-disposition"].startswith('attachment; filename="heard-1970-01-01-')
    suffix = {"text": "txt", "markdown": "md"}.get(form, form)
    assert answer.headers["content-disposition"].endswith(f'.{suffix}"')
    assert answer.text.startswith(begins)
    assert "2" in answer.text
    assert [args["since"] for _, args in daemon.asked] == [0.0, 0.0]
    assert daemon.asked[0][1]["revised"] is True
    assert daemon.asked[0][1]["source"] == "mic"


@pytest.mark.parametrize(
    "query", [{"format": "exe"}, {"since": "yesterday"}, {"until": "nan"}, {"since": "1e99"}]
)
def test_a_download_that_makes_no_sense_is_refused(
    page: TestClient, daemon: Daemon, query: dict[str, str]
) -> None:
    assert page.get("/export", params=query).status_code == 400
    assert daemon.asked == []


def test_a_download_of_too_much_is_refused(
    page: TestClient, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take the server's memory; the command line has no such limit."""
    monkeypatch.setattr(app, "MOST_EXPORTED", 2)
    daemon.answer = lambda _op, _args: {"transcripts": [_turn(1)], "more": True, "next": "c"}
    answer = page.get("/export")
    assert (answer.status_code, "heardctl history" in answer.json()["error"]) == (413, True)
    assert len(daemon.asked) == 3


def test_without_the_token_there_is_the_login_alone(locked: TestClient, daemon: Daemon) -> None:
    answer = locked.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    for path in ("/events", "/api/search", "/export"):
        assert locked.get(path).status_code == 401
    assert locked.post("/api/do", json={"what": "mute", "source": "mic"}).status_code == 401
    assert locked.get("/login").status_code == 200
    assert daemon.asked == []


def test_the_token_logs_a_browser_in(locked: TestClient) -> None:
    """By a cookie that no script can read and no other site can have sent."""
    wrong = locked.post("/login", data={"token": "not-the-token-of-the-tests"})
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (403, False)
    assert "not the token" in wrong.text
    right = locked.post("/login", data={"token": f" {TOKEN} "}, headers={"origin": "http://localhost:8787"})
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    assert TOKEN not in cookie
    assert locked.get("/").status_code == 200


def test_another_site_cannot_log_a_browser_in(locked: TestClient) -> None:
    answer = locked.post("/login", data={"token": TOKEN}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_program_shows_the_token_itself(locked: TestClient) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert locked.get("/", headers=headers).status_code == 200
    assert locked.get("/", headers={"authorization": "Bearer wrong"}).status_code == 303


def test_over_tls_the_cookie_stays_on_tls(locked: TestClient) -> None:
    answer = locked.post("https://localhost:8787/login", data={"token": TOKEN})
    assert "secure" in answer.headers["set-cookie"].lower()
